"""`embedgrad analyze`: a look into a finished run, or at a starting prompt before it is tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.analysis import Record
from embedgrad.analysis.diagnosis import DIAGNOSIS
from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import comma_separated, flags_of, merged
from embedgrad.errors import UsageError
from embedgrad.jobs.analyze import ROWS_LOOKED_AT, AnalyzeJob, Told, check_names
from embedgrad.jobs.diagnose import DiagnoseJob, DiagnoseSettings
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import ANALYSIS, REPORT

if TYPE_CHECKING:
    DiagnoseFlags = DiagnoseSettings
else:
    DiagnoseFlags = flags_of(DiagnoseSettings)


@dataclass(frozen=True)
class Looking:
    """The flags that say what of a run to look at, and how closely."""

    only: Annotated[str | None, Parameter(help=f"Only these of {', '.join(ANALYSES)}; comma-separated.")] = None
    rows: Annotated[int, Parameter(help="Number of test rows to analyze, spread evenly.")] = ROWS_LOOKED_AT
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
    flags: Annotated[DiagnoseFlags | None, Parameter(name="*")] = None,
    settings: Annotated[
        Path | None, Parameter(help="With --diagnose: TOML file with any of these settings; flags override it.")
    ] = None,
    json: Annotated[bool, Parameter(help="Print one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only errors, --json and what --diagnose finds.", negative=())] = False,
) -> None:
    """Analyze a finished run: how far its vectors moved, how certain its answers are, what each position does."""
    terminal = Terminal(json, quiet, says_result=diagnose)
    rows, concepts, with_ = looking.rows, looking.concepts, looking.with_
    if rows < 1:
        raise UsageError(f"--rows {rows}: an analysis needs at least one row.")
    if diagnose:
        if any(given is not None for given in (run, looking.only, concepts, with_)):
            raise UsageError("--diagnose judges a prompt before tuning: it takes no run folder and none of its flags.")
        _diagnose(merged(flags, settings, DiagnoseSettings), rows, terminal)
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
        found = AnalyzeJob(folder, names, rows, concepts, with_).run(terminal.watch, told(terminal))
    written = {name: record.model_dump(mode="json") for name, record in found.records.items()}
    terminal.result({"folder": str(folder.path), "analyses": written, "left_out": dict(found.left_out)})
    terminal.say(f"\nanalyses  {folder.file(ANALYSIS)}\nreport    {folder.file(REPORT)}")


def told(terminal: Terminal) -> Told:
    """What an analysis found, on the terminal as soon as it is done."""

    def tell(name: str, found: Record | str) -> None:
        lines = [f"left out: {found}"] if isinstance(found, str) else ANALYSES[name].sentences(found)
        terminal.section(name.replace("_", " "), lines)

    return tell


def _named(only: str | None) -> Sequence[str]:
    names = tuple(ANALYSES) if only is None else comma_separated([only])
    if not names:
        raise UsageError(f"--only {only!r} names no analysis; write some of {', '.join(ANALYSES)}, or omit --only.")
    return check_names(names)


def _diagnose(settings: DiagnoseSettings, rows: int, terminal: Terminal) -> None:
    found = DiagnoseJob(settings, rows).run(terminal.watch)
    terminal.result({"analyses": {"diagnosis": found.model_dump(mode="json")}, "left_out": {}})
    terminal.section("diagnosis", DIAGNOSIS.sentences(found))
