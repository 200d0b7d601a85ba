from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedgrad.data.batches import batch_rows, micro_batches


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


@pytest.mark.parametrize("sizes", [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_impossible_sizes(sizes):
    rows, batch, step = sizes
    with pytest.raises(ValueError, match="expected rows >= 1"):
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
