"""What the trajectory entropy of answers is."""

from __future__ import annotations

from embedgrad.analysis.analysis import Record
from embedgrad.json_shape import Shape
from embedgrad.run.score import Comparison, Proportion


class EntropySide(Shape):
    """Answers under one prompt. `mean_bits` (Eq. 11) is the mean over answers of an answer's mean over its steps.

    row_bits        one per row
    row_loops       whether that row's answer is an endless loop (`analysis.loops.is_endless`)
    correct_bits    means over right and over wrong answers; None where there are none, or no metric
    looping_wrong   loops among the wrong answers (the paper: over two thirds); None where there are none, or no metric
    """

    mean_bits: float
    mean_bits_without_loops: float | None
    looping: Proportion
    truncated: int
    row_bits: tuple[float, ...]
    row_loops: tuple[bool, ...]
    correct_bits: float | None
    wrong_bits: float | None
    looping_wrong: Proportion | None = None


class Entropy(Record):
    """`analysis/entropy.json` (section 5.2, Eq. 11). The differences are after minus before in bits, paired by row;
    without loops: over rows that loop under neither prompt."""

    rows: int
    max_new_tokens: int
    before: EntropySide
    after: EntropySide
    difference: Comparison
    difference_without_loops: Comparison | None
