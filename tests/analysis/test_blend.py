"""The line between two prompts: its ends are the prompts themselves."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
from studied import EXAMPLES, LABELS, TEXT, moved

import embedgrad as eg
from embedgrad.analysis.blend.measure import blend
from embedgrad.errors import DataError, PromptError
from embedgrad.evaluation.judging import Judging


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture(scope="module")
def start(model):
    return eg.start(model, TEXT)


def test_the_ends_are_the_prompts(model, start):
    tuned = moved(start, by=1.5)
    found = blend(model, start, tuned, EXAMPLES, Judging(LABELS, max_new_tokens=6), weights=(0.0, 0.5, 1.0))
    assert [point.weight for point in found.points] == [0.0, 0.5, 1.0]
    assert found.rows == len(EXAMPLES)
    middle = start.moved((start.embeddings + tuned.embeddings) / 2)
    for prompt, point in zip((start, middle, tuned), found.points, strict=True):
        score = eg.evaluate(model, prompt, EXAMPLES, LABELS, max_new_tokens=6).score
        assert (point.accuracy, point.interval) == (score.accuracy, score.interval)
        assert point.loss == pytest.approx(score.loss, rel=1e-5)
        answers = eg.generate(model, prompt, [row.input for row in EXAMPLES], max_new_tokens=6)
        assert point.entropy_bits == pytest.approx(fmean(fmean(a.entropies_bits) for a in answers), rel=1e-4)
    assert len({point.loss for point in found.points}) == 3


def test_free_text_has_no_accuracy(model, start):
    found = blend(model, start, moved(start), EXAMPLES[:6], Judging(eg.Task("text")), weights=(0.0, 1.0))
    assert {(point.accuracy, point.interval) for point in found.points} == {(None, None)}
    assert all(point.entropy_bits > 0 for point in found.points)


def test_accuracy_by_likelihood(model, start):
    tuned = moved(start, by=1.5)
    judging = Judging(LABELS, max_new_tokens=6)
    found = blend(model, start, tuned, EXAMPLES, replace(judging, score_by="likelihood"), weights=(0.0, 1.0))
    generated = blend(model, start, tuned, EXAMPLES, judging, weights=(0.0, 1.0))
    for prompt, point, other in zip((start, tuned), found.points, generated.points, strict=True):
        score = eg.evaluate(model, prompt, EXAMPLES, LABELS, score_by="likelihood", max_new_tokens=6).score
        assert (point.accuracy, point.interval) == (score.accuracy, score.interval)
        assert point.accuracy > other.accuracy == 0, "a tiny model writes no label"
        assert (point.loss, point.entropy_bits) == (other.loss, other.entropy_bits)


@pytest.fixture(scope="module")
def narrow(tiny_folder):
    """A model whose context has room for the examples and 20 tokens of answer, or for a long row and its target."""
    from embedgrad.model.load import load_model

    return replace(load_model(tiny_folder("qwen2"), "float32"), context_tokens=80)


LONG = eg.Example("word " * 10, "positive", line=1)


def test_loss_and_entropy_are_of_the_same_rows(narrow):
    start, text = eg.start(narrow, TEXT), eg.Task("text")
    tuned = moved(start)
    assert eg.evaluate(narrow, start, [LONG, *EXAMPLES[:4]], text, max_new_tokens=20).score.total == 5
    judging = Judging(text, max_new_tokens=20)
    mixed = blend(narrow, start, tuned, [LONG, *EXAMPLES[:4]], replace(judging, overlong="skip"))
    assert mixed == blend(narrow, start, tuned, EXAMPLES[:4], judging)
    assert mixed.rows == 4


@pytest.mark.parametrize("task", [eg.Task("text"), LABELS])
def test_no_row_with_room_for_an_answer(narrow, task):
    start = eg.start(narrow, TEXT)
    judging = Judging(task, "likelihood" if task is LABELS else "generation", max_new_tokens=20, overlong="skip")
    with pytest.raises(DataError) as error:
        blend(narrow, start, start, [LONG], judging)
    assert str(error.value) == (
        "No row leaves room in the model's context for an answer of 20 tokens: there is nothing to measure the blend "
        "on. Give shorter rows or a lower max_new_tokens."
    )


def test_names(model, start):
    assert blend(model, start, start, EXAMPLES[:4], Judging(LABELS), weights=(0.0,)).first == TEXT
    found = blend(model, start, start, EXAMPLES[:4], Judging(LABELS), weights=(0.0,), names=("start", "tuned"))
    assert (found.first, found.second) == ("start", "tuned")


def test_prompts_of_other_length(model, start):
    short = eg.start(model, "Good?")
    with pytest.raises(PromptError) as error:
        blend(model, short, start, EXAMPLES)
    assert str(error.value) == (
        f"A blend needs two prompts of equal length on one model: these have {len(short)} and {len(start)} tokens of "
        "width 32 and 32. Give a prompt tuned from a text of the same length."
    )


def test_prompts_in_other_places(model, start):
    after = eg.start(model, start, eg.Template.chat("{input}\n\n{prompt}"))
    with pytest.raises(PromptError) as error:
        blend(model, start, after, EXAMPLES)
    assert str(error.value) == (
        "A blend needs two prompts that stand in the same place: the fixed text around these differs "
        f"({start.template.source.written()!r} and 'user: {{input}}\\n\\n{{prompt}}'). Place both with one template."
    )
