"""The baselines without a language model."""

from __future__ import annotations

import pytest

from embedgrad.data.example import Example
from embedgrad.pocket.baselines import bag_of_words, majority
from embedgrad.tasks.task import Task

TASK = Task("label", labels=("good", "bad"))


def rows(*pairs: tuple[str, str]) -> list[Example]:
    return [Example(text, target) for text, target in pairs]


def test_majority_is_of_the_tuning_rows():
    train = rows(("a", "good"), ("b", "good"), ("c", "bad"))
    assert majority(TASK, train, rows(("d", "bad"), ("e", "bad"), ("f", "bad"), ("g", "good"))) == 0.25


def test_bag_of_words_learns_words_and_not_their_order():
    train = rows(
        *[(f"the {n} fine meal", "good") for n in range(20)], *[(f"the {n} foul meal", "bad") for n in range(20)]
    )
    test = rows(("a fine one", "good"), ("a foul one", "bad"), ("meal fine", "good"), ("meal foul", "bad"))
    assert bag_of_words(TASK, train, train, test) == 1.0
    # order alone tells these apart
    order = rows(*[("cat then dog", "good"), ("dog then cat", "bad")] * 20)
    assert bag_of_words(TASK, order, order, order) == 0.5


def test_an_answer_that_was_never_seen_is_wrong():
    task = Task("regex", pattern=r"=> (\d+)")
    train = rows(("one", "1 => 1"), ("two", "2 => 2"))
    assert bag_of_words(task, train, train, rows(("three", "3 => 3"), ("one", "0 => 1"))) == pytest.approx(0.5)
