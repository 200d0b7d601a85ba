"""`embedgrad analyze`: a look into a finished run, or at a starting prompt before it is tuned.

Read it top down: the run, its rows and prompts, the analyses one by one, the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.reading.contrast import load_concept
from embedgrad.cli.console import Terminal
from embedgrad.cli.diagnose import DiagnoseSettings, judge_start
from embedgrad.cli.flags import COMMA_SEPARATED, merged
from embedgrad.cli.missing import missing
from embedgrad.cli.tune import prepare
from embedgrad.cli.tune_settings import TuneSettings, run_settings
from embedgrad.data.split_record import check_split
from embedgrad.durable import make_folder
from embedgrad.errors import DataError, Interrupted, ModelError, PromptError, UsageError, did_you_mean
from embedgrad.report.page import write_report
from embedgrad.report.run_folder import read_run
from embedgrad.runs import ANALYSIS, PROMPT, REPORT, SPLIT, TRAJECTORY, RunFolder
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.analysis.study import Study

ROWS_LOOKED_AT = 100


@dataclass(frozen=True)
class Looking:
    """The flags that say what of a run to look at, and how closely."""

    only: Annotated[str | None, Parameter(help=f"Only these of {', '.join(ANALYSES)}; comma-separated.")] = None
    rows: Annotated[int, Parameter(help="How many rows to look at, spread evenly over the test rows.")] = ROWS_LOOKED_AT
    concepts: Annotated[Path | None, Parameter(help="JSONL of contrast pairs for reading, instead of ours.")] = None
    with_: Annotated[
        str | None, Parameter(name="--with", help="Prompt file of equal length to blend with, instead of the start.")
    ] = None


def analyze(
    run: Annotated[Path | None, Parameter(help="Folder of a finished run.")] = None,
    *,
    looking: Annotated[Looking, Parameter(name="*")] = Looking(),
    diagnose: Annotated[
        bool, Parameter(help="Judge a starting prompt before tuning: --model, --prompt, --data.", negative=())
    ] = False,
    flags: Annotated[DiagnoseSettings | None, Parameter(name="*")] = None,
    settings: Annotated[
        Path | None, Parameter(help="With --diagnose: TOML file with any of these settings; flags go on top.")
    ] = None,
    json: Annotated[bool, Parameter(help="Print one JSON object.", negative=())] = False,
    quiet: Annotated[
        bool, Parameter(help="Print nothing but errors, --json and what --diagnose finds.", negative=())
    ] = False,
) -> None:
    """Look into a finished run: how far its vectors moved, how sure its answers are, what each position does."""
    terminal = Terminal(json, quiet, says_result=diagnose)
    rows, concepts, with_ = looking.rows, looking.concepts, looking.with_
    if rows < 1:
        raise UsageError(f"--rows {rows}: an analysis needs at least one row.")
    if diagnose:
        if any(given is not None for given in (run, looking.only, concepts, with_)):
            raise UsageError("--diagnose judges a prompt before tuning: it takes no run folder and none of its flags.")
        judge_start(merged(flags, settings, DiagnoseSettings), rows, terminal)
        return
    if run is None:
        raise UsageError("Give the folder of a run, or --diagnose with --model, --prompt and --data.")
    if flags is not None or settings is not None:
        raise UsageError("A run is analyzed with its own settings: --model, --data and the like go with --diagnose.")
    names = _named(looking.only)
    for flag, given, name in (("--with", with_, "blend"), ("--concepts", concepts, "reading")):
        if given is not None and name not in names:
            raise UsageError(f"{flag} is for {name}, which --only leaves out. Add {name} to --only, or omit {flag}.")
    with RunFolder.open(run) as folder:
        terminal.result(analyze_run(folder, names, rows, terminal, concepts=concepts, other=with_))
    terminal.say(f"\nanalyses  {folder.file(ANALYSIS)}\nreport    {folder.file(REPORT)}")


def analyze_run(
    folder: RunFolder,
    names: Sequence[str],
    rows: int,
    terminal: Terminal,
    *,
    concepts: Path | None = None,
    other: str | None = None,
) -> dict[str, object]:
    """The analyses `names` of a finished run, written into its folder and its report; what --json prints."""
    read_run(folder.path)  # whether it is finished and whole is told before the model loads
    for sentence in missing():
        terminal.note(sentence)
    study = _study(folder, rows, concepts, other, terminal)
    found, left_out = _analyzed(study, names, folder, terminal)
    write_report(folder.path)
    return {"folder": str(folder.path), "analyses": found, "left_out": left_out}


def _named(only: str | None) -> Sequence[str]:
    names = tuple(ANALYSES) if only is None else COMMA_SEPARATED.read([only])
    if not names:
        raise UsageError(f"--only {only!r} names no analysis; write some of {', '.join(ANALYSES)}, or omit --only.")
    for name in names:
        if name not in ANALYSES:
            raise UsageError(
                f"There is no analysis {name!r}; write some of {', '.join(ANALYSES)}."
                f"{did_you_mean(name, list(ANALYSES))}"
            )
    return tuple(dict.fromkeys(names))


def _study(folder: RunFolder, rows: int, concepts: Path | None, other: str | None, terminal: Terminal) -> Study:
    """The run's model, prompts and rows, placed and split as tuning had them.

    Test rows: nothing is chosen here, so looking at them spoils nothing, and what is seen is not what was fitted."""
    job = run_settings(folder, TuneSettings)
    parts = job.read_parts()
    check_split(folder.file(SPLIT), job.split_record(parts))
    if not folder.file(SPLIT).exists():
        terminal.note(f"{SPLIT} is missing: it cannot be checked that these are the run's rows")
    pairs = None if concepts is None else (load_concept(concepts),)

    from embedgrad.analysis.blend.measure import check_fit
    from embedgrad.analysis.study import Study, spread
    from embedgrad.placement import start
    from embedgrad.tuning.trajectory import read_trajectory

    prepared = prepare(job, parts, terminal)
    model = prepared.model
    tuned = start(model, folder.file(PROMPT), allow_mismatch=job.allow_mismatch, say=terminal.note)
    blended = None
    if other is not None:
        blended = (Path(other).name, start(model, Path(other), allow_mismatch=job.allow_mismatch, say=terminal.note))
        check_fit(blended[1], tuned)
    chosen = tuple(spread(parts.test, rows))
    terminal.note(f"{len(chosen)} of {len(parts.test)} test rows; nothing is chosen by them")
    return Study(
        model=model,
        text=prepared.baseline,
        start=prepared.start,
        tuned=tuned,
        rows=chosen,
        judging=prepared.judging,
        along=read_trajectory(folder.file(TRAJECTORY)),
        other=blended,
        concepts=pairs,
    )


def _analyzed(
    study: Study, names: Sequence[str], folder: RunFolder, terminal: Terminal
) -> tuple[dict[str, object], dict[str, str]]:
    """What was found, as JSON objects, and why the others are left out. Each is written as soon as it is done."""
    found: dict[str, object] = {}
    left_out: dict[str, str] = {}
    make_folder(folder.file(ANALYSIS))
    for name in names:
        title = name.replace("_", " ")
        try:
            with terminal.progress(title, 100) as line:
                record = study.analyze(name, Watch(note=terminal.note, progress=line.part))
        except (PromptError, ModelError, DataError) as error:
            if len(names) == 1:
                raise
            left_out[name] = str(error)
            folder.file(ANALYSIS / f"{name}.json").unlink(missing_ok=True)  # of an earlier time, and true no more
            terminal.section(title, [f"left out: {error}"])
            continue
        except KeyboardInterrupt:
            done = f"What is done is in {folder.file(ANALYSIS)}. " if found else ""
            rest = ",".join(names[names.index(name) :])
            raise Interrupted(f"Stopped. {done}Do the rest with --only {rest}.") from None
        found[name] = written = record.model_dump(mode="json")
        folder.write_json(str(ANALYSIS / f"{name}.json"), written)
        terminal.section(title, ANALYSES[name].sentences(record))
    return found, left_out
