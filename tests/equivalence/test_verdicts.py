"""Verdicts of a validation == those of full generation, whatever the greedy answers do to the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.data.target_form import target_form
from embedgrad.engine.generate import generate_ids
from embedgrad.engine.greedy import read_openings
from embedgrad.engine.requests import Request
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Prediction
from embedgrad.evaluation.verdicts import Verdict, verdicts_of

PROMPT = "Determine the main emotion. Answer with one word."
PLACES = ("{prompt}\n\n{input}", "{input}\n\n{prompt}\n")
INPUTS = [
    "no", "I can't believe it worked!", "the dog", "so sad", "Once upon a time there was a little dog. " * 3, "yes",
]  # fmt: skip
LIMIT, OTHER_STOP = 8, 3
WHOLE = eg.Task("regex", pattern=r"(?s)\A(.*)\Z")  # reads every token of an answer, and never knows before its end

Ids = tuple[int, ...]


def greedy(judge: Judge, bound) -> list[Ids]:
    """The endless answer to each row."""
    requests = [Request(row, bound.embeddings) for row in judge.rows]
    found = dict(generate_ids(judge.model, requests, LIMIT + 4))
    return [found[number].ids for number in range(len(requests))]


def with_targets(judge: Judge, targets: Sequence[Ids], task: eg.Task | None, stops: Sequence[int]) -> Judge:
    """The same rows with targets of these ids and their texts; where no task is given, these are labels, and so are
    beginnings of them."""
    texts = [judge.model.tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in targets]
    texts = [target_form(text) or "\N{SNOWMAN}" for text in texts]
    parts = {target_form(text[: len(text) // 2 + 1]) for text in texts} - {""}
    labels = eg.Task("label", labels=tuple(sorted({*texts, *parts})))
    return replace(
        judge,
        task=task or labels,
        examples=tuple(replace(row, target=text) for row, text in zip(judge.examples, texts, strict=True)),
        targets=tuple(row.with_target(ids) for row, ids in zip(judge.rows, targets, strict=True)),
        stop_ids=frozenset(stops),
    )


def hostile(answer: Ids, stop: int) -> list[tuple[Ids, set[int]]]:
    """Targets that a greedy answer treats in all ways, and the tokens that end answers."""
    first = answer.index(answer[3])
    other = (answer[3] + 1) % 300 + 10
    return [
        ((*answer[:first], answer[3]), {answer[3]}),  # says it
        ((*answer[:first], stop), {answer[3], stop}),  # ends it by another stop token
        ((stop,), {answer[0], stop}),  # says nothing, by another stop token
        ((*answer[:2], stop), {stop}),  # goes on
        ((*answer[:2], other, stop), {stop}),  # leaves it
        ((other, *answer[1:3], stop), {stop}),  # leaves it at once
        ((*answer[:LIMIT], stop), {stop}),  # is cut at the limit, where it is right
        (answer[: LIMIT + 2], {stop}),  # is cut before
        (answer[:3], {stop}),  # which nothing ends
    ]


def compared(judge: Judge, bound) -> list[tuple[Verdict, Prediction]]:
    full = judge.judge(bound, "it")
    found = verdicts_of(judge, bound, "it")
    assert found.loss == full.score.loss
    assert [(row.nats, row.tokens) for row in found.rows] == [(row.nats, row.tokens) for row in full.predictions]
    return list(zip(found.rows, full.predictions, strict=True))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("family", "changed"), tiny.VARIANTS)
def test_verdicts_are_those_of_full_generation(family: str, changed: dict, dtype: str, place: str, tiny_model) -> None:
    model = tiny_model(family, dtype, **changed)
    bound = eg.start(model, PROMPT, eg.Template.chat(place)).bind(model)
    judge = Judge.prepare(bound, [eg.Example(text, "x") for text in INPUTS], Judging(WHOLE, max_new_tokens=LIMIT))
    answers = greedy(judge, bound)
    ways = list(zip(*(hostile(answer, OTHER_STOP) for answer in answers), strict=True))
    right = 0
    for way in ways:
        targets, stops = [ids for ids, _ in way], set().union(*(stops for _, stops in way))
        for task in (WHOLE, None, eg.Task("exact"), eg.Task("short")):
            asked = with_targets(judge, targets, task, sorted(stops))
            for verdict, prediction in compared(asked, bound):
                assert verdict.correct == prediction.correct
                if task in (WHOLE, None):
                    assert verdict.read == prediction.prediction
                right += bool(verdict.correct)
    assert right > 0
