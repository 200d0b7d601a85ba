"""Losses of rows through a path, and their gradient: the one backward loop, whatever the path and the objective."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from embedgrad.engine.lm_head import token_losses
from embedgrad.engine.objective import CROSS_ENTROPY, Objective, checked_extras
from embedgrad.engine.padded_rows import LossAndGradient, target_tokens
from embedgrad.engine.row_path import RowPath
from embedgrad.template.layout import Layout


def loss_and_gradient(
    path: RowPath,
    prompt: Tensor,
    micro_batches: Sequence[Sequence[Layout]],
    objective: Objective = CROSS_ENTROPY,
) -> LossAndGradient:
    """Loss and gradient [P, D] over all rows of all micro-batches (gradient accumulation: equal to one large batch).

    What the path computes once is a leaf for the rows; its summed gradients then go back to the prompt once, however
    many micro-batches there are. A turn at the model is taken for each, backward included: with checkpoints it runs
    layers again.
    """
    leaf = prompt.detach().float().requires_grad_()
    tokens = sum(target_tokens(rows) for rows in micro_batches)
    once = path.once(leaf, [layout for rows in micro_batches for layout in rows])
    leaves = [tensor.detach().requires_grad_() for tensor in once]
    losses = []
    for rows in micro_batches:
        with path.model.turns:
            found = row_losses(path, leaves, rows, objective)
            (found.sum() / tokens).backward()  # type: ignore[no-untyped-call]
        losses.append(found.detach().double().cpu())
    reached = [(tensor, at.grad) for tensor, at in zip(once, leaves, strict=True) if at.grad is not None]
    torch.autograd.backward([tensor for tensor, _ in reached], [gradient for _, gradient in reached])
    all_losses = torch.cat(losses)
    assert leaf.grad is not None
    return LossAndGradient(float(all_losses.sum()) / tokens, leaf.grad, all_losses, tokens)


def row_losses(
    path: RowPath,
    once: Sequence[Tensor],
    layouts: Sequence[Layout],
    objective: Objective = CROSS_ENTROPY,
    batch_tokens: int = 0,
) -> Tensor:
    """[B] loss of each row, summed over its targets; differentiable in `once`. Both are as in `RowPath.predict`."""
    with path.model.turns:
        found = path.predict(once, layouts, batch_tokens)
        targets = found.rows.targets
        extras = checked_extras(objective, layouts, targets)
        if found.head is None:
            losses = objective.losses(found.states.float(), targets, extras)
        else:
            losses = token_losses(found.head, found.states, targets, path.model.head_rows, objective, extras)
    return found.rows.per_row(losses)
