"""Which of several validations is kept: accuracy says which are as good as the best, the loss which of those it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Validation:
    """What a validation found: nats per target token, and the task's metric where it has one, a fraction of `rows`
    (0: their number is not known any more)."""

    loss: float
    accuracy: float | None
    rows: int = 0


def kept(found: Sequence[Validation]) -> int:
    """Index of the one to keep: the lowest loss among those whose accuracy is within one standard error of the highest,
    sqrt(a (1 - a) / rows); without a metric, among all. Of equal losses the higher accuracy, then the first.

    Source: the one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, Classification and Regression
    Trees, 3.4.3; they take the smallest tree among the equals, we the lowest loss, since it is the finer measure.
    """
    least = least_accuracy(found)
    equals = [index for index, one in enumerate(found) if (one.accuracy or 0.0) >= least]
    return min(equals, key=lambda index: (found[index].loss, -(found[index].accuracy or 0.0)))


def least_accuracy(found: Sequence[Validation]) -> float:
    """The accuracy one standard error below the highest; 0 without a metric."""
    best = max(found, key=lambda one: one.accuracy or 0.0)
    accuracy = best.accuracy or 0.0
    return accuracy - (math.sqrt(accuracy * (1 - accuracy) / best.rows) if best.rows else 0.0)


def may_be_kept(found: Sequence[Validation]) -> list[int]:
    """Indices of those that `kept` may choose of these and of any that follow: no other has both an accuracy as high
    and a loss as low."""

    def is_beaten(index: int, one: Validation) -> bool:
        return any(
            (other.accuracy or 0.0) >= (one.accuracy or 0.0)
            and other.loss <= one.loss
            and (other_index < index or other.loss < one.loss or (other.accuracy or 0.0) > (one.accuracy or 0.0))
            for other_index, other in enumerate(found)
        )

    least = least_accuracy(found)
    return [i for i, one in enumerate(found) if (one.accuracy or 0.0) >= least and not is_beaten(i, one)]


def is_better(now: Validation, before: Sequence[Validation]) -> bool:
    """Whether `now` has a lower loss, or a higher accuracy, than all `before`: the run still gets somewhere."""
    if not before:
        return True
    is_lower = now.loss < min(one.loss for one in before)
    return is_lower or (now.accuracy is not None and now.accuracy > max(one.accuracy or 0.0 for one in before))
