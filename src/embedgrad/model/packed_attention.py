"""Attention of rows that lie end to end in one sequence, behind a prefix that all of them see.

Everything else in a layer works position by position, so rows of any lengths go through it as one [1, N, D] without
padding, the prefix with them. Only here they are taken apart: the prefix sees itself, each row the prefix and itself.
Equals `grouped_attention` of the padded rows (tests/equivalence/test_packed_attention.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from embedgrad.model import hooks
from embedgrad.model.attention import CannotAttend, Sight, attend, attend_backward, unknown_terms
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.surgery.cuts import Attending

NAME = "embedgrad_packed"
ARGUMENT = "embedgrad_pack"  # of the model's forward, which hands it down to the attention

_MOST_LONGER = 1.25  # rows that are padded together differ by no more, or by a few tokens
_FEW_TOKENS = 16

At = slice | Tensor


@dataclass(frozen=True)
class Piece:
    """Some of the rows, padded to the longest for attention alone. B rows of T queries and S keys.

    query_at  which of the queries they have, [B * T], padding included: there it names a real one
    key_at    which of the keys, [B * S], likewise
    query_to, query_real   queries [n] that are theirs, and which of [B * T] these are
    key_to, key_real       the same of keys
    mask      [B, 1, T, prefix + S] True where a query sees a key; None: everything up to itself
    """

    rows: int
    query_at: At
    query_to: At
    query_real: At
    key_at: At
    key_to: At
    key_real: At
    mask: Tensor | None = None


@dataclass(frozen=True)
class Pack:
    """Where rows lie in one sequence of keys: `past` ones that are not in the queries, `shared` more, then the rows,
    shortest first.

    lengths  [B] tokens of each row, in order
    places   for queries at some positions of the rows alone: which, row by row, from the row's start; none: all
    """

    past: int
    shared: int
    lengths: tuple[int, ...]
    device: torch.device
    places: tuple[tuple[int, ...], ...] | None = None

    @property
    def prefix(self) -> int:
        """Keys that every row sees."""
        return self.past + self.shared

    @cached_property
    def pieces(self) -> list[Piece]:
        """All rows, those of similar length together."""
        return list(self._pieces())

    def at(self, places: Sequence[Sequence[int]]) -> Pack:
        """With queries only there."""
        return Pack(self.past, self.shared, self.lengths, self.device, tuple(map(tuple, places)))

    def _pieces(self) -> Iterator[Piece]:
        start, key, query = 0, self.prefix, 0 if self.places is not None else self.shared
        while start < len(self.lengths):
            stop = start + 1
            most = max(self.lengths[start] + _FEW_TOKENS, int(_MOST_LONGER * self.lengths[start]))
            while stop < len(self.lengths) and self.lengths[stop] <= most:
                stop += 1
            keys = self.lengths[start:stop]
            key_at, key_to, key_real = _padded(keys, key, self.device)
            if self.places is None:
                query_at, query_to, query_real = _padded(keys, query, self.device)
                yield Piece(stop - start, query_at, query_to, query_real, key_at, key_to, key_real)
                query += sum(keys)
            else:
                places = self.places[start:stop]
                counts = [len(some) for some in places]
                query_at, query_to, query_real = _padded(counts, query, self.device)
                mask = _sees(places, self.prefix, max(keys), self.device)
                yield Piece(stop - start, query_at, query_to, query_real, key_at, key_to, key_real, mask)
                query += sum(counts)
            start, key = stop, key + sum(keys)


def _padded(counts: Sequence[int], start: int, device: torch.device) -> tuple[At, At, At]:
    """Of pieces with so many entries each, one behind the other from `start` on: which entries they have when padded to
    the longest, which there are, and which of the padded ones these are. Slices where there is no padding."""
    whole, most = slice(start, start + sum(counts)), max(counts)
    if min(counts) == most:
        return whole, whole, slice(None)
    lengths = torch.tensor(counts)
    columns = torch.arange(most)
    starts = start + lengths.cumsum(0) - lengths
    at = starts[:, None] + torch.minimum(columns, lengths[:, None] - 1)
    real = (columns < lengths[:, None]).flatten().nonzero()[:, 0]
    return at.flatten().to(device), whole, real.to(device)


def _sees(places: Sequence[Sequence[int]], prefix: int, tokens: int, device: torch.device) -> Tensor:
    """[B, 1, A, prefix + T] what the queries at these places of the rows see; padding repeats the last one."""
    most = max(map(len, places))
    columns = torch.tensor([[*some, *[some[-1]] * (most - len(some))] for some in places])
    keys = torch.arange(prefix + tokens) - prefix
    return (keys <= columns[:, None, :, None]).to(device)


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in place of its own attention: `query` [1, H, N, E] of the rows that `options` describes
    under ARGUMENT, `key` and `value` [1, G, past + N, E]. Raises CannotAttend for terms it does not know, and where the
    model does not hand that argument down."""
    pack = options.get(ARGUMENT)
    if pack is None:
        raise CannotAttend("attention without its own arguments")
    if terms := unknown_terms(options):
        raise CannotAttend(terms)
    if options.get("sliding_window"):
        raise CannotAttend("attention with a window")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    found: Tensor = _PackedAttention.apply(query, key, value, pack, scale)  # type: ignore[no-untyped-call]
    return found, None


hooks.register_attention(NAME, packed_attention)  # transformers makes no mask for it


def fits(model: FrozenModel) -> bool:
    """Whether rows of this model can lie end to end: it is told where each token stands, and no layer has a window."""
    return "position_ids" in model.forward_arguments and not model.has_windows


def in_use(model: FrozenModel, wanted: bool = True) -> AbstractContextManager[None]:
    """While this lasts, the model's layers attend by `packed_attention`, if `wanted`."""
    return model.surgery.change("packed attention", _own(model)) if wanted else nullcontext()


def in_use_again(model: FrozenModel, wanted: bool = True) -> AbstractContextManager[None]:
    """The same for layers that a backward runs again, in whichever thread."""
    return model.surgery.again("packed attention", _own(model)) if wanted else nullcontext()


def _own(model: FrozenModel) -> Attending:
    return Attending(model.lm.config.get_text_config(), NAME)


class _PackedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, pack: Pack, scale: float) -> Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.pack, ctx.scale = pack, scale
        output = query.new_empty(1, query.shape[2], query.shape[1], value.shape[-1])
        if pack.shared and pack.places is None:
            own, keys, values = _of_the_prefix(pack, query, key, value)
            output[:, : pack.shared] = attend(own, keys, values, None, _sight(own, keys, scale, pack.past))
        for piece in pack.pieces:
            rows, keys, values = _of_rows(pack, piece, query, key, value)
            sight = _sight(rows, keys, scale, pack.past)
            found = attend(rows, keys, values, piece.mask, sight)
            output[0, piece.query_to] = found.flatten(0, 1)[piece.query_real]
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value = ctx.saved_tensors
        pack: Pack = ctx.pack
        d_query, d_key, d_value = (torch.empty_like(tensor) for tensor in (query, key, value))
        d_shared = [states[:, :, : pack.prefix] for states in (d_key, d_value)]
        for states in d_shared:
            states.zero_()
        if pack.shared and pack.places is None:
            own, keys, values = _of_the_prefix(pack, query, key, value)
            sight = _sight(own, keys, ctx.scale, pack.past)
            found = attend_backward(gradient[:, : pack.shared], own, keys, values, None, sight)
            d_query[:, :, : pack.shared] = found[0]
            d_shared[0] += found[1]
            d_shared[1] += found[2]
        for piece in pack.pieces:
            rows, keys, values = _of_rows(pack, piece, query, key, value)
            slope = gradient[0, piece.query_at]
            if not isinstance(piece.query_real, slice):
                slope = torch.zeros_like(slope).index_copy_(0, piece.query_real, slope[piece.query_real])
            slope = slope.unflatten(0, (piece.rows, -1))
            sight = _sight(rows, keys, ctx.scale, pack.past)
            found = attend_backward(slope, rows, keys, values, piece.mask, sight)
            _by_position(d_query)[piece.query_to] = _flat(found[0])[piece.query_real]
            for states, d_states in ((d_key, found[1]), (d_value, found[2])):
                states[:, :, : pack.prefix] += d_states[:, :, : pack.prefix].sum(0, keepdim=True)
                _by_position(states)[piece.key_to] = _flat(d_states[:, :, pack.prefix :])[piece.key_real]
        return d_query, d_key, d_value, None, None


def _of_the_prefix(pack: Pack, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return query[:, :, : pack.shared], key[:, :, : pack.prefix], value[:, :, : pack.prefix]


def _of_rows(pack: Pack, piece: Piece, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[B, H, T, E], [B, G, prefix + S, E] twice."""
    rows = _by_position(query)[piece.query_at].unflatten(0, (piece.rows, -1)).transpose(1, 2)
    return rows, _joined(pack, piece, key), _joined(pack, piece, value)


def _joined(pack: Pack, piece: Piece, states: Tensor) -> Tensor:
    own = _by_position(states)[piece.key_at].unflatten(0, (piece.rows, -1)).transpose(1, 2)
    shared = states[:, :, : pack.prefix].expand(piece.rows, -1, -1, -1)
    return torch.cat([shared, own], dim=2).contiguous()


def _by_position(states: Tensor) -> Tensor:
    """[1, H, N, E] -> [N, H, E], a view."""
    return states[0].transpose(0, 1)


def _flat(states: Tensor) -> Tensor:
    """[B, H, T, E] -> [B * T, H, E]."""
    return states.transpose(1, 2).flatten(0, 1)


def _sight(query: Tensor, keys: Tensor, scale: float, frozen: int) -> Sight:
    return Sight(scale, None, frozen, query.shape[0] * query.shape[1], query.shape[2], keys.shape[2])
