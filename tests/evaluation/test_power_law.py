"""The law through a learning curve: found again where it is known, and no promise where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from embedgrad.evaluation.power_law import fit, grown

SIZES = (16, 32, 64, 128, 256, 512)


def law(rows: float, ceiling: float = 0.9, factor: float = 1.0, exponent: float = 0.5) -> float:
    return ceiling - factor * rows**-exponent


def answers(rng, sizes=SIZES, rows: int = 400, seeds: int = 1, scatter: float = 0.0, of=law) -> list[np.ndarray]:
    """Right or wrong on the same rows, some of which are harder than others; seeds are better or worse by `scatter`."""
    hard = rng.random(rows)
    found = []
    for size in sizes:
        own = np.where(rng.random((seeds, rows)) < 0.5, hard, rng.random((seeds, rows)))
        found.append((own < of(size) + scatter * rng.normal(size=(seeds, 1))).astype(float))
    return found


def test_a_known_law_is_found():
    found = fit(SIZES, np.array([law(size) for size in SIZES]), np.full(6, 0.02), 1.0)
    assert float(found.ceiling) == pytest.approx(0.9, abs=0.005)
    assert float(found.factor) == pytest.approx(1.0, rel=0.1)
    assert float(found.exponent) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("number", range(8))
def test_no_iterative_fit_is_better(number):
    rng = np.random.default_rng(number)
    values, errors = np.array([law(size) for size in SIZES]) + rng.normal(0, 0.03, 6), rng.uniform(0.01, 0.03, 6)

    def residuals(numbers):
        return (law(np.array(SIZES, float), *numbers) - values) / errors

    other = least_squares(residuals, [0.8, 0.8, 0.6], bounds=([-5, 0, 0.1], [1.0, 20, 2.0]), xtol=1e-12)
    own = fit(SIZES, values, errors, 1.0)
    ours = residuals((float(own.ceiling), float(own.factor), float(own.exponent)))
    assert (ours**2).sum() <= 2 * other.cost * 1.02 + 1e-9


def test_bounds_hold():
    rises = fit(SIZES, np.linspace(0.5, 0.99, 6), np.full(6, 0.01), 1.0)
    assert float(rises.ceiling) <= 1.0
    falls = fit(SIZES, np.linspace(0.9, 0.5, 6), np.full(6, 0.01), 1.0)
    assert (float(falls.factor), float(falls.ceiling)) == pytest.approx((0.0, 0.7))
    many = fit(SIZES, np.stack([np.linspace(0.5, 0.99, 6), np.linspace(0.9, 0.5, 6)]), np.full(6, 0.01), 1.0)
    assert many.ceiling.tolist() == pytest.approx([float(rises.ceiling), float(falls.ceiling)])


@pytest.mark.parametrize(("seeds", "scatter"), [(1, 0.0), (3, 0.02)])
def test_the_interval_of_a_doubling_holds_what_it_brings(seeds, scatter):
    rng, held, told, times = np.random.default_rng(seeds), 0, 0, 60
    true = law(2 * SIZES[-1]) - law(SIZES[-1])
    for _ in range(times):
        found = grown(SIZES, answers(rng, seeds=seeds, scatter=scatter), 1.0)
        if found.doubling is not None:
            told += 1
            held += found.doubling[1][0] <= true <= found.doubling[1][1]
    assert told > 0.9 * times
    assert held / told > 0.85


def test_with_three_sizes_or_none_that_rise_nothing_is_promised():
    rng = np.random.default_rng(0)
    three = grown(SIZES[:3], answers(rng, SIZES[:3]), 1.0)
    assert (three.law, three.doubling, three.ceiling) == (None, None, None)
    assert len(three.to_all) == 3
    flat = grown(SIZES, answers(rng, of=lambda rows: 0.7), 1.0)
    assert flat.rises[1][0] <= 0
    assert (flat.law, flat.doubling, flat.ceiling) == (None, None, None)


def test_points_that_scatter_widen_the_interval():
    rng = np.random.default_rng(1)
    smooth = [np.array([(np.arange(4000) < 4000 * law(size)).astype(float)]) for size in SIZES]
    jumps = [
        np.array([(np.arange(4000) < 4000 * (law(size) + jump)).astype(float)])
        for size, jump in zip(SIZES, rng.normal(0, 0.03, 6), strict=True)
    ]
    widths = []
    for values in (smooth, jumps):
        low, high = grown(SIZES, values, 1.0).doubling[1]
        widths.append(high - low)
    assert widths[1] > 1.3 * widths[0]


def test_each_size_beside_all():
    values = [np.array([[1.0, 0.0, 0.0, 0.0]]), np.array([[1.0, 1.0, 1.0, 0.0]])]
    found = grown((16, 32), values, 1.0)
    assert [difference for difference, _ in found.to_all] == [0.5, 0.0]
    assert found.rises == found.to_all[0]
    assert found.to_all[1][1] == (0.0, 0.0)
