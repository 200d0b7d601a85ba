"""What each position of a tuned prompt does: the loss without what tuning has made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from embedgrad.analysis.anchoring.measure import anchor_ids, drifts
from embedgrad.analysis.position_sensitivity.record import PositionReturned, PositionSensitivity
from embedgrad.analysis.study import Study, spread
from embedgrad.analysis.vocabulary import token_text
from embedgrad.data.example import Example
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import paired_loss
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.task import Task
from embedgrad.watch import Watch, counted_up

_ROW_FORWARDS = 4096
_LEAST_ROWS = 32


def measure(study: Study, watch: Watch) -> PositionSensitivity:
    """Over as many rows as 4096 forwards of a row allow: more positions, fewer rows."""
    most = max(_LEAST_ROWS, _ROW_FORWARDS // len(study.tuned))
    return position_sensitivity(study.model, study.start, study.tuned, spread(study.rows, most), study.judging, watch)


def position_sensitivity(
    model: FrozenModel,
    start: SoftPrompt,
    tuned: SoftPrompt,
    examples: Sequence[Example],
    judging: Judging = Judging(),
    watch: Watch = Watch(),
) -> PositionSensitivity:
    """The loss of `tuned` on `examples` when one position returns to its row in `start`, position by position.

    Differences in nats per target token, positive where the position's move helps; 95 % paired bootstrap intervals
    over rows, each position by itself. They do not add up to the gain: positions work together. A position that has
    not moved has difference 0. Of `judging` only `overlong` and `batch_tokens` matter: no answer is asked for.

    Raises PromptError where the prompt has no original tokens or the lengths differ, DataError, OverlongRows.
    """
    ids = anchor_ids(start, tuned)
    losses = replace(judging, task=Task("text"), score_by="generation")  # of kind text: nothing is generated
    judge = Judge.prepare(tuned.bind(model), examples, losses, watch)
    tokens = [len(row.target) for row in judge.targets]
    moved = [i for i in range(len(ids)) if not torch.equal(start.embeddings[i], tuned.embeddings[i])]
    count = counted_up(watch.progress, (len(moved) + 2) * len(tokens))

    def nats(embeddings: Tensor) -> list[float]:
        return [float(n) for n in judge.engine.row_nats(embeddings.to(model.device), judge.targets, count)]

    text_nats, tuned_nats = nats(start.embeddings), nats(tuned.embeddings)
    drift = drifts(start.embeddings, tuned.embeddings).tolist()
    positions = []
    for i, token in enumerate(ids):
        change, interval = 0.0, (0.0, 0.0)
        if i in moved:
            embeddings = tuned.embeddings.clone()
            embeddings[i] = start.embeddings[i]
            found = paired_loss(tuned_nats, nats(embeddings), tokens)
            change, interval = found.difference, found.interval
        positions.append(
            PositionReturned(
                position=i, token=token_text(model, token), drift=drift[i], loss_change=change, interval=interval
            )
        )
    return PositionSensitivity(
        rows=len(tokens),
        text_loss=sum(text_nats) / sum(tokens),
        tuned_loss=sum(tuned_nats) / sum(tokens),
        positions=tuple(positions),
    )
