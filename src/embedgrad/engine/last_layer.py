"""The last layer only where its output is read.

Its keys and values are needed at every position, its queries, output projection and MLP only where a target is
predicted. So the layer is called twice: once for its keys and values, and once more on the gathered positions.
Equals the whole layer at these positions (tests/equivalence/test_techniques.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from embedgrad.engine.prefix_cache import LastLayerReached
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.hooks import LAYER_ARGUMENTS_PER_POSITION
from embedgrad.model.surgery.changes import Change
from embedgrad.model.surgery.cuts import Forward, Wrapped


@dataclass(frozen=True)
class TargetPositions:
    """Positions of B rows, padded to as many as the row with most has.

    columns  [B, A] position within the row; where `is_real` is False, any
    is_real  [B, A] True where there is such a position
    """

    columns: Tensor
    is_real: Tensor

    @classmethod
    def of(cls, wanted: Tensor) -> TargetPositions:
        """Of `wanted` [B, T], True where a position is asked for."""
        counts = wanted.sum(1, keepdim=True)
        most = int(counts.max())
        columns = wanted.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
        return cls(columns, torch.arange(most, device=wanted.device) < counts)

    def spread(self, states: Tensor, tokens: int) -> Tensor:
        """[B, A, D] -> [B, T, D], 0 at other positions."""
        rows = torch.arange(len(states), device=states.device)[:, None].expand_as(self.columns)
        whole = states.new_zeros(len(states), tokens, states.shape[-1])
        return whole.index_put((rows[self.is_real], self.columns[self.is_real]), states[self.is_real])

    def gather(self, states: Tensor) -> Tensor:
        """[B or 1, T, ...] -> [B, A, ...]."""
        rows = torch.arange(len(self.columns), device=self.columns.device)[:, None]
        return states.expand(len(self.columns), *states.shape[1:])[rows, self.columns]


@dataclass(frozen=True)
class PackedPositions:
    """Positions of rows that lie end to end in one sequence.

    columns  [A]
    """

    columns: Tensor

    def spread(self, states: Tensor, tokens: int) -> Tensor:
        """[1, A, D] -> [1, N, D], 0 at other positions. (Trap: GPT-2 takes the layer's output for as long as its
        input.)"""
        return states.new_zeros(1, tokens, states.shape[-1]).index_copy(1, self.columns, states)

    def gather(self, states: Tensor) -> Tensor:
        """[1, N, ...] -> [1, A, ...]."""
        return states[:, self.columns]


def last_layer_at(model: FrozenModel, places: TargetPositions | PackedPositions, there: Mapping[str, Any]) -> Change:
    """While this lasts, the model's last layer is computed at `places` only; its cache must end its first call with
    LastLayerReached (`PrefixCache`, trimmed).

    there  arguments of the second call: of the mask, if none was given; of others, instead of what they were
    """
    layer = model.layers[-1]
    names = _arguments(type(layer).forward)

    def only_there(whole: Forward) -> Forward:
        def at_places(hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
            tokens = hidden.shape[1]
            with suppress(LastLayerReached):
                whole(hidden, *args, **kwargs)
            named = kwargs | dict(zip(names, args, strict=False))
            named |= {
                name: value for name, value in there.items() if name != "attention_mask" or named.get(name) is None
            }
            moved = {
                name: _at(value, places, tokens) if name in LAYER_ARGUMENTS_PER_POSITION else value
                for name, value in named.items()
            }
            found = whole(places.gather(hidden), **moved)
            if isinstance(found, tuple):
                return (places.spread(found[0], tokens), *found[1:])
            return places.spread(found, tokens)

        return at_places

    return model.surgery.change("the last layer only at targets", Wrapped(layer, only_there))


@cache
def _arguments(layer: Callable[..., object]) -> tuple[str, ...]:
    """What its forward takes besides the states, in order."""
    return tuple(inspect.signature(layer).parameters)[2:]


def _at(value: Any, places: TargetPositions | PackedPositions, tokens: int) -> Any:
    """An argument of the layer, at `places` if it has one entry per position."""
    if isinstance(value, tuple):
        return tuple(_at(part, places, tokens) for part in value)
    if isinstance(value, Tensor) and value.ndim == 4 and value.shape[1:3] == (1, tokens):
        return places.gather(value[:, 0])[:, None]
    if isinstance(value, Tensor) and value.ndim in (2, 3) and value.shape[1] == tokens:
        return places.gather(value)
    return value
