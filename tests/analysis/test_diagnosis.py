"""Diagnosis of a start: its signs against few-line computations, and against a start that is known to do."""

from __future__ import annotations

import math

import pytest
from studied import EXAMPLES, LABELS, TEXT

import embedgrad as eg
from embedgrad.analysis.diagnosis.measure import _SENTENCES, LEAST_PAIRS, diagnosis, majority, told_apart
from embedgrad.errors import DataError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import wilson
from embedgrad.watch import Watch


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture(scope="module")
def prompt(model):
    return eg.start(model, TEXT)


def test_told_apart_against_forward(model, prompt):
    outcomes = set()
    for first, second in zip(EXAMPLES[:16:2], EXAMPLES[1:16:2], strict=True):
        judge = Judge.prepare(prompt.bind(model), [first, second], Judging(LABELS, max_new_tokens=2))
        found = told_apart(judge, prompt, judge.judge(prompt.bind(model), "text"))
        rows = [(first, first.target), (second, second.target), (first, second.target), (second, first.target)]
        nats = eg.forward(model, prompt, [eg.Example(row.input, target) for row, target in rows]).row_nats
        assert (found.correct, found.total) == (int(nats[0] + nats[1] < nats[2] + nats[3]), 1)
        outcomes.add(found.correct)
    assert outcomes == {0, 1}


def test_no_row_is_in_more_than_two_pairs(model, prompt):
    judge = Judge.prepare(prompt.bind(model), EXAMPLES, Judging(LABELS, max_new_tokens=2))
    found = told_apart(judge, prompt, judge.judge(prompt.bind(model), "text"))
    assert 0 < found.total <= len(EXAMPLES)
    assert found.interval == wilson(found.correct, found.total)


def test_signs_of_labels(model, prompt):
    found = diagnosis(model, prompt, EXAMPLES, Judging(LABELS, max_new_tokens=4))
    apart, meaning = found.signs
    score = eg.evaluate(model, prompt, EXAMPLES, LABELS, max_new_tokens=4).score
    assert (apart.name, apart.bound) == ("targets told apart", 0.5)
    assert apart.is_bad == (apart.value <= 0.5)
    assert (meaning.name, meaning.bound) == ("right by meaning", majority(EXAMPLES))
    assert meaning.value == score.by_meaning.correct / score.by_meaning.total
    assert meaning.is_bad == (meaning.value <= meaning.bound)
    bad = apart.is_bad + meaning.is_bad
    assert found.verdict == ("fit", "doubtful", "poor")[bad]
    assert found.rows == len(EXAMPLES)


CANNOT = (
    "Whether this start is worth tuning cannot be judged: that takes at least 11 pairs of rows with different targets,"
)


@pytest.mark.parametrize("task", [LABELS, eg.Task("text")], ids=["labels", "text"])
def test_without_pairs_there_is_no_verdict(model, prompt, task):
    same = [eg.Example(example.input, "positive") for example in EXAMPLES]
    cases = {"1 row gives 0": EXAMPLES[:1], "24 rows give 0": same, "6 rows give 3": EXAMPLES[:6]}
    for few, examples in cases.items():
        with pytest.raises(DataError) as caught:
            diagnosis(model, prompt, examples, Judging(task, max_new_tokens=2))
        assert str(caught.value) == f"{CANNOT} and {few}. Give more rows, of more than one target."


def test_the_least_pairs_tell_most_of_the_good_starts_from_chance():
    above = [wilson(math.ceil(0.8 * pairs), pairs)[0] > 0.5 for pairs in range(1, 101)]
    assert all(above[LEAST_PAIRS - 1 :])
    assert not above[LEAST_PAIRS - 2]


def test_the_sentence_says_on_how_many_rows_the_counts_were_measured(model, prompt):
    few, many = (diagnosis(model, prompt, EXAMPLES * times, Judging(eg.Task("text"))) for times in (1, 5))
    last = " Those starts were measured on 100 rows, this one on 24: on fewer rows a sign is bad more easily."
    assert few.sentence.endswith(last)
    assert few.sentence.removesuffix(last) in _SENTENCES.values()
    assert many.sentence in _SENTENCES.values()


def test_free_text_is_told_apart_only(model, prompt):
    found = diagnosis(model, prompt, EXAMPLES, Judging(eg.Task("text")))
    assert [sign.name for sign in found.signs] == ["targets told apart"]


def test_progress_ends_at_its_total(model, prompt):
    told: list[tuple[int, int]] = []
    watch = Watch(progress=lambda done, total: told.append((done, total)))
    diagnosis(model, prompt, EXAMPLES, Judging(LABELS, max_new_tokens=2), watch)
    assert told[-1] == (49, 49)


def test_a_prompt_that_works_is_fit():
    """The paper's emotion prompt on the pocket model: in the wrong form, but the answers follow the rows."""
    from embedgrad.pocket.tasks import load_task

    task, model = load_task("emotion"), eg.load_model("pocket", "float32")
    rows = task.rows("validation")[:40]
    found = diagnosis(model, eg.start(model, task.prompts[0]), rows, Judging(task.task))
    assert eg.evaluate(model, task.prompts[0], rows, task.task).score.correct == 0, "strictly, none is right"
    assert [sign.is_bad for sign in found.signs] == [False, False]
    assert found.verdict == "fit"
