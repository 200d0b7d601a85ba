"""Which rows an optimizer step sees, and how they are cut into pieces that fit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache


def batch_rows(rows: int, batch: int, seed: int, step: int, strata: tuple[str, ...] | None = None) -> tuple[int, ...]:
    """Row numbers of optimizer step `step` (from 0): the `step`-th piece of `batch` rows of an endless line
    of shuffles of `range(rows)`. With `strata` [rows], each row's stratum, those of a stratum are spread evenly over
    each shuffle, so that every batch has the strata in nearly the proportion of all rows.

    A pure function of its arguments, so a resumed run needs no sampler state. Every batch is full and may
    span two shuffles; each shuffle (epoch) has each row once. Raises ValueError for sizes below 1.
    """
    if rows < 1 or batch < 1 or step < 0:
        raise ValueError(f"expected rows >= 1, batch >= 1, step >= 0; got {rows}, {batch}, {step}")
    places = [divmod(place, rows) for place in range(step * batch, (step + 1) * batch)]
    epochs = dict.fromkeys(epoch for epoch, _ in places)
    if strata is None:
        lines = {epoch: _shuffle(rows, seed, epoch) for epoch in epochs}
    else:
        lines = {epoch: _stratified(strata, seed, epoch) for epoch in epochs}
    return tuple(lines[epoch][row] for epoch, row in places)


def micro_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Indices of `lengths` (tokens per row), shortest first, in pieces whose padded size, longest row x rows,
    is at most `batch_tokens`. A row longer than that has a piece of its own. Equal lengths keep their order.
    """
    pieces: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if pieces and lengths[index] * (len(pieces[-1]) + 1) <= batch_tokens:
            pieces[-1].append(index)
        else:
            pieces.append([index])
    return pieces


def length_buckets(lengths: Sequence[int], batch_tokens: int, piece_tokens: int) -> list[list[int]]:
    """As `micro_batches`, but cut where that saves more than it costs: least padded size in all, when each piece costs
    as much time as `piece_tokens` tokens. For the rows of one step: takes time rows x rows per piece."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    cost, cut = [0.0], [0]  # of the first `stop` rows; where their last piece begins
    for stop in range(1, len(order) + 1):
        longest = lengths[order[stop - 1]]
        fits = range(max(0, stop - max(1, batch_tokens // max(longest, 1))), stop)
        best = min(fits, key=lambda start: cost[start] + longest * (stop - start))
        cost.append(cost[best] + longest * (stop - best) + piece_tokens)
        cut.append(best)
    pieces: list[list[int]] = []
    stop = len(order)
    while stop:
        pieces.append(order[cut[stop] : stop])
        stop = cut[stop]
    return pieces[::-1]


@lru_cache(maxsize=4)
def _shuffle(rows: int, seed: int, epoch: int) -> tuple[int, ...]:
    order = list(range(rows))
    random.Random(f"batches:{seed}:{epoch}").shuffle(order)
    return tuple(order)


@lru_cache(maxsize=4)
def _stratified(strata: tuple[str, ...], seed: int, epoch: int) -> tuple[int, ...]:
    """The k-th of a stratum's n rows, in random order, comes at (k + u) / n of the line, u random for each stratum."""
    draw = random.Random(f"strata:{seed}:{epoch}")
    rows_of: dict[str, list[int]] = {}
    for row, stratum in enumerate(strata):
        rows_of.setdefault(stratum, []).append(row)
    placed = []
    for _, rows in sorted(rows_of.items()):
        draw.shuffle(rows)
        offset = draw.random()
        placed += [((at + offset) / len(rows), draw.random(), row) for at, row in enumerate(rows)]
    return tuple(row for _, _, row in sorted(placed))
