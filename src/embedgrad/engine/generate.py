"""Greedy generation from joined embeddings: our own loop over the model's forward and its cache.

Equals `transformers`' generate(inputs_embeds=..., do_sample=False) token for token in float32, alone or in a
batch, whatever the padding (tests/equivalence). Ties of floating-point sums can differ between batch sizes in
lower precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from transformers import DynamicCache

from embedgrad.data.batches import micro_batches
from embedgrad.engine.plain import join
from embedgrad.engine.plan import BATCH_TOKENS, memory_told
from embedgrad.engine.shared_prefix import CannotShare, KeysValues, prefill, shared_head
from embedgrad.errors import ModelError
from embedgrad.model.families import cache_argument, has_sliding_window, keeps_a_state
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout, Span

Padding = Literal["left", "right", "none"]


@dataclass(frozen=True)
class GeneratedIds:
    """One answer: its tokens without the stop token; `truncated` where the token limit came first."""

    ids: tuple[int, ...]
    truncated: bool


def generate_ids(
    model: FrozenModel,
    prompt: Tensor,
    layouts: Sequence[Layout],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    padding: Padding = "left",
    batch_tokens: int = BATCH_TOKENS,
    *,
    shares: bool = False,
) -> Iterator[tuple[int, GeneratedIds]]:
    """(row number, answer) for each layout, batch by batch; rows of similar length go together.

    prompt   [P, D] float32
    padding  left: `[pad][prompt][input]` with positions that do not count the padding; right: the padding lies
             between row and answer and is masked (not with sliding windows, which count it); none: only rows of
             equal length share a batch, as always in models that keep a state
    shares   the model may compute keys and values up to the prompt's end once for all rows (`Engine.shares`); done
             where they are the same for all rows, with left padding and without sliding windows

    Raises ModelError where the model has no cache, NotEnoughMemory.
    """
    if cache_argument(model.forward_arguments) is None:
        raise ModelError(
            f"{model.identity.name} ({model.lm.config.model_type}) keeps no keys and values from token to token, which "
            "generating needs. Use another model, or score labels by likelihood."
        )
    if keeps_a_state(model.lm.config):
        padding = "none"  # the padding would run into the state
    if padding == "right" and has_sliding_window(model.lm.config):
        raise ModelError(f"{model.identity.name} has sliding windows, which right padding would use up; pad left.")
    with torch.no_grad(), memory_told(batch_tokens):
        prefix = shared_keys_values(model, prompt, layouts) if shares and padding == "left" else []
    for indices in _batches(layouts, max_new_tokens, padding, batch_tokens):
        rows = [layouts[i] for i in indices]
        with torch.no_grad(), memory_told(batch_tokens):
            answers = _greedy(model, prompt, rows, max_new_tokens, stop_ids, padding, prefix)
        yield from zip(indices, answers, strict=True)


def shared_keys_values(model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout]) -> KeysValues:
    """Keys and values up to the prompt's end, for rows that then lie left-padded behind them; none where rows differ
    before it, or end with it, or where the model has sliding windows, which count the padding."""
    if has_sliding_window(model.lm.config):
        return []
    try:
        return prefill(model, prompt, shared_head(layouts))
    except CannotShare:
        return []


def _batches(layouts: Sequence[Layout], max_new_tokens: int, padding: Padding, batch_tokens: int) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for number, layout in enumerate(layouts):
        groups.setdefault(len(layout) if padding == "none" else 0, []).append(number)
    found = []
    for members in groups.values():
        lengths = [len(layouts[i]) + max_new_tokens for i in members]
        found += [[members[i] for i in piece] for piece in micro_batches(lengths, batch_tokens)]
    return found


def _greedy(
    model: FrozenModel,
    prompt: Tensor,
    layouts: Sequence[Layout],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    padding: Padding,
    prefix: KeysValues,
) -> list[GeneratedIds]:
    inputs = read_inputs(model, prompt, layouts, prefix, padding)
    cache, mask, lengths = inputs.cache, inputs.mask, inputs.mask.sum(1)
    next_ids = inputs.logits.argmax(-1)

    answers: list[list[int]] = [[] for _ in layouts]
    stopped = [False] * len(layouts)
    alive = list(range(len(layouts)))  # row numbers, in the order of the batch dimension
    for produced in range(1, max_new_tokens + 1):
        keep = []
        for position, token in enumerate(next_ids.tolist()):
            row = alive[position]
            if token in stop_ids:
                stopped[row] = True
            else:
                answers[row].append(token)
                keep.append(position)
        if not keep or produced == max_new_tokens:
            break
        if len(keep) < len(alive):  # finished rows leave the batch
            kept = torch.tensor(keep, device=mask.device)
            cache.reorder_cache(kept)  # every kind of layer has it; batch_select_indices not
            next_ids, mask, lengths = next_ids[kept], mask[kept], lengths[kept]
            alive = [alive[position] for position in keep]
        mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
        positions = (lengths + produced - 1)[:, None]
        embeds = model.embed(next_ids)[:, None]
        next_ids = next_logits(model, cache, mask, positions, embeds)[:, -1].argmax(-1)
    return [GeneratedIds(tuple(ids), not stop) for ids, stop in zip(answers, stopped, strict=True)]


def next_logits(
    model: FrozenModel, cache: DynamicCache, mask: Tensor, positions: Tensor, embeds: Tensor, keep: int = 1
) -> Tensor:
    """[B, keep, V] float32: what follows each of the last `keep` columns of `embeds`. Extends `cache`."""
    options: dict[str, object] = {str(cache_argument(model.forward_arguments)): cache}
    # Trap: with a cache the mask must cover past and new; a shorter one is zero-padded in silence.
    if not bool(mask.all()):
        options["attention_mask"] = mask
    if "position_ids" in model.forward_arguments:
        options["position_ids"] = positions
    if "logits_to_keep" in model.forward_arguments:
        options["logits_to_keep"] = keep
    logits: Tensor = model.lm(inputs_embeds=embeds, **options, use_cache=True).logits
    return logits[:, -keep:].float()


@dataclass(frozen=True)
class ReadInputs:
    """B rows up to the answer's first token: the cache, its mask [B, T], and the logits of that token [B, V]."""

    cache: DynamicCache
    mask: Tensor
    logits: Tensor


def read_inputs(
    model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout], prefix: KeysValues, padding: Padding = "left"
) -> ReadInputs:
    """`layouts` without targets through the model, behind the keys and values of `prefix`, if any."""
    offset = prefix[0][0].shape[-2] if prefix else 0
    embeds, mask = _padded(model, prompt, layouts, offset, left=padding != "right")
    cache = DynamicCache(config=model.lm.config)
    for layer, (keys, values) in enumerate(prefix):
        cache.update(keys.expand(len(layouts), -1, -1, -1), values.expand(len(layouts), -1, -1, -1), layer)
    positions = (mask.cumsum(1) - 1).clamp_min(0)[:, offset:]
    if padding != "right":
        return ReadInputs(cache, mask, next_logits(model, cache, mask, positions, embeds)[:, -1])
    logits = next_logits(model, cache, mask, positions, embeds, keep=embeds.shape[1])
    return ReadInputs(cache, mask, logits[torch.arange(len(layouts), device=logits.device), mask.sum(1) - 1])


def _padded(
    model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout], offset: int, left: bool
) -> tuple[Tensor, Tensor]:
    """[B, T, D] joined embeddings from position `offset` on, and [B, offset + T] mask, 1 where a real token stands.

    With an offset the rows lie behind a shared prefix that holds the prompt.
    """
    width = max(len(layout) for layout in layouts) - offset
    ids = torch.zeros(len(layouts), width, dtype=torch.long)
    mask = torch.zeros(len(layouts), width, dtype=torch.long)
    moved = []
    for row, layout in enumerate(layouts):
        length = len(layout) - offset
        start = width - length if left else 0
        ids[row, start : start + length] = torch.tensor(layout.ids[offset:], dtype=torch.long)
        mask[row, start : start + length] = 1
        moved.append(replace(layout, prompt=Span(layout.prompt.start + start, layout.prompt.stop + start)))
    ids = ids.to(model.device)
    embeds = model.embed(ids).to(model.dtype) if offset else join(model, prompt, ids, moved)
    return embeds, torch.cat([mask.new_ones(len(layouts), offset), mask], dim=1).to(model.device)
