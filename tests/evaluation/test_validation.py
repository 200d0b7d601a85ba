"""What a validation does not do: read again what the pass told, and generate what nobody needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.engine import generate
from embedgrad.engine.generate import generate_ids
from embedgrad.engine.requests import Request
from embedgrad.errors import NonFiniteLoss
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.verdicts import verdicts_of

LABELS = eg.Task("label", labels=("negative", "positive"))
EXAMPLES = [
    eg.Example(row["text"], row["label"], line=number) for number, row in enumerate(rows.sentiment(24), start=1)
]


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture(scope="module")
def bound(model):
    return eg.start(model, "Is it positive or negative?").bind(model)


@pytest.fixture
def generated(monkeypatch) -> list[int]:
    """How many tokens each batch of answers takes, row by row."""
    from embedgrad.evaluation import judge

    taken: list[int] = []

    def counting(*arguments, **options):
        for number, answer in generate_ids(*arguments, **options):
            taken.append(len(answer.ids))
            yield number, answer

    monkeypatch.setattr(judge, "generate_ids", counting)
    return taken


def test_what_the_pass_tells_is_not_generated(bound, generated):
    """A random model rambles: nearly every answer is given up at its first tokens."""
    judge = Judge.prepare(bound, EXAMPLES, Judging(LABELS))
    full = judge.judge(bound, "it")
    before = sum(generated)
    generated.clear()
    found = verdicts_of(judge, bound, "it")
    assert (found.loss, found.accuracy) == (full.score.loss, full.score.accuracy)
    assert before > 300
    assert sum(generated) < 30


def test_an_answer_that_is_the_target_is_not_generated(model, bound, generated):
    judge = Judge.prepare(bound, EXAMPLES[:4], Judging(eg.Task("exact"), max_new_tokens=6))
    said = dict(generate_ids(model, [Request(row, bound.embeddings) for row in judge.rows], 3))
    stops = frozenset(answer.ids[2] for answer in said.values())
    targets = tuple(row.with_target(said[number].ids) for number, row in enumerate(judge.rows))
    judge = replace(judge, targets=targets, stop_ids=stops)
    verdicts_of(judge, bound, "it")
    assert generated == []


def test_numbers_are_generated_to_their_end(bound, generated):
    examples = [eg.Example(f"{number} and 1", str(number + 1), line=number) for number in range(8)]
    judge = Judge.prepare(bound, examples, Judging(eg.Task("number"), max_new_tokens=5))
    full = judge.judge(bound, "it")
    generated.clear()
    found = verdicts_of(judge, bound, "it")
    assert [row.read for row in found.rows] == [p.prediction for p in full.predictions]
    assert generated
    assert min(generated) >= 3


@pytest.mark.parametrize(
    ("judging", "work"),
    [
        (Judging(LABELS, max_new_tokens=2), 24 * 2),
        (Judging(LABELS, "both", 2), 24 * 2),
        (Judging(LABELS, "likelihood"), 24 * 3),
        (Judging(eg.Task("text")), 24),
    ],
)
def test_however_rows_are_scored(judging: Judging, work: int, bound):
    judge = Judge.prepare(bound, EXAMPLES, judging)
    full, told = judge.judge(bound, "it"), []
    labels = judging.task.labels
    found = verdicts_of(judge, bound, "it", lambda done, total: told.append((done, total)), labels)
    assert told[-1] == (work, work)
    assert (found.loss, found.accuracy) == (full.score.loss, full.score.accuracy)
    assert [(row.read, row.correct) for row in found.rows] == [(p.prediction, p.correct) for p in full.predictions]


def test_a_prompt_that_is_not_finite_is_told(model, bound):
    broken = bound.prompt.moved(torch.full_like(bound.embeddings, torch.nan))
    with pytest.raises(NonFiniteLoss) as error:
        verdicts_of(Judge.prepare(bound, EXAMPLES[:2], Judging(LABELS)), broken.bind(model), "it")
    assert str(error.value) == (
        "The loss of 'it' is NaN or infinite on 2 of 2 rows, at lines 1, 2. Look at the prompt's learning rate, or use "
        'eg.load_model(..., dtype="float32").'
    )


def test_the_token_that_cannot_be_chosen_is_counted_from_the_answers_beginning(model, bound, monkeypatch):
    judge = Judge.prepare(bound, EXAMPLES[:1], Judging(LABELS))
    request = Request(judge.targets[0], bound.embeddings)
    forward = generate.forward

    def strange(*arguments):
        return forward(*arguments) * torch.nan

    monkeypatch.setattr(generate, "forward", strange)
    begun = len(judge.targets[0].target)
    with pytest.raises(NonFiniteLoss) as error:
        list(generate_ids(model, [request], begun + 3))
    assert str(error.value) == (
        f"The model's logits are NaN or infinite at token {begun + 2} of the answer, at line 1. Look at the prompt's "
        'learning rate, or use eg.load_model(..., dtype="float32").'
    )


SAID = {
    "math": ("\\boxed{1}", "\\boxed{2}", "\\boxed{0.5}", "\\boxed{\\frac{1}{2}}", " so ", "1/2 ", "\\boxed{"),
    "json": ("1", "[1]", "[1", ", 2]", "{}", ' {"a": 1}', '{"a":', " "),
}
WANTED = {"math": ("1", "\\frac12", "2"), "json": ("1", "[1, 2]", "{}", '{"a": 1}')}


@pytest.mark.parametrize("kind", ["math", "json"])
def test_boxes_and_json(kind, model, bound, monkeypatch):
    """A random model writes neither: what it says is read as a word of SAID for each token, answer and validation
    alike."""
    from embedgrad.evaluation import judge as full_answers
    from embedgrad.evaluation import verdicts

    def decode(model, ids):
        return "".join(SAID[kind][token % len(SAID[kind])] for token in ids)

    for module in (full_answers, verdicts):
        monkeypatch.setattr(module, "decode", decode)
    examples = [
        eg.Example(f"{number} and {2 * number}", WANTED[kind][number % len(WANTED[kind])], line=number)
        for number in range(120)
    ]
    for most in (1, 2, 3):
        judge = Judge.prepare(bound, examples, Judging(eg.Task(kind), max_new_tokens=most))
        full, found = judge.judge(bound, "it"), verdicts_of(judge, bound, "it")
        assert [(row.read, row.correct) for row in found.rows] == [(p.prediction, p.correct) for p in full.predictions]
        assert full.score.correct > 0
