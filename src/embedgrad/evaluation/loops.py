"""Answers that have run into a loop."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_REPEATS = 3
LEAST_TOKENS = 16


def ends_in_a_loop(ids: Sequence[int]) -> bool:
    """Whether an answer ends in the same block of one or more tokens again and again: at least three times, over at
    least 16 tokens in all. The last time may be cut off, as the token limit cuts it.

    Our own definition. At least 16 tokens, so that "no no no" and a row of dots in a short answer are no loop. A loop
    that the answer has left again is not looked for.
    """
    for period in range(1, len(ids) // LEAST_REPEATS + 1):
        covered = max(LEAST_REPEATS * period, LEAST_TOKENS)
        if covered <= len(ids) and ids[-covered:-period] == ids[period - covered :]:
            return True
    return False
