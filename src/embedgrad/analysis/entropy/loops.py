"""Which answers never come to an end by themselves."""

from __future__ import annotations

import re

from embedgrad.evaluation.answering import Generation
from embedgrad.evaluation.loops import LEAST_REPEATS

LEAST_WORDS = 3

_UNITS = re.compile(r"\d{1,1000}|[^\W\d]+|[^\w\s]")  # int() refuses more than 4300 digits


def is_endless(answer: Generation) -> bool:
    """Whether the token limit cut a loop: the same tokens again and again (`evaluation.loops.ends_in_a_loop`), or the
    same words around a counter. An answer that ended by itself is none, however often it says "ha"."""
    return answer.truncated and (answer.loops or ends_in_a_count(answer.text))


def ends_in_a_count(text: str) -> bool:
    """Whether a text ends in the same line at least three times but for numbers, of which at least one goes up (or
    down) by one each time: "Question 7: What is the answer? Question 8: What is the answer? ...".

    Our own definition. At least three words a line, so that counting ("1, 2, 3") and rows of a table are none; the last
    line may be cut off anywhere. Other steps than one are no loop: a times table is an answer.
    """
    units = _UNITS.findall(text)[:-1]  # the last one may be half a word or half a number
    return any(_counts(units, period) for period in range(LEAST_WORDS + 1, len(units) // LEAST_REPEATS + 1))


def _counts(units: list[str], period: int) -> bool:
    """Whether the last LEAST_REPEATS blocks of so many units are a line with a counter."""
    tail = units[-LEAST_REPEATS * period :]
    steps: list[set[int]] = [set() for _ in range(period)]
    for place, (one, next_one) in enumerate(zip(tail, tail[period:], strict=False)):
        if one.isdecimal() and next_one.isdecimal():
            steps[place % period].add(int(next_one) - int(one))
        elif one != next_one:
            return False
    counters = [step for step in steps if step not in (set(), {0})]
    words = sum(unit.isalpha() for unit in tail[:period])
    return words >= LEAST_WORDS and bool(counters) and all(step in ({1}, {-1}) for step in counters)
