"""What became of a run, in words."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.run.course import Course
from embedgrad.run.metrics import ValidationMetrics

ROWS = 100


def validations(losses: Sequence[float], accuracies: Sequence[float] | None = None) -> list[ValidationMetrics]:
    """Every 20 steps."""
    found = accuracies or [None] * len(losses)
    return [
        ValidationMetrics(event="validation", step=20 * number, loss=loss, accuracy=accuracy, best=False)
        for number, (loss, accuracy) in enumerate(zip(losses, found, strict=True))
    ]


def test_it_learned() -> None:
    found = Course.of(validations([5.0, 1.0, 0.6, 0.55, 0.5], [0.1, 0.5, 0.7, 0.7, 0.8]), 80, 0.4, ROWS)
    assert found == Course(
        "learned",
        "It learned (validation loss 5.000 at the start, 0.500 at step 80; accuracy 10.0 % and, at step 80, 80.0 %).",
    )


def test_it_was_still_learning() -> None:
    """The loss fell by more than a tenth in the last quarter."""
    found = Course.of(validations([5.0, 2.0, 1.5, 1.1, 0.9], [0.1, 0.5, 0.7, 0.7, 0.8]), 80, 0.4, ROWS)
    assert found == Course(
        "still falling",
        "It was still learning when its steps ran out (validation loss 5.000 at the start, 0.900 at step 80; accuracy "
        "10.0 % and, at step 80, 80.0 %).",
    )
    assert Course.of(validations([5.0, 2.0, 1.5, 1.0]), 60).kind == "still falling"


def test_the_answers_are_always_the_same() -> None:
    """The run of five labels that stopped with "nothing better"."""
    losses = [13.0, 4.8, 4.1, 3.8, 3.5, 3.4]
    found = Course.of(validations(losses, [0.0, 0.22, 0.22, 0.22, 0.22, 0.22]), 100, 0.22, ROWS)
    assert found == Course(
        "majority label",
        "The answers do not follow the input yet: 22.0 % on the validation rows, where always the most frequent label "
        "is right on 22.0 % (validation loss 13.000 at the start, 3.400 at step 100; accuracy 0.0 % and, at step 100, "
        "22.0 %).",
    )


def test_it_diverged() -> None:
    found = Course.of(validations([2.0, 4.0, 9.0]), 0)
    assert found == Course("diverged", "The validation loss rose from 2.000 to 9.000: the learning rate is too high.")


def test_nothing_was_better() -> None:
    found = Course.of(validations([2.0, 2.1, 2.2], [0.5, 0.4, 0.4]), 0, 0.3, ROWS)
    assert found == Course(
        "nothing better",
        "No step beat the start on the validation rows (validation loss 2.000 at the start, 2.000 at step 0; accuracy "
        "50.0 % and, at step 0, 50.0 %).",
    )


def test_a_run_that_has_only_its_start() -> None:
    assert Course.of(validations([2.0]), 0) is None
