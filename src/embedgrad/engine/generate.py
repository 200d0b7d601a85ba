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
) -> Iterator[tuple[int, GeneratedIds]]:
    """(row number, answer) for each layout, batch by batch; rows of similar length go together.

    prompt   [P, D] float32
    padding  left: `[pad][prompt][input]` with positions that do not count the padding; right: the padding lies
             between row and answer and is masked (not with sliding windows, which count it); none: only rows of
             equal length share a batch, as always in models that keep a state

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
    for indices in _batches(layouts, max_new_tokens, padding, batch_tokens):
        rows = [layouts[i] for i in indices]
        with torch.no_grad(), memory_told(batch_tokens):
            answers = _greedy(model, prompt, rows, max_new_tokens, stop_ids, padding)
        yield from zip(indices, answers, strict=True)


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
) -> list[GeneratedIds]:
    embeds, mask = _padded(model, prompt, layouts, left=padding != "right")
    lengths = mask.sum(1)
    last = mask.shape[1] - 1 if padding != "right" else lengths - 1
    cache = DynamicCache(config=model.lm.config)
    next_ids = _step(model, cache, mask, (mask.cumsum(1) - 1).clamp_min(0), last, embeds)

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
        next_ids = _step(model, cache, mask, positions, 0, model.embed(next_ids)[:, None])
    return [GeneratedIds(tuple(ids), not stop) for ids, stop in zip(answers, stopped, strict=True)]


def _step(
    model: FrozenModel,
    cache: DynamicCache,
    mask: Tensor,
    positions: Tensor,
    last: int | Tensor,
    embeds: Tensor,
) -> Tensor:
    """[B] the most likely next token after column `last` of each row. Extends `cache`."""
    options: dict[str, object] = {str(cache_argument(model.forward_arguments)): cache}
    # Trap: with a cache the mask must cover past and new; a shorter one is zero-padded in silence.
    if not bool(mask.all()):
        options["attention_mask"] = mask
    if "position_ids" in model.forward_arguments:
        options["position_ids"] = positions
    if "logits_to_keep" in model.forward_arguments and isinstance(last, int):
        options["logits_to_keep"], last = 1, 0
    logits = model.lm(inputs_embeds=embeds, **options, use_cache=True).logits
    rows = torch.arange(len(logits), device=logits.device)
    return logits[rows, last].float().argmax(-1)  # type: ignore[no-any-return]


def _padded(model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout], left: bool) -> tuple[Tensor, Tensor]:
    """[B, T, D] joined embeddings and [B, T] mask, 1 where a real token stands."""
    width = max(len(layout) for layout in layouts)
    ids = torch.zeros(len(layouts), width, dtype=torch.long)
    mask = torch.zeros(len(layouts), width, dtype=torch.long)
    moved = []
    for row, layout in enumerate(layouts):
        start = width - len(layout) if left else 0
        ids[row, start : start + len(layout)] = torch.tensor(layout.ids, dtype=torch.long)
        mask[row, start : start + len(layout)] = 1
        moved.append(replace(layout, prompt=Span(layout.prompt.start + start, layout.prompt.stop + start)))
    return join(model, prompt, ids.to(model.device), moved), mask.to(model.device)
