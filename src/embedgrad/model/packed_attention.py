"""Attention of rows that lie end to end in one sequence, behind a prefix that all of them see.

Everything else in a layer works position by position, so rows of any lengths go through it as one [1, N, D] without
padding, the prefix with them. Only here they are taken apart: the prefix sees itself, each row the prefix and itself.
Equals `grouped_attention` of the padded rows (tests/equivalence/test_packed_attention.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
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

_KEPT_WIDTHS = 4  # weights over so many keys, in widths of a head, are no more than what is kept of a layer anyway
_SCORES_AT_ONCE = 1 << 21  # of rows that are padded together, as in `attention`


@dataclass(frozen=True)
class Gather:
    """B rows of T positions each out of a sequence, padding included, and back.

    at    [B, T] which of the sequence's positions; padding repeats a real one
    is_real  [B, T] False for padding; the others are positions `start` on of the sequence, in order
    """

    at: Tensor
    is_real: Tensor
    start: int
    is_padded: bool
    kept: dict[tuple[object, ...], Tensor] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, counts: Sequence[int], start: int, device: torch.device) -> Gather:
        """Of rows with so many positions each, one behind the other from `start` on."""
        lengths = torch.tensor(counts)
        columns = torch.arange(max(counts))
        starts = start + lengths.cumsum(0) - lengths
        at = starts[:, None] + torch.minimum(columns, lengths[:, None] - 1)
        return cls(at.to(device), (columns < lengths[:, None]).to(device), start, min(counts) < max(counts))

    def behind(self, prefix: int) -> Gather:
        """With the first `prefix` positions of the sequence before each row."""
        first = torch.arange(prefix, device=self.at.device).expand(len(self.at), -1)
        return replace(self, at=torch.cat([first, self.at], dim=1), kept={})

    def take(self, states: Tensor) -> Tensor:
        """[1, H, N, E] -> [B, H, T, E], one copy."""
        heads, positions, width = states.shape[1:]
        by_position = states[0].transpose(0, 1)
        if by_position.is_contiguous():
            flat, key = by_position.reshape(-1, width), (heads, 0)
        else:
            flat, key = states.reshape(-1, width), (heads, positions)
        if key not in self.kept:
            numbers = torch.arange(heads, device=self.at.device)[:, None]
            at = self.at[:, None]
            self.kept[key] = (at * heads + numbers if key[1] == 0 else at + numbers * positions).flatten()
        return flat.index_select(0, self.kept[key]).view(len(self.at), heads, -1, width)

    def put(self, found: Tensor, states: Tensor, skip: int = 0) -> None:
        """The real ones of `found` [B, H, skip + T, E] into their places of `states` [N, H, E]."""
        _, heads, tokens, width = found.shape
        key = ("back", heads, skip)
        if key not in self.kept:
            rows, columns = self.is_real.nonzero(as_tuple=True)
            numbers = torch.arange(heads, device=self.at.device)
            self.kept[key] = ((rows[:, None] * heads + numbers) * tokens + skip + columns[:, None]).flatten()
        back = self.kept[key]
        there = states[self.start : self.start + len(back) // heads].view(-1, width)
        torch.index_select(found.reshape(-1, width), 0, back, out=there)


@dataclass(frozen=True)
class Piece:
    """Some of the rows, padded to the longest for attention alone.

    prefix   how many of the first keys they see, all of them
    queries, keys   theirs; `keys` with the prefix
    mask     [B, 1, T, prefix + S] True where a query sees a key; None: everything up to itself
    """

    prefix: int
    queries: Gather
    keys: Gather
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
    places: tuple[Sequence[int], ...] | None = None
    made: dict[int, list[Piece]] = field(default_factory=dict, compare=False)

    @property
    def prefix(self) -> int:
        """Keys that every row sees."""
        return self.past + self.shared

    def at(self, places: Sequence[Sequence[int]]) -> Pack:
        """With queries only there."""
        return Pack(self.past, self.shared, self.lengths, self.device, tuple(places))

    def pieces(self, heads: int) -> list[Piece]:
        """The prefix, where there are queries of it, and all rows, those of similar length together."""
        if heads not in self.made:
            self.made[heads] = [*self._first(), *self._rows(heads)]
        return self.made[heads]

    def _first(self) -> Iterator[Piece]:
        if self.shared and self.places is None:
            keys = Gather.of([self.shared], self.past, self.device).behind(self.past)
            yield Piece(self.past, Gather.of([self.shared], 0, self.device), keys)

    def _rows(self, heads: int) -> Iterator[Piece]:
        counts = self.lengths if self.places is None else [len(some) for some in self.places]
        query, key = self.shared if self.places is None else 0, self.prefix
        for start, stop in self._cuts(counts, heads):
            mask = None
            if self.places is not None:
                mask = _sees(self.places[start:stop], self.prefix, self.lengths[stop - 1], self.device)
            queries = Gather.of(counts[start:stop], query, self.device)
            keys = Gather.of(self.lengths[start:stop], key, self.device).behind(self.prefix)
            yield Piece(self.prefix, queries, keys, mask)
            query, key = query + sum(counts[start:stop]), key + sum(self.lengths[start:stop])

    def _cuts(self, counts: Sequence[int], heads: int) -> Iterator[tuple[int, int]]:
        """Rows start to stop whose lengths differ little, and whose scores are not too many."""
        start = 0
        for stop in range(1, len(counts) + 1):
            if stop < len(counts):
                shortest, longest = self.lengths[start], self.lengths[stop]
                scores = heads * (stop + 1 - start) * max(counts[start : stop + 1]) * (self.prefix + longest)
                if longest <= max(shortest + _FEW_TOKENS, _MOST_LONGER * shortest) and scores <= _SCORES_AT_ONCE:
                    continue
            yield start, stop
            start = stop


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
        ctx.pack, ctx.scale, ctx.shapes = pack, scale, (query.shape, key.shape, value.shape)
        heads = query.shape[1]
        output = query.new_empty(query.shape[2], heads, value.shape[-1])
        kept: list[Tensor | None] = []
        for piece in pack.pieces(heads):
            rows, keys, values = piece.queries.take(query), piece.keys.take(key), piece.keys.take(value)
            found, weights = attend(rows, keys, values, piece.mask, _sight(rows, keys, scale, pack.past))
            piece.queries.put(found, output)
            kept += [rows, keys, values, weights if keys.shape[2] <= _KEPT_WIDTHS * keys.shape[3] else None]
        ctx.save_for_backward(*kept)
        return output[None]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        pack: Pack = ctx.pack
        slope, saved = gradient.transpose(1, 2), iter(ctx.saved_tensors)
        d_query, d_key, d_value = (
            gradient.new_empty(positions, heads, width) for _, heads, positions, width in ctx.shapes
        )
        d_key[: pack.prefix], d_value[: pack.prefix] = 0.0, 0.0
        for piece in pack.pieces(slope.shape[1]):
            rows, keys, values, weights = (next(saved) for _ in range(4))
            d_output = piece.queries.take(slope)
            if piece.queries.is_padded:
                d_output *= piece.queries.is_real[:, None, :, None]
            sight = _sight(rows, keys, ctx.scale, pack.past)
            d_rows, d_keys, d_values = attend_backward(d_output, rows, keys, values, piece.mask, sight, kept=weights)
            assert d_rows is not None  # all are wanted
            assert d_keys is not None
            assert d_values is not None
            piece.queries.put(d_rows, d_query)
            for states, found in ((d_key, d_keys), (d_value, d_values)):
                piece.keys.put(found, states, skip=piece.prefix)
                if piece.prefix > pack.past:
                    shared = slice(pack.past, piece.prefix)
                    states[shared] += found[:, :, shared].sum(0).transpose(0, 1)
        return *(states.transpose(0, 1)[None] for states in (d_query, d_key, d_value)), None, None


def _sight(query: Tensor, keys: Tensor, scale: float, frozen: int) -> Sight:
    return Sight(scale, None, frozen, query.shape[0] * query.shape[1], query.shape[2], keys.shape[2])
