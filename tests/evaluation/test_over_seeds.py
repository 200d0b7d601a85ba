"""Intervals over seeds and rows: against every resample there is, and against what they promise on made-up data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import norm, t

from embedgrad.evaluation import seeds as module
from embedgrad.evaluation.seeds import over_seeds, resampled, row_shares, spread_factors, stretch


def every_resample(values: np.ndarray) -> np.ndarray:
    """The mean of each of the S^S R^R resamples, as plainly as it can be written."""
    seeds, rows = values.shape
    found = []
    for drawn_rows in itertools.product(range(rows), repeat=rows):
        of_seeds = [np.mean([values[seed, row] for row in drawn_rows]) for seed in range(seeds)]
        center = np.mean(of_seeds)
        for drawn_seeds in itertools.product(range(seeds), repeat=seeds):
            moved = np.mean([of_seeds[seed] for seed in drawn_seeds]) - center
            found.append(center + stretch(seeds) * moved)
    return np.array(found)


@pytest.mark.parametrize("shape", [(2, 4), (3, 4)])
def test_it_is_the_bootstrap_that_one_can_write_down(shape):
    rng = np.random.default_rng(3)
    values = rng.normal(size=shape)
    every = every_resample(values)
    draws = np.concatenate([resampled(values, shares, rng) for shares in row_shares(shape[1], 200_000, rng)])
    assert draws.mean() == pytest.approx(every.mean(), abs=0.01)
    assert draws.std() == pytest.approx(every.std(), rel=0.01)
    for quantile in (0.1, 0.4, 0.6, 0.9):
        assert np.mean(draws <= np.quantile(every, quantile)) == pytest.approx(quantile, abs=0.02)


def test_what_is_said_of_seeds_and_rows():
    values = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    found = over_seeds(values)
    assert (found.mean, found.of_seeds, found.spread) == (0.5, (0.5, 0.25, 0.75), 0.25)
    assert found.interval[0] < 0.25
    assert found.interval[1] > 0.75
    assert over_seeds(values) == found, "the same numbers give the same interval"


def test_rows_alone_matter_where_seeds_agree():
    row = (np.arange(400) < 240).astype(float)
    low, high = over_seeds(np.stack([row, row, row])).interval
    error = norm.ppf(0.975) * np.sqrt(0.6 * 0.4 / 400)
    assert (low, high) == pytest.approx((0.6 - error, 0.6 + error), abs=0.004)


def test_the_stretch_is_students():
    assert stretch(3) == pytest.approx(np.sqrt(1.5) * t.ppf(0.975, 2) / 1.959964, rel=1e-6)
    assert stretch(1000) == pytest.approx(1.0, abs=0.003)


# The standard deviation over seeds, over rows, and of what is left; the share of intervals that hold the true mean.
@pytest.mark.parametrize(
    "spreads", [(0.1, 0.0, 0.1), (0.03, 0.5, 0.2), (0.0, 0.5, 0.001)], ids=["seeds", "both", "rows"]
)
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_an_interval_holds_the_true_mean_as_often_as_it_says(monkeypatch, seeds, spreads):
    monkeypatch.setattr(module, "RESAMPLES", 500)
    rng, held, times = np.random.default_rng(seeds), 0, 300
    for_seeds, for_rows, for_both = spreads
    for _ in range(times):
        values = (
            for_seeds * rng.normal(size=(seeds, 1))
            + for_rows * rng.normal(size=(1, 100))
            + for_both * rng.normal(size=(seeds, 100))
        )
        low, high = over_seeds(values).interval
        held += low <= 0 <= high
    assert held / times > 0.9


def test_a_plain_bootstrap_of_three_seeds_would_not(monkeypatch):
    """Why there is a stretch."""
    monkeypatch.setattr(module, "RESAMPLES", 500)
    monkeypatch.setattr(module, "stretch", lambda seeds: 1.0)
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        low, high = over_seeds(rng.normal(size=(3, 1)) + 0.1 * rng.normal(size=(3, 50))).interval
        held += low <= 0 <= high
    assert held / 300 < 0.8


def test_how_well_a_spread_is_known():
    low, high = spread_factors(3)
    assert (low, high) == pytest.approx((0.5207, 6.2847), abs=1e-3)
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        spread = rng.normal(size=3).std(ddof=1)
        held += low * spread <= 1 <= high * spread
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("shape", [(1, 5), (3, 0)])
def test_one_seed_or_no_rows_have_no_interval(shape):
    message = f"^expected at least two seeds and one row; got {shape[0]} and {shape[1]}$"
    with pytest.raises(ValueError, match=message):
        over_seeds(np.zeros(shape))
