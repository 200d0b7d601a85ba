"""What concepts read by LAT show."""

from __future__ import annotations

from embedgrad.analysis.analysis import Record
from embedgrad.json_shape import Interval, Shape
from embedgrad.run.score import Proportion


class LayerReading(Shape):
    """One layer's direction: how well it tells held-out pairs apart, and the mean projection of hidden states at the
    answer's first position under both prompts (in standard deviations of the contrast pairs' projections).

    layer      from 1; the last one's states are those that the head gets
    held_out   pairs that the direction was not fitted on and tells apart
    shuffled   95 % range of that share when chance says which text of a pair is the positive one
    interval   of the difference, after minus before, paired by row: over rows only
    random     lowest and highest mean difference under random moves of the prompt text: each token's vector as far
               (L2) as tuning moved it, in a random direction (`analysis.reading.random_moves`); None where none was
               made
    """

    layer: int
    held_out: Proportion
    before: float
    after: float
    difference: float
    interval: Interval
    shuffled: Interval | None = None
    random: Interval | None = None

    @property
    def is_beyond_random(self) -> bool | None:
        """Whether the difference is lower or higher than under every random move; None where none was made."""
        return None if self.random is None else not self.random[0] <= self.difference <= self.random[1]


class Reading(Shape):
    """One concept read by LAT (section 5.3, Figure 3; Zou et al. 2023, arXiv 2310.01405). `moves`: how many random
    moves each layer's `random` is of; one more would lie outside in 2 of moves + 1 cases."""

    concept: str
    pairs: int
    rows: int
    moves: int = 0
    layers: tuple[LayerReading, ...]


class Readings(Record):
    """`analysis/reading.json`."""

    concepts: tuple[Reading, ...]
