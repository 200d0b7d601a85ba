"""What needs no language model, beside a tuned prompt."""

from __future__ import annotations

import pytest

from embedgrad.data.example import Example
from embedgrad.evaluation.baselines import baselines
from embedgrad.evaluation.statistics import wilson
from embedgrad.tasks.task import Task

TASK = Task("label", labels=["no", "yes"])
TRAIN = [Example(f"{word} {number}", label) for number in range(10) for word, label in (("good", "yes"), ("bad", "no"))]
TRAIN += [Example("good end", "yes")]


def test_the_majority_and_the_bag_of_words_know_the_tuning_rows_alone():
    test = [("Bad thing", "no"), ("a good one", "yes"), ("bad", " no "), ("bad", "yes")]
    found = baselines(TASK, TRAIN, test)
    assert (found.majority_label, found.majority.correct, found.majority.total) == ("yes", 2, 4)
    assert found.bag_of_words.correct == 3
    assert found.bag_of_words.interval == wilson(3, 4)


@pytest.mark.parametrize("inputs", [[" ", "  "], ["\u200b"]])
def test_without_a_word_there_is_no_bag_of_words(inputs):
    train = [Example(text, label) for text in inputs for label in ("no", "yes")]
    assert baselines(TASK, train, [("x", "no")]).bag_of_words is None or inputs == ["\u200b"]


def test_with_one_label_there_is_nothing_to_learn():
    found = baselines(TASK, [Example("a", "yes")], [("b", "no")])
    assert found.bag_of_words is None
    assert found.majority.correct == 0


@pytest.mark.parametrize("task", [Task("number"), Task("text"), Task("exact")])
def test_only_labels_have_them(task):
    assert baselines(task, TRAIN, [("x", "1")]) is None
