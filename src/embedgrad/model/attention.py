"""Causal attention as plain batched matrix products, for CPUs: a drop-in for transformers' own.

On a CPU, `scaled_dot_product_attention` takes its flash kernel, whose backward reaches a fraction of the matrix
units' rate. Here each key/value head meets all the query heads of its group in one product (nothing is repeated),
scores live for one block of queries at a time, and the backward computes them again, so no [T, T] matrix is kept.
Equals transformers' `eager_attention_forward` (tests/equivalence/test_attention.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from embedgrad.model import hooks
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.surgery.cuts import Attending

NAME = "embedgrad"
MASKED = "embedgrad_masked"
_SCORES_AT_ONCE = 1 << 21  # of one block of queries: 8 MiB, what a processor's cache holds


class CannotAttend(Exception):
    """This model's attention has a term that is not written here; transformers' own can always be used."""


def grouped_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in place of its own attention.

    query           [B, H, T, E]; the last T of the T' positions
    key, value      [B, G, T', E]
    attention_mask  [B, 1, T, T'] True where a query sees a key; None: everything up to itself
    sliding_window  a query sees only so many keys, itself included
    returns         [B, T, H, E]

    Raises CannotAttend for terms it does not know (soft-capped scores, sinks, biases).
    """
    if terms := unknown_terms(options):
        raise CannotAttend(terms)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    window = sliding_window if sliding_window and sliding_window < key.shape[2] else None
    frozen = min(getattr(key, "frozen_tokens", 0), getattr(value, "frozen_tokens", 0))
    sight = Sight(scale, window, frozen, query.shape[0] * query.shape[1], query.shape[2], key.shape[2])
    found: Tensor = _GroupedAttention.apply(query, key, value, attention_mask, sight)  # type: ignore[no-untyped-call]
    return found, None


def unknown_terms(options: Mapping[str, Any]) -> str:
    """What `options` ask for that is not written here, in words; "" where that is nothing."""
    further = [name for name in hooks.ATTENTION_TERMS if options.get(name) is not None]
    return f"attention with {', '.join(further)}" if further else ""


def mark_frozen(states: Tensor, tokens: int) -> None:
    """Say of joined keys or values that nobody needs a gradient of the first `tokens`."""
    states.frozen_tokens = tokens  # type: ignore[attr-defined]


def masked_attention(*tensors: Any, sliding_window: int | None = None, **options: Any) -> tuple[Tensor, None]:
    """As `grouped_attention`, for models with windows or chunks: their mask holds those, too."""
    return grouped_attention(*tensors, **options)


hooks.register_attention(NAME, grouped_attention)  # transformers makes no mask for it
hooks.register_attention(MASKED, masked_attention, masks_of="sdpa")


def takes_masks(model: FrozenModel) -> bool:
    """Whether only transformers' masks say what a layer sees. Trap: some models name their window nowhere else."""
    return model.has_windows


def in_use(model: FrozenModel, wanted: bool = True) -> AbstractContextManager[None]:
    """While this lasts, the model's layers attend by `grouped_attention`, if `wanted`."""
    return model.surgery.change("own attention", _own(model)) if wanted else nullcontext()


def in_use_again(model: FrozenModel, wanted: bool) -> AbstractContextManager[None]:
    """The same for layers that a backward runs again, in whichever thread."""
    return model.surgery.again("own attention", _own(model)) if wanted else nullcontext()


def _own(model: FrozenModel) -> Attending:
    return Attending(model.lm.config.get_text_config(), MASKED if takes_masks(model) else NAME)


@dataclass(frozen=True)
class Sight:
    """How scores become weights, and what each of T queries at the end of T' positions may see."""

    scale: float
    window: int | None
    frozen: int  # the first keys, which need no gradient
    heads: int  # of all rows
    tokens: int
    positions: int

    def blocks(self, mask: Tensor | None) -> Iterator[tuple[int, int, int]]:
        """Pieces of the queries, start to stop, and how many of the first keys they see at most."""
        block = max(32, _SCORES_AT_ONCE // (self.heads * self.positions))
        for start in range(0, self.tokens, block):
            stop = min(start + block, self.tokens)
            yield start, stop, self.positions - self.tokens + stop if mask is None else self.positions

    def weights(self, query: Tensor, keys: Tensor, mask: Tensor | None, groups: int, start: int, stop: int) -> Tensor:
        """[B * G, R * t, seen] softmax of the scores of queries start to stop, `query` [B * G, R * t, E], over `keys`
        [B * G, seen, E]; `mask` [B, 1, T, T'] as `grouped_attention` takes it."""
        seen, offset = keys.shape[1], self.positions - self.tokens
        exact = query.float(), keys.mT.float()  # rounded scores are what half precision would lose most by
        scores = torch.baddbmm(exact[0].new_empty(()), *exact, beta=0, alpha=self.scale)
        grid = scores.view(len(keys) // groups, groups, -1, stop - start, seen)
        if mask is not None:
            grid.masked_fill_(~mask[:, :, None, start:stop, :seen], -math.inf)
        else:
            later = torch.ones(stop - start, stop - start, dtype=torch.bool, device=keys.device).triu_(1)
            grid[..., offset + start :].masked_fill_(later, -math.inf)
        if self.window is not None:
            position = torch.arange(offset + start, offset + stop, device=keys.device)[:, None]
            grid.masked_fill_(torch.arange(seen, device=keys.device) <= position - self.window, -math.inf)
        return torch.softmax(scores, dim=-1).to(query.dtype)


class _GroupedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, sight: Sight) -> Tensor:
        ctx.save_for_backward(query, key, value, mask)
        ctx.sight = sight
        return attend(query, key, value, mask, sight)[0].transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, mask = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        slope = gradient.transpose(1, 2)
        return (*attend_backward(slope, query, key, value, mask, ctx.sight, wanted), None, None)


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, sight: Sight
) -> tuple[Tensor, Tensor | None]:
    """[B, H, T, E], and the weights [B * G, R * T, T'] where they were computed in one piece. The R query heads of each
    key/value head lie side by side: [B * G, R * T, E] against [B * G, T', E]."""
    weights = None
    groups, keys, values = key.shape[1], key.flatten(0, 1), value.flatten(0, 1)
    parts = []
    for start, stop, seen in sight.blocks(mask):
        folded = _folded(query[:, :, start:stop], groups)
        weights = sight.weights(folded, keys[:, :seen], mask, groups, start, stop)
        parts.append(torch.bmm(weights, values[:, :seen]).view(*query.shape[:2], stop - start, -1))
    return (parts[0], weights) if len(parts) == 1 else (torch.cat(parts, dim=2), None)


def attend_backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    sight: Sight,
    wanted: Sequence[bool] = (True, True, True),
    kept: Tensor | None = None,
) -> tuple[Tensor | None, ...]:
    """Gradients of query, key and value, where `wanted`, from that of `attend`'s output; the weights are computed
    again unless they were `kept`."""
    groups, keys, values = key.shape[1], key.flatten(0, 1), value.flatten(0, 1)
    d_queries: list[Tensor] = []
    d_keys, d_values = None, None
    for start, stop, seen in sight.blocks(mask):
        folded = _folded(query[:, :, start:stop], groups)
        weights = sight.weights(folded, keys[:, :seen], mask, groups, start, stop) if kept is None else kept
        d_output = _folded(gradient[:, :, start:stop], groups)
        if wanted[2]:
            d_values = _added(d_values, weights, d_output, 1.0, sight)
        d_weights = torch.bmm(d_output, values[:, :seen].mT)
        d_scores = hooks.softmax_backward(d_weights, weights)
        if wanted[0]:
            part = torch.baddbmm(query.new_empty(()), d_scores, keys[:, :seen], beta=0, alpha=sight.scale)
            d_queries.append(part.view(*query.shape[:2], stop - start, -1))
        if wanted[1]:
            d_keys = _added(d_keys, d_scores, folded, sight.scale, sight)
    d_query = torch.cat(d_queries, dim=2) if len(d_queries) > 1 else d_queries[0] if d_queries else None
    return (
        d_query,
        None if d_keys is None else d_keys.view_as(key),
        None if d_values is None else d_values.view_as(value),
    )


def _added(total: Tensor | None, weights: Tensor, states: Tensor, scale: float, sight: Sight) -> Tensor:
    """`total` [B * G, T', E] with what a block of queries adds to it: scale * weights^T states."""
    weights, seen = weights[:, :, sight.frozen :].mT, weights.shape[2]
    if total is None and seen == sight.positions:  # the only block. Trap: sums into slices of a batch are slow
        part = torch.baddbmm(states.new_empty(()), weights, states, beta=0, alpha=scale)
        return torch.nn.functional.pad(part, (0, 0, sight.frozen, 0)) if sight.frozen else part
    if total is None:
        total = states.new_zeros(len(states), sight.positions, states.shape[2])
    total[:, sight.frozen : seen].baddbmm_(weights, states, alpha=scale)
    return total


def _folded(heads: Tensor, groups: int) -> Tensor:
    """[B, H, T, E] -> [B * G, R * T, E]."""
    return heads.reshape(len(heads) * groups, -1, heads.shape[-1])
