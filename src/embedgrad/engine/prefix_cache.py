"""What rows attend to besides themselves: keys and values that are computed once and never grow.

`prefill` computes them, and stops as soon as the last layer has its own: neither that layer's attention and MLP nor
the head are needed for it. `PrefixCache` hands them to transformers' layers as a cache that each row extends for
itself, so that a layer may be run twice (checkpointing, trimming) without a trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from embedgrad.model import attention
from embedgrad.model.families import keeps_a_state
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.hooks import VERSION, Cache, DynamicCache, DynamicLayer, cache_argument
from embedgrad.model.turns import in_turn

KeysValues = Sequence[tuple[Tensor, Tensor]]  # per layer, [1 or B, G, P', E] each


class CannotShare(Exception):
    """This model or these rows have nothing that could be computed once; `plain` can always be used."""


class LastLayerReached(RuntimeError):
    """Every layer has its keys and values; what would follow is not needed."""


@in_turn
def prefill(model: FrozenModel, embeds: Tensor, before: KeysValues = ()) -> KeysValues:
    """Keys and values of `embeds` [B, T, D] in every layer, those `before` them included; differentiable. Raises
    CannotShare."""
    name = cache_argument(model.forward_arguments)
    if name is None:
        raise CannotShare(f"the model's forward takes no cache that is known here (transformers {VERSION})")
    if keeps_a_state(model.lm.config):
        raise CannotShare("a layer keeps a state instead of keys and values")
    layers = len(DynamicCache(config=model.lm.config).layers)
    recorder = _Recorder([_PastLayer(*pair, len(embeds)) for pair in before] or [DynamicLayer() for _ in range(layers)])
    with suppress(LastLayerReached):
        model.lm(inputs_embeds=embeds, **{name: recorder}, use_cache=True)
    if len(recorder.found) < layers:
        raise CannotShare("a layer keeps no keys and values of its own")
    return [recorder.found[layer] for layer in range(layers)]


class PrefixCache(Cache):  # type: ignore[misc]  # transformers has no types
    """`keys_values` as the cache of one forward of B rows, which it never changes.

    With `trimmed`, the last layer's own keys and values are recorded at its first call, which ends there
    (LastLayerReached), and given back at its second.
    """

    def __init__(self, keys_values: KeysValues, rows: int, trimmed: bool = False) -> None:
        layers = [_PastLayer(keys, values, rows) for keys, values in keys_values]
        super().__init__(layers=layers)
        self.trimmed = trimmed
        self.last: tuple[Tensor, Tensor] | None = None

    @classmethod
    def empty(cls, layers: int, trimmed: bool = False) -> PrefixCache:
        """Of rows before which nothing stands."""
        cache = cls([], 1, trimmed)
        cache.layers = [_NoPast() for _ in range(layers)]
        return cache

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        is_last = layer_idx == len(self.layers) - 1
        if is_last and self.last is not None:
            return self.last
        joined = self.layers[layer_idx].update(key_states, value_states)
        if is_last and self.trimmed:
            self.last = joined
            raise LastLayerReached
        return joined


class _PastLayer(DynamicLayer):  # type: ignore[misc]  # transformers has no types
    """One layer of a PrefixCache: `update` joins without keeping."""

    def __init__(self, keys: Tensor, values: Tensor, rows: int) -> None:
        super().__init__()
        self.keys = keys.expand(rows, -1, -1, -1)
        self.values = values.expand(rows, -1, -1, -1)
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        joined = torch.cat([self.keys, key_states], dim=-2), torch.cat([self.values, value_states], dim=-2)
        if not self.keys.requires_grad:
            for states in joined:
                attention.mark_frozen(states, self.keys.shape[-2])
        return joined


class _NoPast(DynamicLayer):  # type: ignore[misc]  # transformers has no types
    """One layer of an empty PrefixCache."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return key_states, value_states


class _Recorder(Cache):  # type: ignore[misc]  # transformers has no types
    """Notes every layer's keys and values and stops at the last layer's."""

    def __init__(self, layers: Sequence[DynamicLayer]) -> None:
        super().__init__(layers=list(layers))
        self.found: dict[int, tuple[Tensor, Tensor]] = {}

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        self.found[layer_idx] = self.layers[layer_idx].update(key_states, value_states)
        if layer_idx == len(self.layers) - 1:
            raise LastLayerReached
        return self.found[layer_idx]
