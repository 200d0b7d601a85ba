"""`embedgrad sweep`: a grid of learning rates and epochs, judged on the validation rows. The test rows stay unseen.

Read it top down: settings, rows, model, a tuning per rate, the grid.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import ProgressLine, Terminal
from embedgrad.cli.flags import merged
from embedgrad.cli.grid import as_grid, failures, grid_table
from embedgrad.cli.recipes import over_recipe
from embedgrad.cli.resuming import discarding, told_how_to_resume
from embedgrad.cli.sweep_settings import SweepSettings
from embedgrad.cli.tune import Prepared, opening, prepare
from embedgrad.cli.tune_settings import keep_stdin, run_settings
from embedgrad.data.split_record import keep_split
from embedgrad.data.splits import Parts
from embedgrad.durable import write_file
from embedgrad.errors import CannotResume, SettingsError
from embedgrad.report.found import read_grid
from embedgrad.report.grid import Grid
from embedgrad.runs import CHECKPOINT, PICTURE, SETTINGS, SPLIT, SWEEP, RunFolder
from embedgrad.settings import read_toml, write_toml
from embedgrad.units import counted
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.events import Calibrating, Event, Validating
    from embedgrad.tuning.trials import Trials


def sweep(
    *,
    flags: Annotated[SweepSettings | None, Parameter(name="*")] = None,
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
        with _opened(resume) as folder:
            job = run_settings(folder, SweepSettings)
            if (grid := read_grid(folder.file(SWEEP))) is not None:
                terminal.note(f"{folder.path} is finished; this is its grid.")
                _show(grid, folder, terminal)
            else:
                _run(job, folder, terminal)
        return
    job = _job(flags, settings)
    if job.train != "-":
        job.read_parts(terminal.note)  # what is wrong with the rows is told before a folder is made
    name = Path(job.model or "").name.lower()
    path = Path(job.output) if job.output else Path("runs") / f"{name}-sweep-{datetime.now():%Y%m%d-%H%M%S}"
    with RunFolder.create(path, "sweep") as folder, discarding(folder):
        job = keep_stdin(job, folder).model_copy(update={"output": None})
        write_toml(folder.file(SETTINGS), job)
        _run(job, folder, terminal)


def _job(flags: SweepSettings | None, settings: Path | None) -> SweepSettings:
    """Flags over file over recipe. The grid takes the place of `learning_rate` and `epochs`, and nothing but
    `min_steps` that is asked for makes few epochs longer than they are."""
    for name, instead in (("learning_rate", "rates"), ("epochs", "epochs_grid")):
        if flags is not None and name in flags.model_fields_set:
            old, new = (f"--{word.replace('_', '-')}" for word in (name, instead))
            raise SettingsError(f"A sweep has several: write {new} instead of {old}.")
    job = merged(flags, settings, SweepSettings)
    if flags is not None and flags.recipe is not None:
        job = over_recipe(flags.recipe, job)
    grid = {"learning_rate": None, "epochs": max(job.epoch_counts)}
    if "min_steps" not in job.model_fields_set:
        grid["min_steps"] = 0
    return job.resolved().model_copy(update=grid)


def _opened(path: Path) -> RunFolder:
    """An existing sweep's folder. Raises CannotResume."""
    if not (path / SETTINGS).exists() or "rates" not in read_toml(path / SETTINGS):
        raise CannotResume(f"{path} is no sweep's folder. Give the folder that sweep wrote.")
    return RunFolder.open(path)


def _run(job: SweepSettings, folder: RunFolder, terminal: Terminal) -> None:
    """A tuning per rate, then the grid."""
    parts = job.read_parts()
    keep_split(folder.file(SPLIT), job.split_record(parts))
    prepared = prepare(job, parts, terminal)
    write_toml(folder.file(SETTINGS), prepared.job.model_copy(update={"learning_rate": None}))  # every default resolved
    steps = job.total_steps(prepared.tuned_rows)
    rates, epochs = len(job.rate_texts), len(job.epoch_counts)
    for sentence in opening(prepared, parts):
        terminal.note(sentence)
    terminal.note(f"{rates} tunings of up to {steps} steps, each seen after {epochs} numbers of epochs")
    with told_how_to_resume(folder, "sweep", "sweep"), terminal.progress("sweep", steps * rates) as progress:
        grid = as_grid(_tried(job, prepared, parts, folder, steps, progress, terminal))
        _write(grid, folder)
    _show(grid, folder, terminal)


def _tried(
    job: SweepSettings,
    prepared: Prepared,
    parts: Parts,
    folder: RunFolder,
    steps: int,
    progress: ProgressLine,
    terminal: Terminal,
) -> Trials:
    from embedgrad.events import StepDone
    from embedgrad.tuning.prepare import Setup
    from embedgrad.tuning.sweep import sweep as sweep_rates

    done, words = 0, ""

    def stage(number: int, rate: str) -> None:
        nonlocal done, words
        done, words = number * steps, rate
        progress.update(done, words)

    def listen(event: Event | Validating | Calibrating) -> None:
        if isinstance(event, StepDone):
            progress.update(done + event.step, words)

    options = job.tuning(learning_rate=None, epochs=max(job.epoch_counts))
    watch = Watch(event=listen, note=terminal.note)
    setup = Setup.prepare(prepared.model, prepared.start, parts.without_test(), options, prepared.judging, watch=watch)
    checkpoints = folder.file(CHECKPOINT).parent
    return sweep_rates(setup, options, job.rate_texts, job.epoch_counts, folder=checkpoints, stage=stage, watch=watch)


def _write(grid: Grid, folder: RunFolder) -> None:
    """The picture, then the numbers, whose presence means finished."""
    from embedgrad.report.figures import heat_map

    write_file(folder.file(PICTURE), heat_map(grid).encode())
    folder.write_json(SWEEP, grid.model_dump(mode="json"))


def _show(grid: Grid, folder: RunFolder, terminal: Terminal) -> None:
    """The grid, what it says and what it does not."""
    terminal.result(grid.model_dump(mode="json") | {"folder": str(folder.path)})
    cell = grid.cells[grid.chosen]
    has_metric = cell.accuracy is not None
    what = "Accuracy with its 95 % interval and loss" if has_metric else "Loss"
    terminal.say(f"{what} on {counted(grid.validation_rows, 'validation row')}")
    terminal.table(grid_table(grid))
    for sentence in failures(grid):
        terminal.say(sentence)
    among = "of the cells within one standard error of the highest accuracy " if has_metric else ""
    terminal.say(f"* chosen: {cell.relative_rate:.3g}rms, {cell.epochs:.3g} epochs: {among}the lowest loss")
    terminal.say(
        "These rows also chose each cell's prompt, so the figures compare settings and are no result: tune with the "
        "chosen ones, and the test rows say what they are worth."
    )
    terminal.say(f"grid    {folder.file(SWEEP)}\npicture {folder.file(PICTURE)}")
