"""The shared-prefix path: the prompt goes through the model once per step instead of once per row.

Everything up to the prompt's end is the same for all rows, so its keys and values are computed once, with
gradient, and every row attends to them. Equals `plain` in loss and gradient (tests/equivalence). Cost per step,
N body parameters, B rows of n + m tokens, k prompt tokens: 4N * (k + B(n + m)) instead of 4N * B(k + n + m).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from embedgrad.engine import attention, past
from embedgrad.engine.behind import PLAIN_MEANS, Means, row_nats_behind
from embedgrad.engine.past import CannotShare, KeysValues
from embedgrad.engine.rows import LossAndGradient, pad_rows, target_tokens
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn
from embedgrad.template.layout import Layout


def shared_head(layouts: Sequence[Layout]) -> tuple[int, ...]:
    """The ids before the prompt, equal in all rows. Raises CannotShare where they are not, or where a target
    follows the prompt at once (its first token is predicted inside the prefix)."""
    heads = {layout.head_ids for layout in layouts}
    if len(heads) != 1:
        raise CannotShare("what stands before the prompt varies from row to row")
    if any(layout.target.start <= layout.prompt.stop for layout in layouts):
        raise CannotShare("the target follows the prompt at once")
    return heads.pop()


@in_turn
def prefill(model: FrozenModel, prompt: Tensor, head_ids: Sequence[int], head: KeysValues | None = None) -> KeysValues:
    """Keys and values of `head_ids` and prompt in every layer, once, at batch 1; differentiable in `prompt` [P, D].
    Those of `head_ids` never change: `head` is what `head_keys_values` gave."""
    if head is None:
        head = head_keys_values(model, head_ids)
    return past.prefill(model, prompt.to(model.dtype)[None], head)


def head_keys_values(model: FrozenModel, head_ids: Sequence[int]) -> KeysValues:
    """Keys and values of the constant text before the prompt; none where nothing stands there."""
    with torch.no_grad():
        return past.prefill(model, model.embed(head_ids)[None]) if head_ids else []


def row_nats(model: FrozenModel, prefix: KeysValues, layouts: Sequence[Layout], means: Means = PLAIN_MEANS) -> Tensor:
    """[B] loss of each row in nats, summed over its targets; differentiable in the prefix's keys and values."""
    rows = pad_rows(layouts, prefix[0][0].shape[-2], model.device, model.padded_tokens)
    return row_nats_behind(model, prefix, model.embed(rows.ids), rows, means)


def loss_and_gradient(
    model: FrozenModel,
    prompt: Tensor,
    micro_batches: Sequence[Sequence[Layout]],
    means: Means = PLAIN_MEANS,
    head: KeysValues | None = None,
) -> LossAndGradient:
    """As `plain.loss_and_gradient`. The keys and values are leaves for the rows; their summed gradients then go
    back through the prompt once, however many micro-batches there are."""
    leaf = prompt.detach().float().requires_grad_()
    tokens = sum(target_tokens(rows) for rows in micro_batches)
    head_ids = shared_head([layout for rows in micro_batches for layout in rows])
    with model.turns, attention.in_use(model, means.own_attention):
        graph = prefill(model, leaf, head_ids, head)
    leaves = [(keys.detach().requires_grad_(), values.detach().requires_grad_()) for keys, values in graph]
    nats = []
    for rows in micro_batches:
        with model.turns:
            found = row_nats(model, leaves, rows, means)
            (found.sum() / tokens).backward()  # type: ignore[no-untyped-call]
        nats.append(found.detach().double().cpu())
    outputs = [tensor for pair in graph for tensor in pair]
    gradients = [tensor.grad for pair in leaves for tensor in pair]
    reached = [(out, grad) for out, grad in zip(outputs, gradients, strict=True) if grad is not None]
    torch.autograd.backward([out for out, _ in reached], [grad for _, grad in reached])
    all_nats = torch.cat(nats)
    assert leaf.grad is not None
    return LossAndGradient(float(all_nats.sum()) / tokens, leaf.grad, all_nats, tokens)
