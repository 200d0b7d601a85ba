"""`embedgrad tune`: the main job, from a prompt and a file of rows to a better prompt and a number to trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import flags_of, merged
from embedgrad.data.example import Example
from embedgrad.errors import SettingsError
from embedgrad.jobs.seeds import SeedsJob
from embedgrad.jobs.seeds_settings import SeedsSettings
from embedgrad.jobs.tune import TuneJob
from embedgrad.report.seeds import SEEDS_NOTE, seeds_table, seeds_words
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import PROMPT_FILE, REPORT
from embedgrad.run.seeds import Seeds

if TYPE_CHECKING:
    TuneFlags = SeedsSettings
else:
    TuneFlags = flags_of(SeedsSettings)


def tune(
    *,
    flags: Annotated[TuneFlags | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags override it.")] = None,
    resume: Annotated[Path | None, Parameter(help="Run folder to continue; takes no other settings.")] = None,
    json: Annotated[bool, Parameter(help="Print the result as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only errors (and --json).", negative=())] = False,
) -> None:
    """Tune a prompt on labeled rows and measure the gain on held-out rows."""
    terminal = Terminal(json, quiet)
    if resume is not None:
        if flags is not None or settings is not None:
            raise SettingsError("--resume continues a run with its own settings: give no others with it.")
        if SeedsJob.is_at(resume):
            with SeedsJob.resume(resume) as seeds_job:
                _run_seeds(seeds_job, terminal)
            return
        with TuneJob.resume(resume) as job:
            _show_again(job, terminal) if job.is_finished else _run(job, terminal)
        return
    asked = merged(flags, settings, SeedsSettings)
    if flags is not None and flags.recipe is not None:  # in a settings file it only says where they came from
        asked = asked.over_recipe()
    if asked.seeds > 1:
        with SeedsJob.create(asked, terminal.watch) as seeds_job:
            _run_seeds(seeds_job, terminal)
        return
    with TuneJob.create(asked.of_run(0), terminal.watch) as job:
        _run(job, terminal)


def _run(job: TuneJob, terminal: Terminal) -> None:
    outcome = job.run(terminal.watch)
    from embedgrad.cli.run_result import show

    show(outcome.result, job.folder, job.settings.model.model or "", outcome.example, terminal)


def _show_again(job: TuneJob, terminal: Terminal) -> None:
    from embedgrad.cli.run_result import show
    from embedgrad.report.page import write_report
    from embedgrad.run.record import read_run

    folder = job.folder
    terminal.note(f"{folder.path} is finished; this is its result.")
    record = read_run(folder.path)
    if not folder.file(REPORT).exists():  # the result was written, then something stopped the report
        write_report(folder.path)
    show(record.result, folder, job.settings.model.model or "", Example(record.predictions[0].input), terminal)


def _run_seeds(job: SeedsJob, terminal: Terminal) -> None:
    if (found := job.finished) is not None:
        terminal.note(f"{job.folder.path} is finished; this is its result.")
    _show_seeds(found or job.run(terminal.watch), job.folder, terminal)


def _show_seeds(found: Seeds, folder: RunFolder, terminal: Terminal) -> None:
    """Each seed and the mean, what they say, and where the prompt is."""
    terminal.result(found.model_dump(mode="json") | {"folder": str(folder.path)})
    terminal.table(seeds_table(found))
    terminal.say(SEEDS_NOTE)
    for sentence in seeds_words(found):
        terminal.say(f"\n{sentence}")
    terminal.say(f"\nprompt  {folder.file(PROMPT_FILE)}\nreport  {folder.file(REPORT)}")
