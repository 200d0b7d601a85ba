"""What a prompt is as text."""

from __future__ import annotations

from embedgrad.analysis.analysis import Record
from embedgrad.json_shape import Shape
from embedgrad.run.score import Score


class Hint(Shape):
    """Where one position moved: tokens that are nearer to where it is now than they were to its start, most first."""

    position: int
    token: str
    drift: float
    nearest: str
    towards: tuple[str, ...]


class ReadBack(Record):
    """`analysis/read_back.json`: the tuned prompt as its nearest tokens' text, and how that text does."""

    text: str
    rows: int
    before: Score
    after: Score
    read_back: Score
    hints: tuple[Hint, ...]
