"""Accuracy by the number of tuning rows as an inverse power law, and what twice as many rows would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedgrad.evaluation.seeds import resampled, row_shares
from embedgrad.json_shape import Interval

Floats = NDArray[np.float64]

LEAST_SIZES = 4
"""One more than the law has numbers: with three it goes through every point, whatever they are."""
_DRAWS = 2000
_EXPONENTS = np.geomspace(0.1, 1.0, 41)


@dataclass(frozen=True)
class PowerLaw:
    """ceiling - factor * rows ** -exponent; each number alone, or one for each of several fits."""

    ceiling: Floats
    factor: Floats
    exponent: Floats

    def at(self, rows: float) -> Floats:
        return np.asarray(self.ceiling - self.factor * rows**-self.exponent)


@dataclass(frozen=True)
class Grown:
    """What was found at growing numbers of rows.

    rises      the last minus the first, and its interval: whether there is a curve at all
    law        through the points; None where there are too few, or none that rise
    doubling   what twice the largest number of rows would add by the law, and its interval; None likewise
    ceiling    interval of the law's ceiling; None likewise
    to_all     of each size: that of all rows minus its own, with its interval
    """

    rises: tuple[float, Interval]
    to_all: tuple[tuple[float, Interval], ...]
    law: PowerLaw | None = None
    doubling: tuple[float, Interval] | None = None
    ceiling: Interval | None = None


def fit(sizes: Sequence[int], values: Floats, errors: Floats, best: float) -> PowerLaw:
    """The law through `values` [..., sizes] with the standard `errors` [sizes]: weighted least squares with a ceiling
    of at most `best`, a factor of at least 0 and an exponent in 0.1 to 1.

    For a given exponent the law is linear in the other two, so those are solved for, and the exponent is looked up in a
    fine grid: unlike an iterative fit, it needs no beginning and cannot fail to converge.

    Source of the law: Figueroa et al. 2012, Predicting sample size required for classification performance, BMC Med.
    Inform. Decis. Mak. 12:8, equation 1. They weigh later points more; we weigh by how sure each is.
    """
    weights = 1 / np.asarray(errors) ** 2
    weights = weights / weights.sum()
    found: list[tuple[Floats, Floats, Floats]] = []
    for exponent in _EXPONENTS:
        x = np.asarray(sizes, dtype=np.float64) ** -exponent
        mean_x, mean_y = weights @ x, values @ weights
        slope = ((values - mean_y[..., None]) * (x - mean_x)) @ weights / (weights @ (x - mean_x) ** 2)
        ceiling, factor = mean_y - slope * mean_x, -slope
        beyond = (best - values) * x @ weights / (weights @ x**2)  # the factor where the ceiling is `best`
        is_beyond = (ceiling > best) & (factor > 0)
        ceiling, factor = np.where(is_beyond, best, ceiling), np.where(is_beyond, beyond, factor)
        falls = factor < 0
        ceiling, factor = np.where(falls, np.minimum(mean_y, best), ceiling), np.where(falls, 0.0, factor)
        residuals = values - (ceiling[..., None] - factor[..., None] * x)
        found.append((ceiling, factor, residuals**2 @ weights))
    ceilings, factors, squares = (np.stack(each) for each in zip(*found, strict=True))
    chosen = squares.argmin(axis=0)[None]
    ceiling, factor = (np.take_along_axis(each, chosen, axis=0)[0] for each in (ceilings, factors))
    return PowerLaw(ceiling, factor, _EXPONENTS[chosen[0]])


def grown(sizes: Sequence[int], values: Sequence[Floats], best: float, *, seed: int = 0) -> Grown:
    """What `values` show, one [seeds, rows] for each of `sizes`, which rise; all on the same rows, more is better, and
    nothing is better than `best`.

    Intervals: percentile bootstrap over rows, the same for all sizes, and where there are several seeds over those of
    each size, as `over_seeds` does; the law is fitted to each resample. Where the points scatter about the law by more
    than their errors let them, as single tunings do, each resampled point is moved by as much, at random.
    """
    rng = np.random.default_rng(seed)
    rows = values[0].shape[1]
    pieces = [
        np.stack([resampled(of_size, shares, rng) for of_size in values], axis=1)
        for shares in row_shares(rows, _DRAWS, rng)
    ]
    drawn = np.concatenate(pieces)
    means = np.array([of_size.mean() for of_size in values])
    to_all = tuple(
        (float(means[-1] - mean), _interval(drawn[:, -1] - drawn[:, place])) for place, mean in enumerate(means)
    )
    rises = to_all[0]
    if len(sizes) < LEAST_SIZES or rises[1][0] <= 0:
        return Grown(rises, to_all)
    errors = np.maximum(drawn.std(axis=0), 0.5 / rows)  # where all answers are right, resamples do not differ
    law = fit(sizes, means, errors, best)
    residuals = (means - np.array([float(law.at(size)) for size in sizes])) / errors
    beyond = max(0.0, float((residuals**2).sum()) / (len(sizes) - 3) - 1)
    luck = rng.normal(size=drawn.shape) * errors * np.sqrt(beyond)
    laws = fit(sizes, drawn + luck, errors, best)
    gain = float(law.at(2 * sizes[-1]) - law.at(sizes[-1]))
    doubling = gain, _interval(laws.at(2 * sizes[-1]) - laws.at(sizes[-1]))
    return Grown(rises, to_all, law, doubling, _interval(laws.ceiling))


def _interval(values: Floats) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
