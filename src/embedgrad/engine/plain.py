"""The plain path, the oracle: every row in full through the model, nothing shared, nothing cached.

Works wherever the prompt stands, for every model that takes `inputs_embeds`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from embedgrad.engine.rows import LossAndGradient, pad_rows, sum_nats, target_logits, target_tokens
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn
from embedgrad.template.layout import Layout


def join(model: FrozenModel, prompt: Tensor, ids: Tensor, layouts: Sequence[Layout]) -> Tensor:
    """[B, T, D] embeddings of `ids` [B, T] with `prompt` [P, D] in each row's prompt span; differentiable."""
    embeds = model.embed(ids)
    starts = torch.tensor([layout.prompt.start for layout in layouts], device=ids.device)
    columns = starts[:, None] + torch.arange(len(prompt), device=ids.device)
    rows = torch.arange(len(layouts), device=ids.device)[:, None].expand_as(columns)
    return embeds.index_put((rows, columns), prompt.to(embeds.dtype).expand(len(layouts), -1, -1))


@in_turn
def row_nats(model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout]) -> Tensor:
    """[B] loss of each row in nats, summed over its targets; differentiable in `prompt` [P, D]."""
    rows = pad_rows(layouts, 0, model.device, model.padded_tokens)
    embeds = join(model, prompt, rows.ids, layouts)
    return sum_nats(target_logits(model, rows, inputs_embeds=embeds, use_cache=False), rows)


def loss_and_gradient(model: FrozenModel, prompt: Tensor, micro_batches: Sequence[Sequence[Layout]]) -> LossAndGradient:
    """Loss and gradient over all rows of all micro-batches (gradient accumulation: equal to one large batch)."""
    leaf = prompt.detach().float().requires_grad_()
    tokens = sum(target_tokens(rows) for rows in micro_batches)
    nats = []
    for rows in micro_batches:
        with model.turns:  # the backward, too: with checkpoints it runs layers again
            found = row_nats(model, leaf, rows)
            (found.sum() / tokens).backward()  # type: ignore[no-untyped-call]
        nats.append(found.detach().double().cpu())
    all_nats = torch.cat(nats)
    assert leaf.grad is not None
    return LossAndGradient(float(all_nats.sum()) / tokens, leaf.grad, all_nats, tokens)
