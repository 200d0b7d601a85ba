"""Intervals and paired tests: how sure a measured score or difference is.

All intervals are 95 %, all p values two-sided. Resampling is seeded: the same numbers give the same interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from embedgrad.json_shape import Interval
from embedgrad.run.score import Comparison, MacroF1, Proportion
from embedgrad.tasks.metrics import check_rows, macro_f1

Floats = NDArray[np.float64]

RESAMPLES = 10_000
_CHUNK_NUMBERS = 2_000_000  # drawn at once: bounds the memory, tens of megabytes


def wilson(correct: int, total: int) -> Interval:
    """Wilson score interval of `correct` out of `total`, in fractions. Raises ValueError without rows.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22:209, without continuity correction.
    """
    if not 0 <= correct <= total or total == 0:
        raise ValueError(f"expected 0 <= correct <= total and total > 0; got {correct} of {total}")
    interval = binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def proportion(correct: int, total: int) -> Proportion:
    """`correct` of `total` with its Wilson interval."""
    return Proportion(correct=correct, total=total, interval=wilson(correct, total))


def paired_accuracy(first: Sequence[bool], second: Sequence[bool], *, seed: int = 0) -> Comparison:
    """Accuracy of `second` minus that of `first` on the same rows, in fractions.

    Percentile bootstrap interval over rows; exact McNemar p value from the rows on which only one of the two
    is right, 1 where there are none. Raises ValueError for unequal lengths or no rows.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13; McNemar 1947, Psychometrika
    12:153.
    """
    rows = _rows(first, second)
    pairs = Counter(zip(map(bool, first), map(bool, second), strict=True))
    gained, lost = pairs[False, True], pairs[True, False]
    # A resample of rows is a multinomial draw of how often each kind of row occurs.
    shares = np.array([gained, lost, rows - gained - lost]) / rows
    counts = np.random.default_rng(seed).multinomial(rows, shares, size=RESAMPLES)
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return Comparison(
        difference=(gained - lost) / rows,
        interval=_percentiles((counts[:, 0] - counts[:, 1]) / rows),
        p_value=p_value,
    )


def paired_loss(
    first_nats: Sequence[float], second_nats: Sequence[float], tokens: Sequence[int], *, seed: int = 0
) -> Comparison:
    """Loss of `second` minus that of `first`, in nats per target token: sum of nats / sum of tokens.

    `first_nats` and `second_nats` are summed over each row's `tokens` target tokens. Percentile bootstrap
    interval over rows; p value by flipping the signs of the rows' differences, all 2^rows ways up to 13 rows,
    else 9,999 random ones. Raises ValueError for unequal lengths, no rows, rows without tokens, or nats that
    are not finite.

    Source: Efron and Tibshirani 1993, ch. 13 and 15; the +1 in the p value: Phipson and Smyth 2010, Stat.
    Appl. Genet. Mol. Biol. 9:39.
    """
    rows = _rows(first_nats, second_nats, tokens)
    nats = np.asarray(second_nats, dtype=np.float64) - np.asarray(first_nats, dtype=np.float64)
    counts = np.asarray(tokens, dtype=np.float64)
    if not np.isfinite(nats).all() or (counts < 1).any():
        raise ValueError("expected finite nats and at least one token in every row")
    rng = np.random.default_rng(seed)

    def resampled(size: int) -> Floats:
        drawn = rng.integers(rows, size=(size, rows), dtype=np.int32)
        return np.asarray(nats[drawn].sum(axis=1) / counts[drawn].sum(axis=1))

    return Comparison(
        difference=float(nats.sum() / counts.sum()),
        interval=_percentiles(_in_chunks(resampled, RESAMPLES, rows)),
        p_value=_sign_flip_p_value(nats, rng),
    )


def paired_mean(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Comparison:
    """Mean of `second` minus mean of `first` on the same rows, in their unit. Interval, p value, errors and source are
    those of `paired_loss` with one token in each row."""
    return paired_loss(first, second, [1] * len(first), seed=seed)


def macro_f1_interval(
    predictions: Sequence[str | None], targets: Sequence[str], labels: Sequence[str], *, seed: int = 0
) -> MacroF1:
    """`macro_f1` with a percentile bootstrap interval: the rows of each target label are resampled by themselves, so
    that a rare label is in every resample as often as in the data (without that, resamples that lack the labels that
    are never right would be perfect). Raises ValueError as `macro_f1` does.

    Source: Efron and Tibshirani 1993, ch. 13, and 8.3 for several samples.
    """
    check_rows(predictions, targets, labels)
    # A resample of a label's rows is a multinomial draw of how often each (target, prediction) cell occurs.
    cells = sorted(Counter(zip(targets, predictions, strict=True)).items(), key=lambda cell: cell[0][0])
    of_label = [
        [count for (target, _), count in cells if target == label] for label in dict.fromkeys(t for (t, _), _ in cells)
    ]
    occurring = [label for label in dict.fromkeys(labels) if label in targets or label in predictions]
    wanted = np.array([[target == label for label in occurring] for (target, _), _ in cells], dtype=np.float64)
    given = np.array([[guess == label for label in occurring] for (_, guess), _ in cells], dtype=np.float64)
    rng = np.random.default_rng(seed)

    def resampled(size: int) -> Floats:
        drawn = [rng.multinomial(sum(counts), np.array(counts) / sum(counts), size=size) for counts in of_label]
        counts = np.concatenate(drawn, axis=1).astype(np.float64)
        hits, total = counts @ (wanted * given), counts @ (wanted + given)
        f1 = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
        return np.asarray(f1.mean(axis=1))

    interval = _percentiles(_in_chunks(resampled, RESAMPLES, len(cells)))
    return MacroF1(value=macro_f1(predictions, targets, labels), interval=interval)


def _sign_flip_p_value(differences: Floats, rng: np.random.Generator) -> float:
    observed = abs(float(differences.sum()))
    least = observed * (1 - 1e-12)  # sums in another order differ in the last digits
    rows = len(differences)
    if 2**rows <= RESAMPLES:
        flips = (np.arange(2**rows)[:, None] >> np.arange(rows)) & 1
        return float((np.abs((1 - 2 * flips) @ differences) >= least).mean())

    def flipped(size: int) -> Floats:
        bits = np.unpackbits(rng.integers(256, size=(size, -(-rows // 8)), dtype=np.uint8), axis=1, count=rows)
        return np.asarray(np.abs(differences.sum() - 2 * (bits @ differences)))

    draws = RESAMPLES - 1
    return (1 + int((_in_chunks(flipped, draws, rows) >= least).sum())) / (1 + draws)


def _in_chunks(draw: Callable[[int], Floats], draws: int, width: int) -> Floats:
    return np.concatenate([draw(size) for size in _sizes(draws, max(1, _CHUNK_NUMBERS // width))])


def _sizes(total: int, most: int) -> Iterator[int]:
    for start in range(0, total, most):
        yield min(most, total - start)


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _rows(*sequences: Sequence[object]) -> int:
    lengths = [len(sequence) for sequence in sequences]
    if len(set(lengths)) > 1:
        raise ValueError(f"expected one value per row in each; got {' and '.join(map(str, lengths))} values")
    if not lengths[0]:
        raise ValueError("no rows to compare")
    return lengths[0]
