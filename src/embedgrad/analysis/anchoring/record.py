"""What anchoring finds."""

from __future__ import annotations

from embedgrad.analysis.analysis import Record
from embedgrad.json_shape import Shape


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


class Anchoring(Record):
    """`analysis/anchoring.json` (the paper's section 5.1, Eq. 10)."""

    tokens: tuple[AnchoredToken, ...]
    along: tuple[AnchoringAt, ...]
