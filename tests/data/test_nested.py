"""Fewer rows of many: nested, in order, every label about as often as in all."""

from __future__ import annotations

from collections import Counter

import pytest

from embedgrad.data.example import Example
from embedgrad.data.nested import nested

ROWS = [Example(str(number), "abbcccc"[number * 5 % 7], line=number + 1) for number in range(140)]


@pytest.mark.parametrize("by_target", [True, False])
def test_those_of_fewer_are_among_those_of_more(by_target):
    before: set[str] = set()
    for count in range(1, 141):
        now = nested(ROWS, count, 3, by_target=by_target)
        assert len(now) == count
        assert [int(row.input) for row in now] == sorted(int(row.input) for row in now)
        assert before < {row.input for row in now}
        before = {row.input for row in now}
    assert nested(ROWS, 140, 3, by_target=by_target) == tuple(ROWS)


@pytest.mark.parametrize("seed", range(5))
def test_every_label_is_as_often_as_in_all_to_within_a_row(seed):
    for count in range(1, 141):
        found = Counter(row.target for row in nested(ROWS, count, seed, by_target=True))
        for label, share in (("a", 1 / 7), ("b", 2 / 7), ("c", 4 / 7)):
            assert abs(found[label] - share * count) <= 1


def test_seeds_draw_others():
    drawn = {tuple(row.input for row in nested(ROWS, 14, seed, by_target=True)) for seed in range(5)}
    assert len(drawn) == 5
    assert nested(ROWS, 14, 0, by_target=True) == nested(ROWS, 14, 0, by_target=True)
