"""`embedgrad learning-curve`: tunings on growing numbers of rows, and how many a task needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import flags_of, merged
from embedgrad.errors import SettingsError
from embedgrad.jobs.learning_curve import LearningCurveJob
from embedgrad.jobs.learning_curve_settings import LearningCurveSettings
from embedgrad.report.learning_curve import curve_note, curve_table, curve_words
from embedgrad.run.folder import RunFolder
from embedgrad.run.learning_curve import LearningCurve
from embedgrad.run.names import CURVE_PICTURE, LEARNING_CURVE, REPORT

if TYPE_CHECKING:
    CurveFlags = LearningCurveSettings
else:
    CurveFlags = flags_of(LearningCurveSettings)


def learning_curve(
    *,
    flags: Annotated[CurveFlags | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags override it.")] = None,
    resume: Annotated[Path | None, Parameter(help="Curve's folder to continue; takes no other settings.")] = None,
    json: Annotated[bool, Parameter(help="Print the curve as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only errors (and --json).", negative=())] = False,
) -> None:
    """Tune on growing numbers of rows, and say how many the task needs."""
    terminal = Terminal(json, quiet)
    if resume is not None:
        if flags is not None or settings is not None:
            raise SettingsError("--resume continues a learning curve with its own settings: give no others with it.")
        with LearningCurveJob.resume(resume) as job:
            if (found := job.finished) is not None:
                terminal.note(f"{job.folder.path} is finished; this is its curve.")
                _show(found, job.folder, terminal)
            else:
                _show(job.run(terminal.watch), job.folder, terminal)
        return
    asked = merged(flags, settings, LearningCurveSettings)
    if flags is not None and flags.recipe is not None:
        asked = asked.over_recipe()
    with LearningCurveJob.create(asked, terminal.watch) as job:
        _show(job.run(terminal.watch), job.folder, terminal)


def _show(found: LearningCurve, folder: RunFolder, terminal: Terminal) -> None:
    """The curve, and what it says."""
    terminal.result(found.model_dump(mode="json") | {"folder": str(folder.path)})
    terminal.table(curve_table(found))
    terminal.say(curve_note(found))
    terminal.say()
    for sentence in curve_words(found):
        terminal.say(sentence)
    terminal.say(
        f"\ncurve   {folder.file(LEARNING_CURVE)}\npicture {folder.file(CURVE_PICTURE)}\nreport  {folder.file(REPORT)}"
    )
