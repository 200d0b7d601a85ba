"""Verdicts of a validation == those of full generation, whatever the greedy answers do to the targets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.data.target_form import target_form
from embedgrad.engine.generate import generate_ids
from embedgrad.engine.greedy import LEAD, read_openings
from embedgrad.engine.requests import Request
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.verdicts import verdicts_of
from embedgrad.tasks.grade import grade

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


def labels_of(judge: Judge) -> eg.Task:
    """The judge's targets as labels, and beginnings of them."""
    texts = [example.target for example in judge.examples]
    parts = {target_form(text[: len(text) // 2 + 1]) for text in texts} - {""}
    return eg.Task("label", labels=tuple(sorted({*texts, *parts})))


def with_targets(judge: Judge, targets: Sequence[Ids], stops: Collection[int]) -> Judge:
    """The same rows, as often as there are targets of these ids, and their texts."""
    times = len(targets) // len(judge.rows)
    texts = [judge.model.tokenizer.decode(ids, skip_special_tokens=True) for ids in targets]
    texts = [target_form(text) or "\N{SNOWMAN}" for text in texts]
    return replace(
        judge,
        examples=tuple(replace(row, target=text) for row, text in zip(judge.examples * times, texts, strict=True)),
        rows=judge.rows * times,
        targets=tuple(row.with_target(ids) for row, ids in zip(judge.rows * times, targets, strict=True)),
        stop_ids=frozenset(stops),
    )


def hostile(answers: Sequence[Ids]) -> list[tuple[list[list[Ids]], set[int]]]:
    """Targets of each row that its endless greedy answer treats in all ways, and the tokens that end answers then."""
    stop, ends = OTHER_STOP, {answer[3] for answer in answers} | {OTHER_STOP}

    def said(answer: Ids) -> Ids:
        return answer[: next(place for place, token in enumerate(answer) if token in ends)]

    def other(answer: Ids, place: int) -> int:
        return (answer[place] + 1) % 300 + 10

    return [
        (
            [
                [(*said(answer), answer[len(said(answer))]) for answer in answers],  # says it
                [(*said(answer), stop) for answer in answers],  # ends it by another stop token
                [(*answer[:2], other(answer, 2), stop) for answer in answers],  # leaves it
            ],
            ends,
        ),
        ([[(stop,)] * len(answers)], {answer[0] for answer in answers} | {stop}),  # says nothing, by another one
        (
            [
                [(*answer[:2], stop) for answer in answers],  # goes on
                [(other(answer, 0), *answer[1:3], stop) for answer in answers],  # leaves it at once
                [(*answer[:LIMIT], stop) for answer in answers],  # is cut at the limit, where it is right
                [answer[: LIMIT + 2] for answer in answers],  # is cut before
                [answer[:3] for answer in answers],  # which nothing ends
            ],
            {stop},
        ),
    ]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("family", "changed"), tiny.VARIANTS)
def test_verdicts_are_those_of_full_generation(
    family: str, changed: dict, dtype: str, place: str, tiny_model, monkeypatch
) -> None:
    """In bfloat16 two tokens are often equally likely, and either may come first, in full generation too, which depends
    on what else is in a batch: rows where that happens before the target ends are left out there."""
    monkeypatch.setitem(LEAD, torch.bfloat16, 0.15)  # models of three layers round less, and lead by less
    model = tiny_model(family, dtype, **changed)
    bound = eg.start(model, PROMPT, eg.Template.chat(place)).bind(model)
    judge = Judge.prepare(bound, [eg.Example(text, "x") for text in INPUTS], Judging(WHOLE, max_new_tokens=LIMIT))
    right = 0
    for ways, stops in hostile(greedy(judge, bound)):
        asked = with_targets(judge, [ids for way in ways for ids in way], stops)
        full = asked.judge(bound, "it")
        _, openings = read_openings(asked.engine, bound.embeddings, asked.targets)
        for task in (WHOLE, labels_of(asked), eg.Task("exact")):
            alone = verdicts_of(replace(asked, task=task), bound, "it")
            found = verdicts_of(replace(asked, task=task), bound, "it", told_apart=task.labels)
            assert found.loss == full.score.loss
            for few, verdict, prediction, opening in zip(
                alone.rows, found.rows, full.predictions, openings, strict=True
            ):
                assert (verdict.nats, verdict.tokens) == (prediction.nats, prediction.tokens)
                if dtype == "bfloat16" and opening.is_open:
                    continue
                wanted = grade(task, prediction.output, prediction.target)
                assert few.correct == verdict.correct == wanted.correct
                if dtype == "float32" and task.kind != "exact":
                    assert verdict.read == wanted.read
                right += bool(verdict.correct)
    assert right > 0 or dtype == "bfloat16"
