"""`learning_curve.json`: tunings on growing numbers of rows, judged on the same test rows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from embedgrad.json_shape import Interval, Shape
from embedgrad.run.json_files import Stored, read_if_any
from embedgrad.run.score import Baselines, Score


class Difference(Shape):
    """A difference and its interval."""

    value: float
    interval: Interval


class Size(Shape):
    """The tunings on so many rows, one for each seed, in their `folders`: `of_seeds` what each reaches, `value` the
    mean. The interval is over rows, and with several seeds over seeds, too. `to_all`: all rows' value minus this.
    `still_learning`: how many of the tunings were, when their steps ran out."""

    rows: int
    steps: tuple[int, ...]
    folders: tuple[str, ...]
    value: float
    interval: Interval
    of_seeds: tuple[float, ...]
    to_all: Difference
    baselines: Baselines | None
    still_learning: int = 0


class Law(Shape):
    """value = ceiling - factor * rows ** -exponent for accuracy; for loss the same with a plus, ceiling a floor."""

    ceiling: float
    ceiling_interval: Interval
    factor: float
    exponent: float


class LearningCurve(Stored):
    """`measure`: what values are: strict accuracy as a fraction; or without a metric loss, a mean over rows of their
    nats per target token. `doubling`: what twice the largest number of rows would change by the law; both None where
    the points support none."""

    measure: Literal["accuracy", "loss"]
    before: Score
    before_value: float
    sizes: tuple[Size, ...]
    law: Law | None
    doubling: Difference | None
    validation_rows: int
    seconds: float

    @property
    def test_rows(self) -> int:
        return self.before.total


def read_learning_curve(path: Path) -> LearningCurve | None:
    """A `learning_curve.json`, None where there is no such file. Raises EmbedgradError."""
    return read_if_any(path, LearningCurve)
