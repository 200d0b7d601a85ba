"""The gain on small tasks with the bundled model: a run folder per task, and tables of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.events import Event, StepDone, Underway
from embedgrad.jobs.analyze import ROWS_LOOKED_AT, AnalyzeJob
from embedgrad.jobs.missing import missing
from embedgrad.jobs.resuming import discarding
from embedgrad.jobs.sweep import SweepJob
from embedgrad.jobs.sweep_settings import SweepSettings
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.pocket.tasks import PocketTask
from embedgrad.report.page import render_comparison, write_page
from embedgrad.report.runs import collect
from embedgrad.run.demo_tables import DemoTables
from embedgrad.run.folder import RunFolder
from embedgrad.run.metrics import MetricsFile
from embedgrad.run.names import DEMO, METRICS, REPORT, SETTINGS, SPLIT, TRAJECTORY
from embedgrad.run.split import keep_split
from embedgrad.settings import checked, read_toml, write_toml
from embedgrad.tuning.settings import TuningSettings
from embedgrad.units import counted
from embedgrad.watch import Update, Watch

if TYPE_CHECKING:
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.pocket.trial import Trial

_ALL = 100  # parts of the progress per task
SWEPT = "reviews"
RATES, EPOCHS = "0.02rms,0.04rms,0.08rms,0.16rms", "2,4,8"
"""A grid around the demo's own setting: 0.08rms, and 120 steps of 32 rows, which are 8 epochs."""


@dataclass(frozen=True)
class DemoJob:
    """Tasks to be tuned and tested one by one, each with a run folder in `folder`."""

    model: FrozenModel
    folder: RunFolder
    tasks: Sequence[PocketTask]
    seed: int = 0

    def run(self, watch: Watch = Watch()) -> list[Trial]:
        """Every task, and the tables. What is done when something stops it keeps its folder. Raises what `eg.tune`
        raises."""
        model = self.model
        watch.note(
            f"{model.parameters:,} parameters, frozen, {model.dtype_name}; "
            f"{counted(len(self.tasks), 'task')}, each tuned and tested on its own"
        )
        for sentence in missing():
            watch.note(sentence)
        trials: list[Trial] = []
        with watch.stage("demo", _ALL * len(self.tasks)) as update:
            for task in self.tasks:
                try:
                    with RunFolder.create(self.folder.file(task.name), "demo") as run_folder, discarding(run_folder):
                        trials.append(self._tried(task, run_folder, _ALL * len(trials), update))
                except BaseException:  # the tasks that are done keep their folders, the one at hand leaves none
                    if not trials:
                        self.folder.discard()
                    raise
        blocks = {block: tuple(t.result for t in trials if t.task.block == block) for block in DemoTables.blocks()}
        self.folder.write_json(DEMO, DemoTables.model_validate(blocks))
        return trials

    def _tried(self, task: PocketTask, folder: RunFolder, done: int, update: Update) -> Trial:
        """Run one task and write its run folder. A fifth of the progress is for choosing, three for tuning, one for the
        test."""
        from embedgrad.jobs.outcome import finish
        from embedgrad.jobs.prepared import Prepared
        from embedgrad.pocket.trial import run_trial, settings_of
        from embedgrad.tuning.trajectory import write_snapshot

        options = settings_of(task, self.seed)
        at = done

        def begin(words: str) -> None:
            nonlocal at
            if words.endswith("tuning"):
                at = max(at, done + _ALL // 5)
            update(at, words)

        with MetricsFile(folder.file(METRICS), -1) as metrics:

            def listen(event: Event | Underway) -> None:
                nonlocal at
                if isinstance(event, StepDone):
                    at = done + _ALL // 5 + 3 * _ALL // 5 * event.step // event.total_steps
                    update(at, f"{task.name}: tuning")
                if isinstance(event, Event):
                    metrics.append(event)

            watch = Watch(event=listen, snapshot=lambda step, at: write_snapshot(folder.file(TRAJECTORY), step, at))
            trial = run_trial(self.model, task, options, stage=begin, watch=watch)
        settings = _settings(self.model, trial, options)
        write_toml(folder.file(SETTINGS), settings)
        keep_split(folder.file(SPLIT), settings.split_record(trial.parts))
        rows = len(trial.parts.train)
        prepared = Prepared(settings, self.model, trial.start, trial.start, task.task, rows)
        finish(prepared, trial.run, (trial.best_written, trial.after), trial.parts, folder)
        update(done + _ALL, f"{task.name} is done")
        return trial

    def study(self, names: Sequence[str], watch: Watch = Watch()) -> Path:
        """Analyze the finished runs `names`, sweep SWEPT (else the first of them), and write the page, whose path is
        returned. What the single jobs would say stays unsaid."""
        with watch.stage("analyzing", len(names)) as update:
            for number, name in enumerate(names):
                update(number, name)
                with RunFolder.open(self.folder.file(name)) as folder:
                    AnalyzeJob(folder, tuple(ANALYSES), ROWS_LOOKED_AT).run()
            update(len(names), "done")
        swept = SWEPT if SWEPT in names else names[0]
        watch.note(f"a sweep of {swept}: learning rates {RATES}, epochs {EPOCHS}")
        job = checked(TuneSettings, read_toml(self.folder.file(swept) / SETTINGS), "demo").given
        grid = {
            "rates": RATES,
            "epochs_grid": EPOCHS,
            "min_steps": 0,
            "output": str(self.folder.file(f"{swept}-sweep")),
        }
        kept = {name: value for name, value in job.items() if name not in ("learning_rate", "epochs", "max_new_tokens")}
        with SweepJob.create(checked(SweepSettings, kept | grid, "demo")) as sweep:
            sweep.run()
        page = self.folder.file(REPORT)
        write_page(page, render_comparison(collect([self.folder.path])))
        return page


def _settings(model: FrozenModel, trial: Trial, options: TuningSettings) -> TuneSettings:
    """Those that repeat the trial."""
    task, kind = trial.task, trial.task.task
    values = {
        "model": model.identity.name,
        "dtype": model.dtype_name,
        "prompt": trial.start.text,
        "train": str(task.path("train")),
        "validation": str(task.path("validation")),
        "test": str(task.path("test")),
        "task": kind.kind,
        "labels": kind.labels or None,
        "pattern": kind.pattern,
        "accepted": {label: tuple(forms) for label, forms in kind.accepted.items()} or None,
        "by_number": kind.by_number,
        **options.model_dump(),
    }
    return checked(TuneSettings, values, task.name)
