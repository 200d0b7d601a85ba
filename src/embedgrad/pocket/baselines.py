"""What needs no language model: the most frequent answer, and a bag of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import torch
from torch.nn import functional

from embedgrad.data.example import Example
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.tasks.task import Task

_WORD = re.compile(r"\w+|[^\w\s]")
_PENALTIES = (0.3, 0.03, 0.003)  # squared weights, chosen among on the validation rows


def majority(task: Task, train: Sequence[Example], test: Sequence[Example]) -> float:
    """Accuracy of always giving the tuning rows' most frequent answer, a fraction of the test rows."""
    answer = Counter(_answers(task, train)).most_common(1)[0][0]
    return _accuracy(task, [answer] * len(test), test)


def bag_of_words(task: Task, train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example]) -> float:
    """Accuracy of logistic regression on which words an input has, a fraction of the test rows.

    Trained on the tuning rows; the penalty is the one of three that is best on the validation rows. An answer that
    is not among the tuning rows' answers cannot be given.
    """
    answers = _answers(task, train)
    classes = sorted(set(answers))
    words = sorted({word for example in train for word in _words(example.input)})
    column = {word: number for number, word in enumerate(words)}

    def counted(rows: Sequence[Example]) -> torch.Tensor:
        has = torch.zeros(len(rows), len(words) + 1)
        has[:, -1] = 1.0  # the constant
        for i, example in enumerate(rows):
            for word in _words(example.input):
                if word in column:
                    has[i, column[word]] = 1.0
        return has

    inputs, wanted = counted(train), torch.tensor([classes.index(answer) for answer in answers])

    def guesses(weights: torch.Tensor, rows: Sequence[Example]) -> list[str]:
        return [classes[number] for number in (counted(rows) @ weights).argmax(1).tolist()]

    fitted = [_fitted(inputs, wanted, len(classes), penalty) for penalty in _PENALTIES]
    best = max(fitted, key=lambda weights: _accuracy(task, guesses(weights, validation), validation))
    return _accuracy(task, guesses(best, test), test)


def _fitted(inputs: torch.Tensor, wanted: torch.Tensor, classes: int, penalty: float) -> torch.Tensor:
    """[words, classes] weights of the penalised regression, which is convex."""
    weights = torch.zeros(inputs.shape[1], classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(inputs @ weights, wanted) + penalty * weights.square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach()


def _answers(task: Task, rows: Sequence[Example]) -> list[str]:
    return [read_strict(task, row.target or "") or "" for row in rows]


def _accuracy(task: Task, answers: Sequence[str], rows: Sequence[Example]) -> float:
    right = [is_correct(task, answer, row.target or "") for answer, row in zip(answers, rows, strict=True)]
    return sum(right) / len(right)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
