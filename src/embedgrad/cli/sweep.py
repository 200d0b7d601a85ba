"""`embedgrad sweep`: a grid of learning rates and epochs, judged on the validation rows. The test rows stay unseen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import flags_of, merged
from embedgrad.cli.grid_table import grid_table, remarks
from embedgrad.errors import SettingsError
from embedgrad.jobs.sweep import SweepJob
from embedgrad.jobs.sweep_settings import SweepSettings
from embedgrad.run.folder import RunFolder
from embedgrad.run.grid import Grid
from embedgrad.run.names import PICTURE, SWEEP
from embedgrad.units import counted

if TYPE_CHECKING:
    SweepFlags = SweepSettings
else:
    SweepFlags = flags_of(SweepSettings)


def sweep(
    *,
    flags: Annotated[SweepFlags | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags override it.")] = None,
    resume: Annotated[Path | None, Parameter(help="Sweep folder to continue; takes no other settings.")] = None,
    json: Annotated[bool, Parameter(help="Print the grid as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only errors (and --json).", negative=())] = False,
) -> None:
    """Tune over a grid of learning rates and epochs, and plot how sensitive the gain is."""
    terminal = Terminal(json, quiet)
    if resume is not None:
        if flags is not None or settings is not None:
            raise SettingsError("--resume continues a sweep with its own settings: give no others with it.")
        with SweepJob.resume(resume) as job:
            if (grid := job.finished) is not None:
                terminal.note(f"{job.folder.path} is finished; this is its grid.")
                _show(grid, job.folder, terminal)
            else:
                _run(job, terminal)
        return
    with SweepJob.create(_asked(flags, settings), terminal.watch) as job:
        _run(job, terminal)


def _asked(flags: SweepFlags | None, settings: Path | None) -> SweepSettings:
    """Flags over file over recipe."""
    for name, instead in (("learning_rate", "rates"), ("epochs", "epochs_grid")):
        if flags is not None and name in flags.model_fields_set:
            old, new = (f"--{word.replace('_', '-')}" for word in (name, instead))
            raise SettingsError(f"A sweep has several: write {new} instead of {old}.")
    asked = merged(flags, settings, SweepSettings)
    return asked.over_recipe() if flags is not None and flags.recipe is not None else asked


def _run(job: SweepJob, terminal: Terminal) -> None:
    _show(job.run(terminal.watch), job.folder, terminal)


def _show(grid: Grid, folder: RunFolder, terminal: Terminal) -> None:
    """The grid, what it says and what it does not."""
    terminal.result(grid.model_dump(mode="json") | {"folder": str(folder.path)})
    cell = grid.cells[grid.chosen]
    has_metric = cell.accuracy is not None
    what = "Accuracy with its 95 % interval and loss" if has_metric else "Loss"
    terminal.say(f"{what} on {counted(grid.validation_rows, 'validation row')}")
    terminal.table(grid_table(grid))
    for sentence in remarks(grid):
        terminal.say(sentence)
    among = "of the cells within one standard error of the highest accuracy " if has_metric else ""
    terminal.say(f"* chosen: {cell.relative_rate:.3g}rms, {cell.epochs:.3g} epochs: {among}the lowest loss")
    terminal.say(
        "These rows also chose each cell's prompt, so the figures compare settings and are no result: tune with the "
        "chosen ones, and the test rows say what they are worth."
    )
    terminal.say(f"grid    {folder.file(SWEEP)}\npicture {folder.file(PICTURE)}")
