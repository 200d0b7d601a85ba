"""Intervals over seeds and rows: how sure a mean over several tunings, all judged on the same rows, is.

All intervals are 95 %. Resampling is seeded: the same numbers give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm, t

from embedgrad.evaluation.statistics import RESAMPLES
from embedgrad.json_shape import Interval

Floats = NDArray[np.float64]

_CHUNK_NUMBERS = 2_000_000  # drawn at once: bounds the memory, tens of megabytes


@dataclass(frozen=True)
class OverSeeds:
    """A mean over seeds and rows with its interval, and what each seed has by itself; `spread` is the standard
    deviation over seeds."""

    mean: float
    interval: Interval
    of_seeds: tuple[float, ...]
    spread: float


def over_seeds(values: Floats, *, seed: int = 0) -> OverSeeds:
    """The mean of `values` [seeds, rows], at least two seeds on the same rows: whether each answer is right, or by how
    much it beats the same row's answer to the text prompt.

    The interval is a percentile bootstrap that resamples rows, the same for all seeds, and seeds. What resampled seeds
    move is stretched by `stretch`: a plain bootstrap of three seeds never leaves their range, which the true mean does
    one time in four.

    Raises ValueError with fewer than two seeds, or without rows.

    Source: Owen 2007, The pigeonhole bootstrap, Ann. Appl. Stat. 1:386 (both factors of crossed data are resampled);
    the stretch: Hesterberg 2015, What Teachers Should Know About the Bootstrap, Am. Stat. 69:371, section 4.
    """
    seeds, rows = values.shape
    if seeds < 2 or rows < 1:
        raise ValueError(f"expected at least two seeds and one row; got {seeds} and {rows}")
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([resampled(values, shares, rng) for shares in row_shares(rows, RESAMPLES, rng)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    of_seeds = values.mean(axis=1)
    return OverSeeds(
        mean=float(values.mean()),
        interval=(float(low), float(high)),
        of_seeds=tuple(map(float, of_seeds)),
        spread=float(of_seeds.std(ddof=1)),
    )


def row_shares(rows: int, draws: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How much each row counts in each of `draws` resamples: [some, rows], in pieces, each resample adding up to 1."""
    most = max(1, _CHUNK_NUMBERS // rows)
    for first in range(0, draws, most):
        yield rng.multinomial(rows, np.full(rows, 1 / rows), size=min(most, draws - first)) / rows


def resampled(values: Floats, shares: Floats, rng: np.random.Generator) -> Floats:
    """Means [draws] of `values` [seeds, rows] over rows that count by `shares` [draws, rows], and over resampled seeds,
    stretched; of one seed, over that one."""
    of_seeds = shares @ values.T
    center = of_seeds.mean(axis=1)
    seeds = len(values)
    if seeds < 2:
        return np.asarray(center)
    chosen = rng.integers(seeds, size=of_seeds.shape)
    means = np.take_along_axis(of_seeds, chosen, axis=1).mean(axis=1)
    return np.asarray(center + stretch(seeds) * (means - center))


def stretch(seeds: int) -> float:
    """Of a bootstrap over so few: sqrt(n / (n - 1)), since the resampled are around their own mean, times Student's t
    over the normal quantile."""
    return math.sqrt(seeds / (seeds - 1)) * float(t.ppf(0.975, seeds - 1) / norm.ppf(0.975))


def spread_factors(seeds: int) -> Interval:
    """By what the standard deviation of so many seeds may have to be multiplied to be the true one, with a confidence
    of 95 %, where seeds scatter normally. Source: the chi-squared interval of a variance."""
    low, high = (math.sqrt((seeds - 1) / float(chi2.ppf(q, seeds - 1))) for q in (0.975, 0.025))
    return low, high
