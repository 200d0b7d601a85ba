"""Tune a prompt on labeled rows and measure the gain on rows it has not seen, in a run folder.

Read it top down: settings and rows, the folder, tuning, the untouched test rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from embedgrad.data.splits import Parts, data_sha256
from embedgrad.errors import NonFiniteLoss
from embedgrad.events import Calibrating, Event, Listener, Restarting, Underway, Validated, Validating
from embedgrad.jobs.missing import missing
from embedgrad.jobs.new_folder import new_folder
from embedgrad.jobs.resuming import told_how_to_resume
from embedgrad.jobs.tune_settings import TuneSettings, run_settings
from embedgrad.run.folder import RunFolder
from embedgrad.run.metrics import MetricsFile
from embedgrad.run.names import (
    CALIBRATION,
    CHECKPOINT,
    METRICS,
    PROMPT_FILE,
    RESTARTS,
    RESULT,
    SETTINGS,
    SPLIT,
    TRAJECTORY,
)
from embedgrad.run.split import keep_split
from embedgrad.settings import write_toml
from embedgrad.tuning.learning_rate import AUTO
from embedgrad.units import counted, per_cent
from embedgrad.watch import Update, Watch

if TYPE_CHECKING:  # torch is loaded once the settings and the rows are known to be right
    from torch import Tensor

    from embedgrad.jobs.outcome import Outcome
    from embedgrad.jobs.prepared import Prepared
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.tuning.tune import Run


@dataclass(frozen=True)
class TuneJob:
    """A tuning in its run folder, new or to be continued. `parts` are its rows and `model` its
    model, where they are here already."""

    settings: TuneSettings
    folder: RunFolder
    parts: Parts | None = None
    model: FrozenModel | None = None

    @classmethod
    @contextmanager
    def create(cls, settings: TuneSettings, watch: Watch = Watch()) -> Iterator[Self]:
        """A new run, whose folder is made; it goes again when something fails before there is anything to resume. What
        is wrong with the settings and the rows is said before. Raises SettingsError, DataError and its kin,
        FolderExists, FolderInUse, OutputError."""
        with new_folder(settings, watch) as (kept, folder, parts):
            yield cls(kept, folder, parts)

    @classmethod
    @contextmanager
    def resume(cls, path: Path) -> Iterator[Self]:
        """A run that was begun, with its own settings. Raises CannotResume, FolderInUse, SettingsError."""
        with RunFolder.open(path) as folder:
            yield cls(run_settings(folder, TuneSettings), folder)

    @property
    def is_finished(self) -> bool:
        return self.folder.file(RESULT).exists()

    def run(self, watch: Watch = Watch()) -> Outcome:
        """Tune on the tuning and validation rows, then compare on the test rows, which the model sees only then, and
        write everything down. (Before, they were looked at for what is wrong with them: bad rows, duplicates, lengths,
        unknown labels.) Raises what `eg.tune` raises."""
        with told_how_to_resume(self.folder, "tune", "tuning"):
            return self.outcome(watch)

    def outcome(self, watch: Watch = Watch()) -> Outcome:
        """As `run`; how to resume is for the caller to say."""
        from embedgrad.jobs.judged import judged_side_by_side
        from embedgrad.jobs.outcome import finish
        from embedgrad.jobs.prepared import opening, prepare

        folder = self.folder
        parts = self.parts or self.settings.read_parts()
        keep_split(folder.file(SPLIT), self.settings.split_record(parts))
        prepared = prepare(self.settings, parts, watch, self.model)
        for sentence in (*opening(prepared, parts), *_course(prepared), *missing(baselines=bool(prepared.task.labels))):
            watch.note(sentence)
        write_toml(folder.file(SETTINGS), prepared.settings)  # again, now that every default is resolved
        run = _tuned(prepared, parts, folder, watch)
        prepared = _as_chosen(prepared, run, folder)
        names = [prepared.baseline.name, "tuned"]
        artifacts = [artifact.bind(prepared.model) for artifact in (prepared.baseline, run.artifact)]
        before, after = judged_side_by_side(artifacts, parts.test, prepared.judging, names, watch)
        return finish(prepared, run, (before, after), parts, folder)


def _tuned(prepared: Prepared, parts: Parts, folder: RunFolder, watch: Watch) -> Run:
    """From the checkpoint where there is one, with the run folder's metrics and snapshots on the way."""
    from embedgrad.prompt.soft_prompt import SoftPrompt
    from embedgrad.tuning.prepare import Setup
    from embedgrad.tuning.state import saved_record
    from embedgrad.tuning.trajectory import write_snapshot
    from embedgrad.tuning.tune import run_tuning

    saved = saved_record(folder.file(CHECKPOINT))
    first_step = -1 if saved is None else saved.step
    validated_after = [] if saved is None else [step for step, _, _ in saved.validations]

    def snapshot(step: int, embeddings: Tensor) -> None:
        write_snapshot(folder.file(TRAJECTORY), step, embeddings)
        watch.snapshot(step, embeddings)

    with (
        MetricsFile(folder.file(METRICS), first_step, validated_after) as metrics,
        watch.stage("tuning", prepared.steps, max(first_step, 0)) as update,
    ):
        told = replace(
            watch,
            event=_listener(metrics, update, watch),
            snapshot=snapshot,
            before_save=metrics.sync,
        )
        options, depends_on = prepared.settings.tuning, data_sha256(parts.test)
        seen = parts.without_test()
        setup = Setup.prepare(prepared.model, prepared.start, seen, options, prepared.judging, depends_on, told)
        try:
            return run_tuning(setup, options, folder.file(CHECKPOINT), told, prepared.starts)
        except NonFiniteLoss as error:
            if not isinstance(error.prompt, SoftPrompt):
                raise
            error.prompt.save(folder.file(PROMPT_FILE))
            raise NonFiniteLoss(f"{error} The best prompt so far is in {folder.file(PROMPT_FILE)}.") from error


def _listener(metrics: MetricsFile, update: Update, watch: Watch) -> Listener:
    """What happens, into the metrics file and as progress."""
    validated = ""

    def listen(event: Event | Underway) -> None:
        nonlocal validated
        watch.event(event)
        if isinstance(event, Calibrating):
            update(0, f"choosing the learning rate {100 * event.done // event.total} %")
        elif isinstance(event, Restarting):
            update(0, f"choosing among restarts {100 * event.done // event.total} %")
        elif isinstance(event, Validating):
            update(event.step, f"validating {100 * event.done // event.total} %")
        else:
            metrics.append(event)
            if isinstance(event, Validated):
                accuracy = "" if event.accuracy is None else f"{per_cent(event.accuracy)}, "
                validated = f"validation {accuracy}loss {event.loss:.3f} at step {event.step}"
            update(event.step, validated)

    return listen


def _as_chosen(prepared: Prepared, run: Run, folder: RunFolder) -> Prepared:
    """With the settings that the short runs chose, which alone repeat the run, written down with all that they found.
    Until then a resumed run calibrates and restarts again, from the short runs' checkpoints."""
    from embedgrad.tuning.grid import as_grid

    settings = prepared.settings
    if run.calibration is not None:
        folder.write_json(CALIBRATION, as_grid(run.calibration.trials))
        settings = settings.changed(**run.calibration.chosen)
    if run.restarts is not None:
        folder.write_json(RESTARTS, run.restarts.record())
        settings = settings.changed(**run.restarts.settings)
    if settings is not prepared.settings:
        write_toml(folder.file(SETTINGS), settings)
    return replace(prepared, settings=settings)


def _course(prepared: Prepared) -> Iterator[str]:
    """How long it may take, how fast it goes, and how far."""
    from embedgrad.tuning.restarts import short_steps

    options, table_rms = prepared.settings.tuning, prepared.model.table_rms
    rows = options.rows_per_step(prepared.tuned_rows)
    epochs = prepared.steps * rows / max(prepared.tuned_rows, 1)  # without any row, tune says so
    length = f"up to {counted(prepared.steps, 'step')} of {counted(rows, 'row')} ({epochs:.3g} epochs)"
    if options.restarts > 1:
        steps = short_steps(options, prepared.tuned_rows)
        runs = counted(options.restarts, "run")
        length += f", the best of {runs}" if steps == prepared.steps else f", by the best of {runs} after {steps} steps"
    if options.learning_rate == AUTO:
        yield f"{length}, after short runs that choose the learning rate"
    else:
        rate = float(options.learning_rate or "nan")
        yield f"{length}, learning rate {rate:.3g} ({rate / table_rms:.2g}rms)"
    bounds = [f"at most {options.radius:g} times its length from its start"] if options.radius else []
    bounds += ["where its original token is the nearest"] if options.keep_nearest else []
    if bounds:
        yield f"every vector stays {' and '.join(bounds)}"
    if options.distance_penalty:
        yield f"the distance from the start is part of the loss, with weight {options.distance_penalty:g}"
