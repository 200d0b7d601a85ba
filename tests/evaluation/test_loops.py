"""What counts as a loop at an answer's end."""

from __future__ import annotations

import pytest

from embedgrad.evaluation.loops import ends_in_a_loop


@pytest.mark.parametrize(
    ("ids", "loops"),
    [
        ((), False),
        ((7,) * 15, False),  # too short to be sure
        ((7,) * 16, True),
        ((1, 2, 3) + (7,) * 16, True),  # however it began
        ((7,) * 16 + (1,), False),  # left again
        ((1, 2) * 8, True),
        ((1, 2) * 8 + (1,), True),  # the last time is cut off
        ((1, 2, 3, 4, 5, 6) * 3, True),
        ((9,) + (1, 2, 3, 4, 5, 6) * 3, True),
        ((1, 2, 3, 4, 5, 6) * 2 + (1, 2, 3, 4, 5), False),  # not yet three times
        (tuple(range(10)) * 2, False),
        (tuple(range(10)) * 3, True),
        (tuple(range(10)) * 3 + (0, 1, 2), True),
        (tuple(range(200)), False),
    ],
)
def test_loops(ids: tuple[int, ...], loops: bool) -> None:
    assert ends_in_a_loop(ids) is loops
    assert ends_in_a_loop(list(ids)) is loops
