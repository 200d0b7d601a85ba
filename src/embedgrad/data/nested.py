"""Fewer rows of many, so that those of fewer are among those of more."""

from __future__ import annotations

import random
from collections.abc import Sequence

from embedgrad.data.example import Example


def nested(rows: Sequence[Example], count: int, seed: int, *, by_target: bool) -> tuple[Example, ...]:
    """`count` of `rows` in the order of `rows`, drawn by `seed`; a smaller `count` gives some of those of a larger one.
    With `by_target` every target is in them about as often as in all rows."""
    chance = random.Random(f"nested:{seed}")
    strata: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        strata.setdefault((row.target or "").strip() if by_target else "", []).append(number)
    places: list[tuple[float, float, int]] = []
    for target in sorted(strata):
        numbers = strata[target]
        chance.shuffle(numbers)
        # Each target's rows are spread evenly over the order, and what falls on one place is in a drawn order.
        places += [((at + 0.5) / len(numbers), chance.random(), number) for at, number in enumerate(numbers)]
    chosen = sorted(number for _, _, number in sorted(places)[:count])
    return tuple(rows[number] for number in chosen)
