"""Measures over many predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def macro_f1(predictions: Sequence[str | None], targets: Sequence[str], labels: Sequence[str]) -> float:
    """Unweighted mean, over the labels that occur in targets or predictions, of F1 = 2 TP / (2 TP + FP + FN).

    In [0, 1]. A None prediction is a miss of its target and no false positive of any label. Raises
    ValueError for unequal lengths, no rows, or a target or prediction outside `labels`.

    Source: van Rijsbergen 1979, Information Retrieval, ch. 7; the mean of F1s, not the F1 of means
    (Opitz and Burst 2019, arXiv 1911.03347).
    """
    check_rows(predictions, targets, labels)
    hits = Counter(target for target, prediction in zip(targets, predictions, strict=True) if target == prediction)
    wanted, given = Counter(targets), Counter(label for label in predictions if label is not None)
    scores = [2 * hits[label] / (wanted[label] + given[label]) for label in {*wanted, *given}]
    return sum(scores) / len(scores)


def check_rows(predictions: Sequence[str | None], targets: Sequence[str], labels: Sequence[str]) -> None:
    """Raises ValueError unless there are as many predictions as targets, at least one, all among `labels`."""
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    if not targets:
        raise ValueError("no rows to measure")
    unknown = {*predictions, *targets} - {None, *labels}
    if unknown:
        raise ValueError(f"{sorted(map(repr, unknown))[0]} is none of the {len(labels)} labels")
