"""A tuning per learning rate, judged after several numbers of epochs on the validation rows; the test stays unseen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from embedgrad.data.splits import Parts
from embedgrad.durable import write_file
from embedgrad.errors import CannotResume
from embedgrad.events import Event, StepDone, Underway
from embedgrad.jobs.new_folder import new_folder
from embedgrad.jobs.resuming import told_how_to_resume
from embedgrad.jobs.sweep_settings import SweepSettings
from embedgrad.jobs.tune_settings import run_settings
from embedgrad.run.folder import RunFolder
from embedgrad.run.grid import Grid, read_grid
from embedgrad.run.names import CHECKPOINT, PICTURE, SETTINGS, SPLIT, SWEEP
from embedgrad.run.split import keep_split
from embedgrad.settings import read_toml, write_toml
from embedgrad.units import counted
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.jobs.prepared import Prepared
    from embedgrad.tuning.trials import Trials


@dataclass(frozen=True)
class SweepJob:
    """A sweep in its folder, new or to be continued. `parts` are its rows, where they have been read."""

    settings: SweepSettings
    folder: RunFolder
    parts: Parts | None = None

    @classmethod
    @contextmanager
    def create(cls, settings: SweepSettings, watch: Watch = Watch()) -> Iterator[Self]:
        """A new sweep, whose folder is made; it goes again when something fails before there is anything to resume.
        Raises what `TuneJob.create` raises."""
        with new_folder(settings, watch, "-sweep", "sweep") as (kept, folder, parts):
            yield cls(kept, folder, parts)

    @classmethod
    @contextmanager
    def resume(cls, path: Path) -> Iterator[Self]:
        """A sweep that was begun, with its own settings. Raises CannotResume, FolderInUse, SettingsError."""
        if not (path / SETTINGS).exists() or "rates" not in read_toml(path / SETTINGS):
            raise CannotResume(f"{path} is no sweep's folder. Give the folder that sweep wrote.")
        with RunFolder.open(path) as folder:
            yield cls(run_settings(folder, SweepSettings), folder)

    @property
    def finished(self) -> Grid | None:
        """What it found, if it is finished. Raises EmbedgradError where that is not what embedgrad writes."""
        return read_grid(self.folder.file(SWEEP))

    def run(self, watch: Watch = Watch()) -> Grid:
        """A tuning per rate and number of epochs, then the picture and the grid, whose presence means finished. Raises
        what `eg.tune` raises."""
        with told_how_to_resume(self.folder, "sweep", "sweep"):
            return self._run(watch)

    def _run(self, watch: Watch) -> Grid:
        from embedgrad.jobs.prepared import opening, prepare
        from embedgrad.report.figures import heat_map
        from embedgrad.tuning.grid import as_grid

        folder, parts = self.folder, self.parts or self.settings.read_parts()
        keep_split(folder.file(SPLIT), self.settings.split_record(parts))
        prepared = prepare(self.settings, parts, watch)
        write_toml(folder.file(SETTINGS), prepared.settings.changed(learning_rate=None))  # every default resolved
        for sentence in opening(prepared, parts):
            watch.note(sentence)
        rates, counts = self.settings.rate_texts, self.settings.epoch_counts
        watch.note(f"{counted(len(rates) * len(counts), 'tuning')} of up to {counted(prepared.steps, 'step')} each")
        grid = as_grid(self._tried(prepared, parts, watch))
        write_file(folder.file(PICTURE), heat_map(grid).encode())
        folder.write_json(SWEEP, grid)
        return grid

    def _tried(self, prepared: Prepared, parts: Parts, watch: Watch) -> Trials:
        from embedgrad.tuning.prepare import Setup
        from embedgrad.tuning.sweep import sweep

        rates, counts = self.settings.rate_texts, self.settings.epoch_counts
        done, coming, words = 0, 0, ""
        lengths = [prepared.settings.changed(epochs=count).tuning.total_steps(prepared.tuned_rows) for count in counts]
        with watch.stage("sweep", sum(lengths) * len(rates)) as update:

            def begin(cell: str, steps: int) -> None:
                nonlocal done, coming, words
                done, coming, words = done + coming, steps, cell
                update(done, words)

            def listen(event: Event | Underway) -> None:
                watch.event(event)
                if isinstance(event, StepDone):
                    update(done + event.step, words)

            options = self.settings.tuning.model_copy(update={"learning_rate": None, "epochs": max(counts)})
            told = replace(watch, event=listen)
            seen = parts.without_test()
            setup = Setup.prepare(prepared.model, prepared.start, seen, options, prepared.judging, watch=told)
            checkpoints = self.folder.file(CHECKPOINT).parent
            return sweep(setup, options, rates, counts, folder=checkpoints, stage=begin, watch=told)
