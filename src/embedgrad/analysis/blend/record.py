"""What lies on the line between two prompts."""

from __future__ import annotations

from embedgrad.analysis.analysis import Record
from embedgrad.json_shape import Interval, Shape


class BlendPoint(Shape):
    """The prompt (1 - weight) * first + weight * second."""

    weight: float
    accuracy: float | None
    interval: Interval | None
    loss: float
    entropy_bits: float


class Blend(Record):
    """`analysis/blend.json`: the straight line between two prompts."""

    first: str
    second: str
    rows: int
    points: tuple[BlendPoint, ...]
