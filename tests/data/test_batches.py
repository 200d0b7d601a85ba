from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedgrad.data.batches import batch_rows, length_buckets, micro_batches


@given(rows=st.integers(1, 40), batch=st.integers(1, 60), seed=st.integers(0, 99), epochs=st.integers(1, 3))
def test_each_row_once_per_epoch(rows, batch, seed, epochs):
    steps = -(-rows * epochs // batch)
    batches = [batch_rows(rows, batch, seed, step) for step in range(steps)]
    assert all(len(piece) == batch for piece in batches)
    line = list(chain(*batches))
    for epoch in range(epochs):
        assert Counter(line[epoch * rows : (epoch + 1) * rows]) == Counter(range(rows))


def test_steps_do_not_depend_on_earlier_calls():
    late = batch_rows(100, 8, 5, 1000)
    for step in range(50):
        batch_rows(100, 8, 5, step)
    assert batch_rows(100, 8, 5, 1000) == late


def test_seed_and_epoch_change_the_order():
    assert len({batch_rows(50, 50, seed, step) for seed in range(3) for step in range(3)}) == 9


def test_the_order_is_the_same_on_every_machine():
    assert batch_rows(6, 4, 0, 0) + batch_rows(6, 4, 0, 1) == PINNED


PINNED = (1, 2, 4, 3, 5, 0, 1, 0)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4), batch=st.integers(1, 60), seed=st.integers(0, 99))
def test_strata_keep_each_row_once_per_epoch(sizes, batch, seed):
    strata = tuple(chain.from_iterable([str(number)] * size for number, size in enumerate(sizes)))
    rows = len(strata)
    batches = [batch_rows(rows, batch, seed, step, strata) for step in range(-(-rows // batch))]
    assert Counter(list(chain(*batches))[:rows]) == Counter(range(rows))


@pytest.mark.parametrize("sizes", [(120, 120, 120, 120), (54, 6), (400, 50, 30), (7, 6, 5, 4, 3, 2, 1)])
@pytest.mark.parametrize("batch", [4, 10, 16])
def test_strata_come_in_the_proportion_of_all_rows(sizes, batch):
    strata = tuple(chain.from_iterable([str(number)] * size for number, size in enumerate(sizes)))
    for seed, step in product(range(20), range(len(strata) // batch)):
        found = Counter(strata[row] for row in batch_rows(len(strata), batch, seed, step, strata))
        for number, size in enumerate(sizes):
            assert abs(found[str(number)] - batch * size / len(strata)) < 2


def test_strata_are_drawn_anew_by_seed_and_epoch():
    strata = ("a", "b") * 25
    assert len({batch_rows(50, 50, seed, step, strata) for seed in range(3) for step in range(3)}) == 9
    assert batch_rows(6, 4, 0, 0, ("a", "a", "b", "b", "b", "b")) == STRATIFIED


STRATIFIED = (3, 1, 5, 4)


@pytest.mark.parametrize("sizes", [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_impossible_sizes(sizes):
    rows, batch, step = sizes
    message = rf"^expected rows >= 1, batch >= 1, step >= 0; got {rows}, {batch}, {step}$"
    with pytest.raises(ValueError, match=message):
        batch_rows(rows, batch, 0, step)


@given(lengths=st.lists(st.integers(0, 50), max_size=60), batch_tokens=st.integers(1, 200))
def test_micro_batches_fit_and_lose_nothing(lengths, batch_tokens):
    pieces = micro_batches(lengths, batch_tokens)
    order = list(chain(*pieces))
    assert order == sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    for piece in pieces:
        assert len(piece) == 1 or max(lengths[index] for index in piece) * len(piece) <= batch_tokens


def test_micro_batches_example():
    assert micro_batches([5, 2, 2, 9, 1], 6) == [[4, 1, 2], [0], [3]]


def cost(pieces: Sequence[Sequence[int]], lengths: Sequence[int], piece_tokens: int) -> int:
    """Padded size in all, and what each piece costs besides."""
    return sum(max(lengths[index] for index in piece) * len(piece) + piece_tokens for piece in pieces)


def fits(piece: Sequence[int], lengths: Sequence[int], batch_tokens: int) -> bool:
    return len(piece) == 1 or max(lengths[index] for index in piece) * len(piece) <= batch_tokens


def partitions(rows: Sequence[int]) -> Iterator[list[list[int]]]:
    """All ways to put `rows` into pieces, in any order."""
    if not rows:
        yield []
        return
    first, *rest = rows
    for pieces in partitions(rest):
        yield [[first], *pieces]
        for number, piece in enumerate(pieces):
            yield [*pieces[:number], [first, *piece], *pieces[number + 1 :]]


@given(
    lengths=st.lists(st.integers(1, 50), max_size=60),
    batch_tokens=st.integers(1, 400),
    piece_tokens=st.integers(0, 200),
)
def test_length_buckets_fit_lose_nothing_and_cost_no_more_than_micro_batches(lengths, batch_tokens, piece_tokens):
    pieces = length_buckets(lengths, batch_tokens, piece_tokens)
    assert list(chain(*pieces)) == sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    assert all(fits(piece, lengths, batch_tokens) for piece in pieces)
    filled = micro_batches(lengths, batch_tokens)
    assert cost(pieces, lengths, piece_tokens) <= cost(filled, lengths, piece_tokens)


@given(
    lengths=st.lists(st.integers(1, 20), max_size=6),
    batch_tokens=st.integers(1, 60),
    piece_tokens=st.integers(0, 30),
)
def test_no_way_to_cut_costs_less_than_length_buckets(lengths, batch_tokens, piece_tokens):
    """Of all ways, those out of order too."""
    found = cost(length_buckets(lengths, batch_tokens, piece_tokens), lengths, piece_tokens)
    allowed = (
        pieces
        for pieces in partitions(range(len(lengths)))
        if all(fits(piece, lengths, batch_tokens) for piece in pieces)
    )
    assert found == min(cost(pieces, lengths, piece_tokens) for pieces in allowed)


def test_length_buckets_example():
    lengths = [100, 10, 90, 12, 11]
    assert length_buckets(lengths, 1000, 0) == [[1], [4], [3], [2], [0]]
    assert length_buckets(lengths, 1000, 50) == [[1, 4, 3], [2, 0]]
    assert length_buckets(lengths, 1000, 500) == [[1, 4, 3, 2, 0]]
    assert length_buckets(lengths, 100, 500) == [[1, 4, 3], [2], [0]]
    assert length_buckets(lengths, 1, 500) == [[1], [4], [3], [2], [0]]
    assert length_buckets([], 1000, 50) == []
