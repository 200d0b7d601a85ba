"""The shared-prefix path: the prompt goes through the model once per step instead of once per row.

Everything up to the prompt's end is the same for all rows, so its keys and values are computed once, with
gradient, and every row attends to them. Equals `plain` in loss and gradient (tests/equivalence). Cost per step,
N body parameters, B rows of n + m tokens, k prompt tokens: 4N * (k + B(n + m)) instead of 4N * B(k + n + m).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from embedgrad.engine.rows import LossAndGradient, pad_rows, sum_nats, target_logits, target_tokens
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout

KeysValues = list[tuple[Tensor, Tensor]]  # per layer, [1, G, P', E] each


class CannotShare(Exception):
    """This model or these rows have no prefix that could be shared; `plain` can always be used."""


def shared_head(layouts: Sequence[Layout]) -> tuple[int, ...]:
    """The ids before the prompt, equal in all rows. Raises CannotShare where they are not, or where a target
    follows the prompt at once (its first token is predicted inside the prefix)."""
    heads = {layout.head_ids for layout in layouts}
    if len(heads) != 1:
        raise CannotShare("what stands before the prompt varies from row to row")
    if any(layout.target.start <= layout.prompt.stop for layout in layouts):
        raise CannotShare("the target follows the prompt at once")
    return heads.pop()


def prefill(model: FrozenModel, prompt: Tensor, head_ids: Sequence[int]) -> KeysValues:
    """Keys and values of head and prompt in every layer, once, at batch 1; differentiable in `prompt` [P, D]."""
    head = model.embed(head_ids) if head_ids else prompt.new_zeros(0, prompt.shape[1])
    embeds = torch.cat([head.to(model.dtype), prompt.to(model.dtype)])[None]
    cache = DynamicCache(config=model.lm.config)
    model.lm(inputs_embeds=embeds, past_key_values=cache, use_cache=True, **_no_logits(model))
    return keys_values(cache, embeds.shape[1])


def row_nats(model: FrozenModel, prefix: KeysValues, layouts: Sequence[Layout]) -> Tensor:
    """[B] loss of each row in nats, summed over its targets; differentiable in the prefix's keys and values."""
    length = prefix[0][0].shape[-2]
    rows = pad_rows(layouts, length, model.device, model.context_tokens)
    cache = DynamicCache(config=model.lm.config)
    for layer, (keys, values) in enumerate(prefix):
        cache.update(keys.expand(len(layouts), -1, -1, -1), values.expand(len(layouts), -1, -1, -1), layer)
    logits = target_logits(model, rows, inputs_embeds=model.embed(rows.ids), past_key_values=cache, use_cache=True)
    return sum_nats(logits, rows)


def loss_and_gradient(model: FrozenModel, prompt: Tensor, micro_batches: Sequence[Sequence[Layout]]) -> LossAndGradient:
    """As `plain.loss_and_gradient`. The keys and values are leaves for the rows; their summed gradients then go
    back through the prompt once, however many micro-batches there are."""
    leaf = prompt.detach().float().requires_grad_()
    tokens = sum(target_tokens(rows) for rows in micro_batches)
    head = shared_head([layout for rows in micro_batches for layout in rows])
    graph = prefill(model, leaf, head)
    leaves = [(keys.detach().requires_grad_(), values.detach().requires_grad_()) for keys, values in graph]
    nats = []
    for rows in micro_batches:
        found = row_nats(model, leaves, rows)
        (found.sum() / tokens).backward()  # type: ignore[no-untyped-call]
        nats.append(found.detach().double().cpu())
    outputs = [tensor for pair in graph for tensor in pair]
    gradients = [tensor.grad for pair in leaves for tensor in pair]
    reached = [(out, grad) for out, grad in zip(outputs, gradients, strict=True) if grad is not None]
    torch.autograd.backward([out for out, _ in reached], [grad for _, grad in reached])
    all_nats = torch.cat(nats)
    assert leaf.grad is not None
    return LossAndGradient(float(all_nats.sum()) / tokens, leaf.grad, all_nats, tokens)


def _no_logits(model: FrozenModel) -> dict[str, int]:
    return {"logits_to_keep": 1} if "logits_to_keep" in model.forward_arguments else {}


def keys_values(cache: DynamicCache, length: int) -> KeysValues:
    """The tensors in a prefilled cache. Raises CannotShare where a layer keeps anything but all keys and values
    (a sliding window shorter than the prefix, a recurrent state)."""
    found: KeysValues = []
    for layer in cache.layers:
        keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
        if keys is None or values is None or keys.shape[-2] != length:
            raise CannotShare("a layer keeps a window or a state instead of the whole prefix")
        found.append((keys, values))
    return found
