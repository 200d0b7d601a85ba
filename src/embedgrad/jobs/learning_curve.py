"""Tunings on growing numbers of rows: how many does a task need?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from embedgrad.data.splits import Parts
from embedgrad.durable import write_file
from embedgrad.errors import CannotResume
from embedgrad.evaluation.power_law import Grown, grown
from embedgrad.evaluation.seeds import over_seeds
from embedgrad.evaluation.statistics import paired_mean, wilson
from embedgrad.jobs.learning_curve_settings import LearningCurveSettings
from embedgrad.jobs.new_folder import new_folder
from embedgrad.jobs.resuming import told_how_to_resume
from embedgrad.jobs.runs_inside import Inside, runs_inside
from embedgrad.jobs.seeds import matrices
from embedgrad.jobs.tune_settings import run_settings
from embedgrad.json_shape import Interval
from embedgrad.report.figures import accuracy_by_rows
from embedgrad.report.page import render_comparison, write_page
from embedgrad.report.runs import collect
from embedgrad.report.sentences import course_of
from embedgrad.run.folder import RunFolder
from embedgrad.run.learning_curve import Difference, Law, LearningCurve, Size, read_learning_curve
from embedgrad.run.names import CURVE_PICTURE, LEARNING_CURVE, REPORT, SETTINGS, SPLIT
from embedgrad.run.predictions import Answer
from embedgrad.run.record import RunRecord
from embedgrad.run.split import keep_split
from embedgrad.settings import read_toml
from embedgrad.units import counted
from embedgrad.watch import Watch


@dataclass(frozen=True)
class LearningCurveJob:
    """A learning curve in its folder, new or to be continued. `parts` are its rows, where they have been read."""

    settings: LearningCurveSettings
    folder: RunFolder
    parts: Parts | None = None

    @classmethod
    @contextmanager
    def create(cls, settings: LearningCurveSettings, watch: Watch = Watch()) -> Iterator[Self]:
        """A new one, whose folder is made. Raises what `TuneJob.create` raises."""
        with new_folder(settings, watch, "-curve", "learning-curve", _with_sizes) as (kept, folder, parts):
            yield cls(kept, folder, parts)

    @classmethod
    @contextmanager
    def resume(cls, path: Path) -> Iterator[Self]:
        """One that was begun, with its own settings. Raises CannotResume, FolderInUse, SettingsError."""
        if not (path / SETTINGS).exists() or "rows_grid" not in read_toml(path / SETTINGS):
            raise CannotResume(f"{path} is no learning curve's folder. Give the folder that learning-curve wrote.")
        with RunFolder.open(path) as folder:
            yield cls(run_settings(folder, LearningCurveSettings), folder)

    @property
    def finished(self) -> LearningCurve | None:
        """What it came to, if it is finished. Raises EmbedgradError where that is not what embedgrad writes."""
        return read_learning_curve(self.folder.file(LEARNING_CURVE))

    def run(self, watch: Watch = Watch()) -> LearningCurve:
        """A whole run for each number of rows and each seed, on nested rows, then the picture and the curve, whose
        presence means finished. Raises what `TuneJob.run` raises."""
        with told_how_to_resume(self.folder, "learning-curve", "curve"):
            folder, settings = self.folder, self.settings
            parts = self.parts or settings.read_parts()
            keep_split(folder.file(SPLIT), settings.split_record(parts))
            sizes = settings.sizes(len(parts.train))
            watch.note(
                f"{counted(len(sizes) * settings.seeds, 'tuning')} on {', '.join(map(str, sizes))} rows, those of "
                "fewer among those of more"
            )
            digits = len(str(sizes[-1]))
            wanted = [inside for size in sizes for inside in self._wanted(size, digits, parts)]
            records = runs_inside(folder, wanted, watch)
            seeds = settings.seeds
            found = curve(sizes, [records[at * seeds : (at + 1) * seeds] for at in range(len(sizes))])
            write_file(folder.file(CURVE_PICTURE), accuracy_by_rows(found).encode())
            folder.write_json(LEARNING_CURVE, found)
            write_page(folder.file(REPORT), render_comparison(collect([folder.path])))
            return found

    def _wanted(self, size: int, digits: int, parts: Parts) -> Iterator[Inside]:
        """A run for each seed. Fewer rows are not to change what kind of task it is."""
        settings = self.settings
        task = settings.judging.task_for((*parts.train, *parts.validation, *parts.test))
        for place in range(settings.seeds):
            own = settings.of_run(place, tuning_rows=size, task=task.kind)
            name = f"rows-{size:0{digits}d}" + (f"-seed-{settings.seed_at(place)}" if settings.seeds > 1 else "")
            yield Inside(name, own, own.with_fewer(parts))


def _with_sizes(settings: LearningCurveSettings, parts: Parts) -> LearningCurveSettings:
    """With its sizes as numbers. Raises SettingsError."""
    return settings.changed(rows_grid=",".join(map(str, settings.sizes(len(parts.train)))))


def curve(sizes: Sequence[int], runs: Sequence[Sequence[RunRecord]]) -> LearningCurve:
    """What `runs` on so many rows came to, for each size one of every seed."""
    first = runs[0][0].result
    has_metric = first.comparison is not None
    before, *_ = matrices(runs[0], _right if has_metric else _nats)
    values = [matrices(of_size, _right if has_metric else _nats)[1] for of_size in runs]
    sign = 1.0 if has_metric else -1.0  # of a loss less is better
    found = grown(sizes, [sign * value for value in values], 1.0 if has_metric else 0.0)
    return LearningCurve(
        measure="accuracy" if has_metric else "loss",
        before=first.before,
        before_value=float(before.mean()),
        sizes=tuple(
            Size(
                rows=size,
                steps=tuple(run.result.steps for run in of_size),
                folders=tuple(run.folder.name for run in of_size),
                value=float(value.mean()),
                interval=_interval(value, has_metric),
                of_seeds=tuple(map(float, value.mean(axis=1))),
                to_all=_signed(to_all, sign),
                baselines=of_size[0].result.baselines,
                still_learning=sum(_is_still_learning(run) for run in of_size),
            )
            for size, of_size, value, to_all in zip(sizes, runs, values, found.to_all, strict=True)
        ),
        law=_law(found, sign),
        doubling=None if found.doubling is None else _signed(found.doubling, sign),
        validation_rows=first.rows.validation,
        seconds=sum(run.result.seconds for of_size in runs for run in of_size),
    )


def _is_still_learning(run: RunRecord) -> bool:
    course = course_of(run)
    return course is not None and course.kind == "still falling"


def _right(answer: Answer) -> float:
    return float(bool(answer.correct))


def _nats(answer: Answer) -> float:
    return answer.loss


def _interval(values: np.typing.NDArray[np.float64], has_metric: bool) -> Interval:
    """Over seeds and rows; of one seed over rows, Wilson's where it is a share."""
    seeds, rows = values.shape
    if seeds == 1 and has_metric:
        return wilson(round(float(values.sum())), rows)
    if seeds == 1:
        return paired_mean([0.0] * rows, values[0].tolist()).interval
    low, high = over_seeds(values).interval
    return (max(low, 0.0), min(high, 1.0)) if has_metric else (low, high)


def _signed(found: tuple[float, Interval], sign: float) -> Difference:
    value, interval = found
    low, high = sorted(sign * bound for bound in interval)
    return Difference(value=sign * value, interval=(low, high))


def _law(found: Grown, sign: float) -> Law | None:
    if found.law is None or found.ceiling is None:
        return None
    ceiling = _signed((float(found.law.ceiling), found.ceiling), sign)
    return Law(
        ceiling=ceiling.value,
        ceiling_interval=ceiling.interval,
        factor=float(found.law.factor),
        exponent=float(found.law.exponent),
    )
