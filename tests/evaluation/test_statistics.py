import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test

from embedgrad.evaluation import statistics
from embedgrad.evaluation.statistics import macro_f1_interval, paired_accuracy, paired_loss, proportion, wilson
from embedgrad.tasks.metrics import macro_f1


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Stat. Med. 17:857, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_newcombe(correct, total, low, high):
    assert wilson(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_by_its_formula_and_mirrored():
    z = 1.959963984540054
    for correct, total in [(0, 1), (1, 1), (7, 10), (500, 1000)]:
        share = correct / total
        centre = (share + z * z / (2 * total)) / (1 + z * z / total)
        half = z / (1 + z * z / total) * np.sqrt(share * (1 - share) / total + z * z / (4 * total**2))
        assert wilson(correct, total) == pytest.approx((centre - half, centre + half), abs=1e-12)
        low, high = wilson(total - correct, total)
        assert wilson(correct, total) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_covers():
    for share in (0.1, 0.5, 0.9):
        correct = np.random.default_rng(0).binomial(50, share, size=2000)
        intervals = {int(count): wilson(int(count), 50) for count in set(correct)}
        covered = np.mean([intervals[int(c)][0] <= share <= intervals[int(c)][1] for c in correct])
        assert 0.92 <= covered <= 0.98


def test_proportion():
    assert proportion(3, 4).model_dump() == {"correct": 3, "total": 4, "interval": wilson(3, 4)}


def outcomes(both, gained, lost, neither):
    first = [True] * both + [False] * gained + [True] * lost + [False] * neither
    second = [True] * both + [True] * gained + [False] * lost + [False] * neither
    return first, second


def test_mcnemar_by_counting():
    comparison = paired_accuracy(*outcomes(both=20, gained=9, lost=2, neither=5))
    tail = sum(len(list(itertools.combinations(range(11), k))) for k in range(3)) / 2**11
    assert comparison.p_value == pytest.approx(2 * tail)
    assert comparison.difference == pytest.approx(7 / 36)
    assert comparison.interval[0] < 7 / 36 < comparison.interval[1]


def test_no_discordant_pairs():
    comparison = paired_accuracy([True, False], [True, False])
    assert (comparison.difference, comparison.interval, comparison.p_value) == (0.0, (0.0, 0.0), 1.0)


def test_the_accuracy_interval_is_the_bootstrap_over_rows():
    first, second = outcomes(both=40, gained=25, lost=10, neither=25)
    gains = np.array(second, dtype=float) - np.array(first, dtype=float)
    drawn = np.random.default_rng(1).integers(100, size=(20_000, 100))
    brute = np.quantile(gains[drawn].mean(axis=1), [0.025, 0.975])
    assert paired_accuracy(first, second).interval == pytest.approx(tuple(brute), abs=0.011)


def test_accuracy_interval_covers(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(200):
        first = rng.random(100) < 0.5
        second = np.where(rng.random(100) < 0.3, rng.random(100) < 0.8, first)
        low, high = paired_accuracy(first.tolist(), second.tolist(), seed=seed).interval
        covered += low <= 0.3 * (0.8 - 0.5) <= high
    assert 0.88 <= covered / 200 <= 0.99


def random_losses(rows, shift, seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 6, rows)
    first = rng.gamma(2.0, 1.0, rows) * tokens
    return first, first + rng.normal(shift, 1.0, rows), tokens


def test_loss_is_per_token():
    comparison = paired_loss([1.0, 9.0], [3.0, 9.0], [1, 9])
    assert comparison.difference == pytest.approx(0.2)


def test_few_rows_are_permuted_exhaustively_as_scipy_does():
    first, second, tokens = random_losses(10, 0.7)
    expected = permutation_test(
        (first, second), lambda x, y: (y - x).sum(), permutation_type="samples", n_resamples=np.inf
    )
    assert paired_loss(first, second, tokens).p_value == pytest.approx(expected.pvalue)


def test_many_rows_agree_with_scipy():
    first, second, tokens = random_losses(60, -0.2)
    expected = permutation_test(
        (first, second),
        lambda x, y, axis: (y - x).sum(axis=axis),
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        rng=np.random.default_rng(3),
    )
    assert paired_loss(first, second, tokens).p_value == pytest.approx(expected.pvalue, abs=0.02)


def test_the_loss_interval_is_the_bootstrap_over_rows():
    first, second, tokens = random_losses(50, 0.5)
    drawn = np.random.default_rng(4).integers(50, size=(20_000, 50))
    brute = np.quantile((second - first)[drawn].sum(axis=1) / tokens[drawn].sum(axis=1), [0.025, 0.975])
    assert paired_loss(first, second, tokens).interval == pytest.approx(tuple(brute), abs=0.01)


def test_equal_losses():
    comparison = paired_loss([1.0] * 30, [1.0] * 30, [2] * 30)
    assert (comparison.difference, comparison.interval, comparison.p_value) == (0.0, (0.0, 0.0), 1.0)


def test_a_clear_difference_has_the_smallest_p_value():
    assert paired_loss([2.0] * 40, [1.0] * 40, [1] * 40).p_value == 1 / 10_000


def test_p_values_are_uniform_where_nothing_differs(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 400)
    p_values = [paired_loss(*random_losses(30, 0.0, seed), seed=seed).p_value for seed in range(200)]
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_chunks_bound_the_memory_and_change_no_answer_much(monkeypatch):
    losses = random_losses(200, 0.1)
    whole = paired_loss(*losses)
    monkeypatch.setattr(statistics, "_CHUNK_NUMBERS", 1000)
    pieces = paired_loss(*losses)
    assert pieces.interval == pytest.approx(whole.interval, abs=0.01)
    assert pieces.p_value == pytest.approx(whole.p_value, abs=0.02)


def test_macro_f1_interval_is_the_bootstrap_over_the_rows_of_each_label():
    rng = np.random.default_rng(5)
    labels = ["a", "b", "c"]
    targets = [labels[index] for index in rng.choice(3, 80, p=[0.7, 0.25, 0.05])]
    predictions = [target if rng.random() < 0.7 else rng.choice(["a", "b", "c", None]) for target in targets]
    brute = []
    of_label = [np.array([row for row in range(80) if targets[row] == label]) for label in labels]
    for _ in range(2000):
        drawn = np.concatenate([rng.choice(rows, len(rows)) for rows in of_label])
        brute.append(macro_f1([predictions[row] for row in drawn], [targets[row] for row in drawn], labels))
    found = macro_f1_interval(predictions, targets, labels)
    assert found.value == macro_f1(predictions, targets, labels)
    assert found.interval == pytest.approx(tuple(np.quantile(brute, [0.025, 0.975])), abs=0.025)


def test_who_misses_rare_labels_is_never_perfect():
    """17 of 20 rows have one label, and it is all that is ever answered."""
    targets = ["a"] * 17 + ["b"] * 2 + ["c"]
    found = macro_f1_interval(["a"] * 20, targets, ["a", "b", "c"])
    assert found.value == pytest.approx(2 * 17 / 37 / 3)
    assert found.interval == pytest.approx((found.value, found.value))


def test_macro_f1_interval_without_doubt():
    assert macro_f1_interval(["a", "b"] * 9, ["a", "b"] * 9, ["a", "b"]).interval == (1.0, 1.0)


def test_the_seed_decides():
    losses = random_losses(40, 0.1)
    assert paired_loss(*losses, seed=1) == paired_loss(*losses, seed=1)
    assert paired_loss(*losses, seed=1) != paired_loss(*losses, seed=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson(0, 0), "expected 0 <= correct <= total and total > 0; got 0 of 0"),
        (lambda: wilson(3, 2), "expected 0 <= correct <= total and total > 0; got 3 of 2"),
        (lambda: paired_accuracy([True], []), "expected one value per row in each; got 1 and 0 values"),
        (lambda: paired_accuracy([], []), "no rows to compare"),
        (lambda: paired_loss([1], [], []), "expected one value per row in each; got 1 and 0 and 0 values"),
        (lambda: paired_loss([1], [1], [0]), "expected finite nats and at least one token in every row"),
        (lambda: paired_loss([1], [np.nan], [1]), "expected finite nats and at least one token in every row"),
        (lambda: macro_f1_interval([], [], ["a"]), "no rows to measure"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert str(caught.value) == message
