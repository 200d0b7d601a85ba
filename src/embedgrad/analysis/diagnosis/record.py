"""What speaks against a start."""

from __future__ import annotations

from typing import Literal

from embedgrad.analysis.analysis import Record
from embedgrad.json_shape import Shape


class Sign(Shape):
    """One sign that a start may be too poor for tuning: what was measured, against which bound."""

    name: str
    value: float
    bound: float
    is_bad: bool
    meaning: str


class Diagnosis(Record):
    """`analysis/diagnosis.json` (section 5.5)."""

    verdict: Literal["fit", "doubtful", "poor"]
    sentence: str
    rows: int
    signs: tuple[Sign, ...]
