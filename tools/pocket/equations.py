"""The equations of word problems: their numbers are drawn one by one so that each is exact and small."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from tools.pocket.kinds import pick

Pair = tuple[int, int]
Forms = tuple[tuple[str, ...], ...]
"""Templates in the present and in the past."""


def in_both_tenses(texts: Sequence[str]) -> Forms:
    """From templates with "(has/had)" in them."""
    return tuple(tuple(re.sub(r"\(([^/()]+)/([^/()]+)\)", side, text) for text in texts) for side in (r"\1", r"\2"))


class Step(NamedTuple):
    """One equation of a solution over named numbers, with the words before it."""

    leads: Forms
    out: str
    left: str
    op: str
    right: str
    unit: str

    @classmethod
    def read(cls, line: str) -> Step:
        """From "lead ~ other lead: out = left op right unit"."""
        leads, equation = line.split(": ")
        out, _, left, op, right, unit = equation.split(" ")
        return cls(in_both_tenses(leads.split(" ~ ")), out, left, op, right, unit)


def between(rng: Random, low: int, high: int) -> int:
    return low + int(rng.random() * (high - low + 1))


def free(rng: Random, high: int = 99) -> int:
    """A number of a sum: small ones more often than large ones."""
    return between(rng, 2, min(high, pick(rng, (12, 30, 60, 99, 99))))


def _product(rng: Random, left: int | None, right: int | None) -> Pair | None:
    if left is None and right is None:
        pair = between(rng, 2, 9), between(rng, 2, 12)
        return pair if rng.random() < 0.5 else (pair[1], pair[0])
    known = left or right or 0
    other = between(rng, 2, 12 if known <= 9 else 9)
    left, right = left or other, right or other
    return (left, right) if max(left, right) <= 12 and min(left, right) <= 9 else None


def _quotient(rng: Random, left: int | None, right: int | None) -> Pair | None:
    if left is None:
        right = right or between(rng, 2, 9)
        return (right * between(rng, 2, 12), right) if right <= 9 else None
    fits = tuple(d for d in range(2, 10) if left % d == 0 and 2 <= left // d <= 12 and right in (None, d))
    return (left, pick(rng, fits)) if fits else None


def _sum(rng: Random, left: int | None, right: int | None) -> Pair | None:
    left, right = left or free(rng), right or free(rng)
    return (left, right) if max(left, right) <= 99 else None


def _difference(rng: Random, left: int | None, right: int | None) -> Pair | None:
    if left is None:
        right = right or free(rng, 95)
        return (between(rng, right + 2, 99), right) if right <= 95 else None
    if right is None and left >= 4:
        right = between(rng, 2, left - 2)
    return (left, right) if right is not None and left <= 99 and left - right >= 2 else None


_DRAWS = {"*": _product, "/": _quotient, "+": _sum, "-": _difference}


def solve(rng: Random, step: Step, values: dict[str, int], last: bool) -> tuple[int, int, int] | None:
    """Draw the numbers that the step still lacks into `values`: left, right and result; None where they do not fit."""
    pair = _DRAWS[step.op](rng, values.get(step.left), values.get(step.right))
    if pair is None:
        return None
    left, right = pair
    if step.op == "-" and step.out == "z" and last and step.right not in values and rng.random() < 0.03:
        right = left
    result = {"*": left * right, "/": left // right, "+": left + right, "-": left - right}[step.op]
    values |= {step.left: left, step.right: right}
    values[step.out] = result  # may be `left` anew: v = v + x
    return left, right, result
