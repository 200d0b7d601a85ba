"""What each analysis finds, as JSON objects: `analysis/NAME.json` of a run folder, which the report reads.

Needs no torch. Every pair "before, after" is the prompt text and the tuned prompt. Losses in nats per target token,
entropies in bits, accuracies strict and as fractions.
"""

from __future__ import annotations

from typing import Literal

from embedgrad.shapes import Comparison, Interval, Proportion, Score, Shape


class Neighbour(Shape):
    """A token of the vocabulary near a vector."""

    token: str
    cosine: float


class AnchoredToken(Shape):
    """One position: the token it started from and where its vector is now.

    probability   (start, now): Eq. 10 of the original token
    rank_*        of the original token among the vocabulary, 1 is the nearest: by inner product, cosine, L2 distance
    drift         ||v - v0|| / ||v0||
    nearest       the nearest tokens by cosine
    """

    position: int
    token: str
    trainable: bool
    probability: tuple[float, float]
    rank_inner: int
    rank_cosine: int
    rank_l2: int
    cosine: float
    l2: float
    drift: float
    nearest: tuple[Neighbour, ...]


class AnchoringAt(Shape):
    """The prompt at one validation, over the positions that may move: means, median drift, shares whose original token
    is nearest."""

    step: int
    probability: float
    cosine: float
    drift: float
    kept_inner: float
    kept_cosine: float
    kept_l2: float


class Anchoring(Shape):
    """`analysis/anchoring.json` (the paper's section 5.1, Eq. 10)."""

    tokens: tuple[AnchoredToken, ...]
    along: tuple[AnchoringAt, ...]


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


class Entropy(Shape):
    """`analysis/entropy.json` (section 5.2, Eq. 11). The differences are after minus before in bits, paired by row;
    without loops: over rows that loop under neither prompt."""

    rows: int
    max_new_tokens: int
    before: EntropySide
    after: EntropySide
    difference: Comparison
    difference_without_loops: Comparison | None


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


class Readings(Shape):
    """`analysis/reading.json`."""

    concepts: tuple[Reading, ...]


class PositionReturned(Shape):
    """The loss when this one position returns to its text row, minus the tuned prompt's loss."""

    position: int
    token: str
    drift: float
    loss_change: float
    interval: Interval


class PositionSensitivity(Shape):
    """`analysis/position_sensitivity.json`."""

    rows: int
    text_loss: float
    tuned_loss: float
    positions: tuple[PositionReturned, ...]


class BlendPoint(Shape):
    """The prompt (1 - weight) * first + weight * second."""

    weight: float
    accuracy: float | None
    interval: Interval | None
    loss: float
    entropy_bits: float


class Blend(Shape):
    """`analysis/blend.json`: the straight line between two prompts."""

    first: str
    second: str
    rows: int
    points: tuple[BlendPoint, ...]


class Hint(Shape):
    """Where one position moved: tokens that are nearer to where it is now than they were to its start, most first."""

    position: int
    token: str
    drift: float
    nearest: str
    towards: tuple[str, ...]


class ReadBack(Shape):
    """`analysis/read_back.json`: the tuned prompt as its nearest tokens' text, and how that text does."""

    text: str
    rows: int
    before: Score
    after: Score
    read_back: Score
    hints: tuple[Hint, ...]


class Sign(Shape):
    """One sign that a start may be too poor for tuning: what was measured, against which bound."""

    name: str
    value: float
    bound: float
    is_bad: bool
    meaning: str


class Diagnosis(Shape):
    """`analysis/diagnosis.json` (section 5.5)."""

    verdict: Literal["fit", "doubtful", "poor"]
    sentence: str
    rows: int
    signs: tuple[Sign, ...]


class GridCell(Shape):
    """A tuning of so many epochs at one rate, on the validation rows: the prompt that it keeps."""

    learning_rate: float
    relative_rate: float  # in units of the table's RMS
    epochs: float
    steps: int
    accuracy: float | None
    interval: Interval | None
    loss: float | None
    failed: str | None = None  # why there is no figure (the loss became NaN): accuracy and loss None


class Grid(Shape):
    """`sweep.json` of a sweep, `calibration.json` of a run with `--learning-rate auto`; `chosen` counts in `cells`."""

    validation_rows: int
    cells: tuple[GridCell, ...]
    chosen: int
    seconds: float


KINDS: dict[str, type[Shape]] = {
    "anchoring": Anchoring,
    "entropy": Entropy,
    "reading": Readings,
    "position_sensitivity": PositionSensitivity,
    "blend": Blend,
    "read_back": ReadBack,
    "diagnosis": Diagnosis,
}
"""By name: what `analysis/NAME.json` of a run holds."""
