"""Diagnosis of a start: its signs against few-line computations, and against a start that is known to do."""

from __future__ import annotations

import pytest
from studied import EXAMPLES, LABELS, TEXT

import embedgrad as eg
from embedgrad.analysis.diagnosis import diagnosis, majority, told_apart
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.statistics import wilson


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture(scope="module")
def prompt(model):
    return eg.start(model, TEXT)


def test_told_apart_against_forward(model, prompt):
    outcomes = set()
    for first, second in zip(EXAMPLES[:16:2], EXAMPLES[1:16:2], strict=True):
        judge = Judge.prepare(model, prompt, [first, second], LABELS, max_new_tokens=2)
        found = told_apart(judge, prompt, judge.judge(prompt.embeddings, "text"))
        rows = [(first, first.target), (second, second.target), (first, second.target), (second, first.target)]
        nats = eg.forward(model, prompt, [eg.Example(row.input, target) for row, target in rows]).row_nats
        assert (found.correct, found.total) == (int(nats[0] + nats[1] < nats[2] + nats[3]), 1)
        outcomes.add(found.correct)
    assert outcomes == {0, 1}


def test_no_row_is_in_more_than_two_pairs(model, prompt):
    judge = Judge.prepare(model, prompt, EXAMPLES, LABELS, max_new_tokens=2)
    found = told_apart(judge, prompt, judge.judge(prompt.embeddings, "text"))
    assert 0 < found.total <= len(EXAMPLES)
    assert found.interval == wilson(found.correct, found.total)


def test_signs_of_labels(model, prompt):
    found = diagnosis(model, prompt, EXAMPLES, LABELS, max_new_tokens=4)
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


def test_one_target_leaves_nothing_to_tell_apart(model, prompt):
    same = [eg.Example(example.input, "positive") for example in EXAMPLES]
    found = diagnosis(model, prompt, same, LABELS, max_new_tokens=2)
    assert [sign.name for sign in found.signs] == ["right by meaning"]
    assert found.signs[0].bound == 1.0


def test_free_text_is_told_apart_only(model, prompt):
    found = diagnosis(model, prompt, EXAMPLES, eg.Task("text"))
    assert [sign.name for sign in found.signs] == ["targets told apart"]


def test_progress_ends_at_its_total(model, prompt):
    told: list[tuple[int, int]] = []
    diagnosis(
        model, prompt, EXAMPLES[:6], LABELS, max_new_tokens=2, progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (13, 13)


def test_a_prompt_that_works_is_fit():
    """The paper's emotion prompt on the pocket model: in the wrong form, but the answers follow the rows."""
    from embedgrad.pocket.tasks import load_task

    task, model = load_task("emotion"), eg.load_model("pocket", "float32")
    rows = task.rows("validation")[:40]
    found = diagnosis(model, eg.start(model, task.prompts[0]), rows, task.task)
    assert eg.evaluate(model, task.prompts[0], rows, task.task).score.correct == 0, "strictly, none is right"
    assert [sign.is_bad for sign in found.signs] == [False, False]
    assert found.verdict == "fit"
