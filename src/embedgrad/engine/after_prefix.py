"""Rows through the model behind keys and values that were computed before, up to where they predict a target."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from embedgrad.engine.last_layer import TargetPositions, last_layer_at
from embedgrad.engine.lm_head import LOGITS_AT_ONCE
from embedgrad.engine.padded_rows import PaddedRows, Predicting, target_logits
from embedgrad.engine.prefix_cache import KeysValues, PrefixCache
from embedgrad.model import attention, fused, hooks, packed_attention
from embedgrad.model.anatomy import last_hidden
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.surgery.changes import Change
from embedgrad.model.surgery.cuts import Forward, Wrapped
from embedgrad.model.turns import in_turn


@dataclass(frozen=True)
class Techniques:
    """How rows go through the model; every choice gives the same numbers.

    own_attention  model/attention.py instead of transformers' own
    trims          the last layer only at targets (engine/last_layer.py)
    checkpoints    layers keep nothing but their input and are run again in the backward
    packs          rows end to end without padding, the prompt with them (engine/packed_rows.py), with own attention;
                   of use where a prefix is shared
    fuses          norms and MLPs in few passes (model/fused.py)
    """

    own_attention: bool = False
    trims: bool = False
    checkpoints: bool = False
    packs: bool = False
    fuses: bool = False

    @property
    def in_words(self) -> list[str]:
        """What is chosen, for people."""
        words = {
            "own attention": self.own_attention,
            "the last layer only at targets": self.trims,
            "layers computed again in the backward": self.checkpoints,
            "packed rows": self.packs,
            "fused norms and MLPs": self.fuses,
        }
        return [name for name, is_on in words.items() if is_on]


PLAIN_TECHNIQUES = Techniques()


def usable_techniques(model: FrozenModel, packs: bool = True) -> list[Techniques]:
    """How a fast path may run this model, fastest first; `packs` says whether rows may lie end to end."""
    if not hooks.takes_own_attention(model.lm):
        return [PLAIN_TECHNIQUES]  # its layers take masks of their own kind
    stock = [Techniques(trims=True), PLAIN_TECHNIQUES]
    if model.device.type != "cpu":
        return stock  # flash attention on a GPU needs no help
    fuses = bool(fused.cuts(model))
    own = [Techniques(own_attention=True, trims=trims, fuses=fuses) for trims in (True, False)]
    packed = [replace(techniques, packs=True) for techniques in own if packs and packed_attention.fits(model)]
    return [*packed, *own, *stock]


@in_turn
def predict_after(
    model: FrozenModel,
    past: KeysValues,
    embeds: Tensor,
    rows: PaddedRows,
    techniques: Techniques = PLAIN_TECHNIQUES,
    past_lengths: Tensor | None = None,
) -> Predicting:
    """What `rows` predict; differentiable in `past` and `embeds`. Many logits are left to the head.

    past          keys and values before the rows, [1, ...] shared or [B, ...] each its own, padded on the left
    embeds        [B, T, D] the rows
    past_lengths  [B] how many of the past positions are real; None: all
    """
    length, (count, tokens, _) = past[0][0].shape[-2], embeds.shape
    cache = PrefixCache(past, count, trimmed=techniques.trims)
    options: dict[str, object] = {str(hooks.cache_argument(model.forward_arguments)): cache, "use_cache": True}
    padding = None if past_lengths is None else length - past_lengths
    mask = None
    if techniques.own_attention or techniques.trims:
        mask = _sees(length, tokens, padding, embeds.device)
    if padding is not None:
        complete = techniques.own_attention and not attention.takes_masks(model)
        options |= _positions(model, length, tokens, padding, mask if complete else None)
    large = len(rows.targets) * model.head_rows > LOGITS_AT_ONCE
    head = model.output_head if large else None  # tried on a token the first time: before anything is changed
    with ExitStack() as stack:
        stack.enter_context(attention.in_use(model, techniques.own_attention))
        stack.enter_context(fused.in_use(model, techniques.fuses))
        if techniques.checkpoints:
            stack.enter_context(checkpointed(model, techniques))
        if techniques.trims:
            assert mask is not None
            stack.enter_context(last_layer_at(model, TargetPositions.of(rows.predicts), {"attention_mask": mask}))
        if head is not None:
            hidden = last_hidden(model.lm, inputs_embeds=embeds, **options)[rows.predicts]
            return Predicting(rows, hidden, head)
        return Predicting(rows, target_logits(model, rows, inputs_embeds=embeds, **options))


def _attention(techniques: Techniques) -> ModuleType:
    return packed_attention if techniques.packs else attention


def _sees(length: int, tokens: int, padding: Tensor | None, device: torch.device) -> Tensor:
    """[B or 1, 1, T, P + T] True where a position of a row sees a key."""
    keys = torch.arange(length + tokens, device=device)
    causal = keys <= torch.arange(length, length + tokens, device=device)[:, None]
    return causal[None, None] if padding is None else causal & (keys >= padding[:, None])[:, None, None]


def _positions(model: FrozenModel, length: int, tokens: int, padding: Tensor, mask: Tensor | None) -> dict[str, object]:
    """Which positions rows behind a padded past have, and what they must not see: `mask`, if that is complete.

    Trap: with a cache, a two-dimensional mask must cover past and new; a shorter one is zero-padded in silence.
    """
    columns = torch.arange(length + tokens, device=padding.device)
    options: dict[str, object] = {"attention_mask": (columns >= padding[:, None]).long() if mask is None else mask}
    if "position_ids" in model.forward_arguments:
        # Padding behind a row has no position of its own: past the last one, GPT-2 has learned none.
        options["position_ids"] = (columns[length:] - padding[:, None]).clamp(max=model.padded_tokens - 1)
    return options


def checkpointed(model: FrozenModel, techniques: Techniques) -> Change:
    """While this lasts, layers keep only their inputs, a trimmed last one excepted; no other thread has a turn. Trap:
    transformers' own gradient checkpointing works in train mode only, and empties the cache."""
    layers = list(model.layers)[: -1 if techniques.trims else None]

    def again(forward: Forward, *args: Any, **kwargs: Any) -> Any:
        with (  # in the backward, too
            _attention(techniques).in_use_again(model, techniques.own_attention),
            fused.in_use_again(model, techniques.fuses),
        ):
            return forward(*args, **kwargs)

    def kept(forward: Forward) -> Forward:
        return partial(checkpoint, partial(again, forward), use_reentrant=False, preserve_rng_state=False)

    return model.surgery.change("layers computed again in the backward", *(Wrapped(layer, kept) for layer in layers))
