"""Rows through the model up to the answer's first token: the cache, what is padded, and where the positions lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from embedgrad.engine.prefix_cache import KeysValues
from embedgrad.engine.requests import Request
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.hooks import DynamicCache, cache_argument
from embedgrad.model.turns import in_turn

Padding = Literal["left", "right", "none"]


@dataclass(frozen=True)
class ReadInputs:
    """B rows up to the answer's first token.

    cache     what the model keeps of them
    mask      [B, T], 1 where a real token stands
    paddings  how many zeros each row of the mask has
    logits    [B, V] of the answer's first token, in the model's dtype
    """

    cache: DynamicCache
    mask: Tensor
    paddings: list[int]
    logits: Tensor


@in_turn
def read_inputs(model: FrozenModel, requests: Sequence[Request], padding: Padding = "left") -> ReadInputs:
    """All of `requests` have a prefix, or none has. With prefixes a row lies as `[pad][prefix][pad][rest]`, else as
    `[pad][row]`; with padding on the right the rest or the row comes before its padding."""
    cache = DynamicCache(config=model.lm.config)
    before = _fill(cache, [r.prefix for r in requests if r.prefix], model.device)
    embeds, behind = joined_rows(model, requests, padding)
    mask = torch.cat([before, behind], dim=1) if before is not None else behind
    paddings = [mask.shape[1] - len(r.layout) for r in requests]
    # Trap: with a cache the mask must cover past and new; a shorter one is zero-padded in silence.
    positions = (mask.cumsum(1) - 1).clamp_min(0)[:, mask.shape[1] - embeds.shape[1] :]
    last = [embeds.shape[1] - 1] * len(requests)
    if padding == "right":
        last = [len(r.layout) - r.prefix_tokens - 1 for r in requests]
    logits = forward(model, cache, mask if any(paddings) else None, positions, embeds, last)
    return ReadInputs(cache, mask, paddings, logits)


@in_turn
def forward(
    model: FrozenModel,
    cache: DynamicCache | None,
    mask: Tensor | None,
    positions: Tensor,
    embeds: Tensor,
    last: Sequence[int] | None = None,
) -> Tensor:
    """What follows `embeds` [B, C, D] behind `cache`, which is extended: [B, C, V] logits of every column, or [B, V] of
    the column `last` in each row. `mask` [B, past + C] may be None where it has no zeros.
    Without a cache, `embeds` are whole rows."""
    options: dict[str, object] = {"use_cache": cache is not None}
    if cache is not None:
        options[str(cache_argument(model.forward_arguments))] = cache
    if mask is not None:
        options["attention_mask"] = mask
    if "position_ids" in model.forward_arguments:
        options["position_ids"] = positions
    if last is None or embeds.shape[1] == 1:
        logits: Tensor = model.lm(inputs_embeds=embeds, **options).logits
        return logits if last is None else logits[:, 0]
    columns = torch.tensor(last, device=embeds.device)
    rows = torch.arange(len(last), device=embeds.device)
    if "logits_to_keep" not in model.forward_arguments:
        return model.lm(inputs_embeds=embeds, **options).logits[rows, columns]  # type: ignore[no-any-return]
    # Trap: the head on a 3-D slice copies the [V, D] weight once per row, three quarters of the time in bfloat16.
    if model.takes_logit_mask:
        wanted = torch.zeros(embeds.shape[:2], dtype=torch.bool, device=embeds.device)
        wanted[rows, columns] = True
        logits = model.lm(inputs_embeds=embeds, **options, logits_to_keep=wanted).logits
        return logits.reshape(len(last), -1)
    kept, place = torch.unique(columns, return_inverse=True)
    logits = model.lm(inputs_embeds=embeds, **options, logits_to_keep=kept).logits
    return logits[rows, place]


def _fill(cache: DynamicCache, prefixes: Sequence[KeysValues], device: torch.device) -> Tensor | None:
    """Puts a prefix per row into the cache, padded on the left to the longest, and returns their mask [B, P']."""
    distinct = list({id(prefix): prefix for prefix in prefixes}.values())
    if not distinct:
        return None
    number = {id(prefix): n for n, prefix in enumerate(distinct)}
    row_of = torch.tensor([number[id(prefix)] for prefix in prefixes], device=device)
    lengths = [prefix[0][0].shape[-2] for prefix in distinct]
    for layer, pairs in enumerate(zip(*distinct, strict=True)):
        padded = [
            [F.pad(tensor, (0, 0, max(lengths) - length, 0)) for tensor in pair]
            for pair, length in zip(pairs, lengths, strict=True)
        ]
        keys, values = (torch.cat(tensors) for tensors in zip(*padded, strict=True))
        cache.update(keys[row_of.to(keys.device)], values[row_of.to(values.device)], layer)
    columns = torch.arange(max(lengths), device=device)
    first = max(lengths) - torch.tensor(lengths, device=device)
    return (columns >= first[row_of, None]).long()


def joined_rows(model: FrozenModel, requests: Sequence[Request], padding: Padding) -> tuple[Tensor, Tensor]:
    """[B, C, D] embeddings of what lies behind the prefixes, and its [B, C] mask."""
    width = max(len(r.layout) - r.prefix_tokens for r in requests)
    ids = torch.zeros(len(requests), width, dtype=torch.long)
    mask = torch.zeros(len(requests), width, dtype=torch.long)
    starts = []
    for row, request in enumerate(requests):
        behind = request.layout.ids[request.prefix_tokens :]
        starts.append(0 if padding == "right" else width - len(behind))
        place = slice(starts[-1], starts[-1] + len(behind))
        ids[row, place] = torch.tensor(behind, dtype=torch.long)
        mask[row, place] = 1
    embeds = model.embed(ids).to(model.dtype)
    for row, request in enumerate(requests):
        if not request.prefix:
            first = starts[row] + request.layout.prompt.start
            embeds[row, first : first + len(request.prompt)] = request.prompt.to(embeds.dtype)
    return embeds, mask.to(model.device)
