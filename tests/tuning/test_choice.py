"""Which validation is kept: accuracy first, up to what chance explains, then the loss."""

from __future__ import annotations

import math
import random

from embedgrad.tuning.choice import Validation, is_better, kept, may_be_kept

ROWS = 100
ERROR = math.sqrt(0.8 * 0.2 / ROWS)  # of an accuracy of 0.8


def found(accuracy: float | None, loss: float) -> Validation:
    return Validation(loss, accuracy, ROWS)


def test_the_lowest_loss_within_one_standard_error_of_the_highest_accuracy():
    within, outside = 0.8 - ERROR + 1e-9, 0.8 - ERROR - 1e-9
    assert kept([found(0.8, 3.0), found(within, 2.0), found(outside, 1.0)]) == 1
    assert kept([found(0.8, 3.0), found(0.8, 3.0)]) == 0, "the first of equals"


def test_without_a_metric_the_loss_alone():
    assert kept([found(None, 3.0), found(None, 2.0), found(None, 2.5)]) == 1


def test_where_the_number_of_rows_is_not_known_only_the_highest_accuracy():
    assert kept([Validation(1.0, 0.79), Validation(2.0, 0.8)]) == 1


def test_those_that_may_be_kept_are_enough():
    """Whatever follows: one by one, with the rest dropped on the way, the same is kept as of all."""
    draw = random.Random(0)
    for _ in range(2_000):
        rows = draw.choice((10, 100, 500))
        has_metric = draw.random() < 0.8
        all_of_them: list[Validation] = []
        few: list[Validation] = []
        for _ in range(draw.randrange(1, 12)):
            accuracy = draw.randrange(rows + 1) / rows if has_metric else None
            one = Validation(draw.choice((0.5, 1.0, 1.5, draw.random())), accuracy, rows)
            all_of_them.append(one)
            few.append(one)
            few = [few[index] for index in may_be_kept(few)]
            assert few[kept(few)] is all_of_them[kept(all_of_them)]


def test_it_gets_better_by_loss_or_by_accuracy():
    before = [found(0.5, 2.0), found(0.4, 1.0)]
    assert is_better(found(0.1, 0.9), before)
    assert is_better(found(0.6, 9.0), before)
    assert not is_better(found(0.5, 1.0), before)
    assert is_better(found(0.0, 9.0), [])
    assert not is_better(Validation(1.0, None), [Validation(1.0, None)])
