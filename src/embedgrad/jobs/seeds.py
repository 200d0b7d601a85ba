"""The same tuning with several seeds: how much of a gain is luck."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from embedgrad.data.splits import Parts
from embedgrad.durable import write_file
from embedgrad.evaluation.seeds import OverSeeds, over_seeds
from embedgrad.jobs.new_folder import new_folder
from embedgrad.jobs.resuming import told_how_to_resume
from embedgrad.jobs.runs_inside import Inside, runs_inside
from embedgrad.jobs.seeds_settings import SeedsSettings
from embedgrad.jobs.tune_settings import run_settings
from embedgrad.named_file import read_named
from embedgrad.report.page import render_comparison, write_page
from embedgrad.report.runs import collect
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import PROMPT_FILE, REPORT, SEEDS, SETTINGS, SPLIT
from embedgrad.run.predictions import Answer
from embedgrad.run.record import RunRecord
from embedgrad.run.seeds import Mean, SeedRun, Seeds, read_seeds
from embedgrad.run.split import keep_split
from embedgrad.settings import read_toml
from embedgrad.watch import Watch


@dataclass(frozen=True)
class SeedsJob:
    """Tunings in folders inside one, new or to be continued. `parts` are their rows, where they have been read."""

    settings: SeedsSettings
    folder: RunFolder
    parts: Parts | None = None

    @classmethod
    @contextmanager
    def create(cls, settings: SeedsSettings, watch: Watch = Watch()) -> Iterator[Self]:
        """New ones, whose outer folder is made. Raises what `TuneJob.create` raises."""
        with new_folder(settings, watch, "-seeds") as (kept, folder, parts):
            yield cls(kept, folder, parts)

    @classmethod
    @contextmanager
    def resume(cls, path: Path) -> Iterator[Self]:
        """Those that were begun, with their own settings. Raises CannotResume, FolderInUse, SettingsError."""
        with RunFolder.open(path) as folder:
            yield cls(run_settings(folder, SeedsSettings), folder)

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder is one of these."""
        return (path / SETTINGS).exists() and read_toml(path / SETTINGS).get("seeds", 1) != 1

    @property
    def finished(self) -> Seeds | None:
        """What they came to, if they are finished. Raises EmbedgradError where that is not what embedgrad writes."""
        return read_seeds(self.folder.file(SEEDS))

    def run(self, watch: Watch = Watch()) -> Seeds:
        """A whole run for each seed, then the prompt of the best by validation, and `seeds.json`, whose presence means
        finished. Raises what `TuneJob.run` raises."""
        with told_how_to_resume(self.folder, "tune", "tuning"):
            folder, settings = self.folder, self.settings
            parts = self.parts or settings.read_parts()
            keep_split(folder.file(SPLIT), settings.split_record(parts))
            wanted = [
                Inside(f"seed-{settings.seed_at(place)}", settings.of_run(place), parts)
                for place in range(settings.seeds)
            ]
            records = runs_inside(folder, wanted, watch)
            found = summarized(records, [settings.seed_at(place) for place in range(settings.seeds)])
            best = records[found.chosen].folder / PROMPT_FILE
            write_file(folder.file(PROMPT_FILE), read_named(best))
            folder.write_json(SEEDS, found)
            write_page(folder.file(REPORT), render_comparison(collect([folder.path])))
            return found


def summarized(records: Sequence[RunRecord], seeds: Sequence[int]) -> Seeds:
    """What runs on the same rows came to; the prompt to keep is chosen by their validations (`choice.kept`), never by
    the test."""
    from embedgrad.tuning.choice import Validation, kept

    validated = [next(at for at in run.validations if at.step == run.result.best_step) for run in records]
    rows = records[0].result.rows.validation
    has_metric = records[0].result.comparison is not None
    right = matrices(records, lambda answer: float(bool(answer.correct)))
    nats = matrices(records, lambda answer: answer.loss)
    return Seeds(
        before=records[0].result.before,
        runs=tuple(
            SeedRun(
                seed=seed,
                folder=run.folder.name,
                validation_accuracy=at.accuracy,
                validation_loss=at.loss,
                after=run.result.after,
                comparison=run.result.comparison,
                loss_comparison=run.result.loss_comparison,
            )
            for run, seed, at in zip(records, seeds, validated, strict=True)
        ),
        chosen=kept([Validation(at.loss, at.accuracy, rows) for at in validated]),
        accuracy=_fraction(over_seeds(right[1])) if has_metric else None,
        difference=_mean(over_seeds(right[1] - right[0])) if has_metric else None,
        loss=_mean(over_seeds(nats[1])),
        loss_difference=_mean(over_seeds(nats[1] - nats[0])),
        baselines=records[0].result.baselines,
        prompt_file=PROMPT_FILE,
        seconds=sum(run.result.seconds for run in records),
    )


def matrices(
    records: Sequence[RunRecord], measured: Callable[[Answer], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is `measured` of the text prompt's answers [rows] and of each run's [runs, rows]."""
    before = np.array([measured(row.before) for row in records[0].predictions])
    return before, np.array([[measured(row.after) for row in run.predictions] for run in records])


def _mean(found: OverSeeds) -> Mean:
    return Mean(value=found.mean, interval=found.interval, spread=found.spread)


def _fraction(found: OverSeeds) -> Mean:
    low, high = found.interval
    return Mean(value=found.mean, interval=(max(low, 0.0), min(high, 1.0)), spread=found.spread)
