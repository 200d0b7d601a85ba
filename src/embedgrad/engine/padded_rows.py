"""Several layouts as padded tensors, and what all paths give back.

Rows are padded on the right and no mask is given: causal order keeps every real token from seeing the padding, so
this is exact, and it keeps the fast attention path. Lengths that differ are rounded up to a multiple of 16, because on
a CPU each new shape costs time once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from embedgrad.engine.lm_head import LMHead
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout

_ROUND_TO = 16
_MANY = 4  # rows that are alike by more than chance: few new shapes come of it


@dataclass(frozen=True)
class LossAndGradient:
    """What one optimizer step needs; nats, where the objective is cross-entropy.

    loss      nats per target token, mean over all targets of the global batch (the paper's Eq. 6 is their sum: the
              same direction, but a step size that does not grow with the batch)
    gradient  [P, D] float32 of that loss
    row_nats  [rows] float64, summed over each row's targets, in the order of the layouts
    tokens    target tokens in all rows
    """

    loss: float
    gradient: Tensor
    row_nats: Tensor
    tokens: int


@dataclass(frozen=True)
class PaddedRows:
    """B rows from position `offset` on, as tensors.

    ids        [B, T]; 0 where the prompt stands and in the padding
    predicts   [B, T] True where the next token is a target
    targets    [N] the target ids, row by row
    row_of     [N] which row each target belongs to
    """

    ids: Tensor
    predicts: Tensor
    targets: Tensor
    row_of: Tensor

    @property
    def count(self) -> int:
        """B."""
        return len(self.ids)

    def per_row(self, losses: Tensor) -> Tensor:
        """[B] sums of the targets' `losses` [N]."""
        return torch.zeros(self.count, dtype=losses.dtype, device=losses.device).index_add(0, self.row_of, losses)


@dataclass(frozen=True)
class Predicting:
    """Where rows came out of the model: the N positions that predict a target.

    rows    the rows, whose `targets` are in the order of the states
    states  [N, V] logits in the model's dtype; with a `head` [N, D], the last hidden states, whose logits it gives
    """

    rows: PaddedRows
    states: Tensor
    head: LMHead | None = None


def pad_rows(layouts: Sequence[Layout], offset: int, device: torch.device, most_tokens: int) -> PaddedRows:
    """`layouts` from position `offset` on, padded to no more than `most_tokens` in all. Targets must start after
    `offset`."""
    ids = pad_ids([layout.ids[offset:] for layout in layouts], most_tokens - offset)
    predicts = torch.zeros(ids.shape, dtype=torch.bool)
    targets: list[int] = []
    row_of: list[int] = []
    for row, layout in enumerate(layouts):
        span = layout.target
        predicts[row, span.start - offset - 1 : span.stop - offset - 1] = True
        targets.extend(layout.ids[span.start : span.stop])
        row_of.extend([row] * len(span))
    tensors = (ids, predicts, torch.tensor(targets, dtype=torch.long), torch.tensor(row_of, dtype=torch.long))
    return PaddedRows(*(tensor.to(device) for tensor in tensors))


def pad_ids(rows: Sequence[Sequence[int]], most_tokens: int) -> Tensor:
    """[B, T] ids, padded with 0 on the right to a multiple of 16, but not past `most_tokens`; a batch of rows of one
    length needs no padding."""
    longest = max(map(len, rows))
    rounded = min(-(-longest // _ROUND_TO) * _ROUND_TO, max(longest, most_tokens))
    width = longest if len(rows) >= _MANY and min(map(len, rows)) == longest else rounded
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, dtype=torch.long)
    return ids


def target_logits(model: FrozenModel, rows: PaddedRows, **inputs: object) -> Tensor:
    """[N, V] logits at the positions that predict a target, in the model's own forward.

    Trap: the head on a 3-D slice copies the [V, D] weight once per row; gathered to 2-D it does not.
    """
    logits: Tensor
    if "logits_to_keep" not in model.forward_arguments:
        logits = model.lm(**inputs).logits
        return logits[rows.predicts]
    if model.takes_logit_mask:
        logits = model.lm(**inputs, logits_to_keep=rows.predicts).logits
        return logits.reshape(-1, logits.shape[-1])
    columns = rows.predicts.any(0).nonzero()[:, 0]  # those that predict in any row
    logits = model.lm(**inputs, logits_to_keep=columns).logits
    return logits[rows.predicts[:, columns]]


def target_tokens(layouts: Sequence[Layout]) -> int:
    return sum(len(layout.target) for layout in layouts)
