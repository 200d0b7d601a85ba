"""Label scoring: which of some answers is the most likely, without generating."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from embedgrad.engine.plan import Engine
from embedgrad.template.layout import Layout


def answer_nats(
    engine: Engine,
    prompt: Tensor,
    layouts: Sequence[Layout],
    answers: Sequence[Sequence[int]],
    progress: Callable[[int], None] = lambda rows: None,
) -> Tensor:
    """[rows, answers] float64: negative log-likelihood in nats of each answer's ids after each row.

    `layouts` have no target; each of `answers` includes its end token, so that "not" does not win over "not spam"
    by being shorter. The sum over an answer's tokens is its exact likelihood; no length normalisation.
    `progress` is told how many rows x answers each micro-batch had.
    """
    rows = [layout.with_target(answer) for layout in layouts for answer in answers]
    return engine.row_nats(prompt, rows, progress).reshape(len(layouts), len(answers))
