"""Which rows of a data set are for tuning and which for the test, before `splits.split` takes validation off."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from embedgrad.data.example import Example

Given = Mapping[str, Sequence[Example]]  # the rows that are there, by the name of their part
Drawn = tuple[list[Example], list[Example]]  # for tuning, for the test; each in the order given
Draw = Callable[[Given, random.Random], Drawn]


def as_published(most_train: int | None = None, most_test: int | None = None) -> Draw:
    """The parts `train` and `test` as they are, or so many rows drawn from each."""

    def draw(given: Given, chance: random.Random) -> Drawn:
        train, test = given.get("train", ()), given.get("test", ())
        return _some(train, most_train, chance), _some(test, most_test, chance)

    return draw


def halves(part: str, by: str | None = None) -> Draw:
    """Half of `part` for the test, the odd row included; with `by`, half of the rows of each value of that column."""

    def draw(given: Given, chance: random.Random) -> Drawn:
        rows = given.get(part, ())
        groups: dict[str, list[int]] = {}
        for number, row in enumerate(rows):
            groups.setdefault(row.columns.get(by, "") if by else "", []).append(number)
        test: set[int] = set()
        for value in sorted(groups):
            test.update(chance.sample(groups[value], -(-len(groups[value]) // 2)))
        return _parted(rows, test)

    return draw


def whole_groups(part: str, by: str) -> Draw:
    """Whole groups of rows of `part` for the test, until it has half of the rows: rows that agree in the column `by`
    are never on both sides. A row without that column is a group of its own."""

    def draw(given: Given, chance: random.Random) -> Drawn:
        rows = given.get(part, ())
        groups = groups_of(rows, by)
        chance.shuffle(groups)
        test: set[int] = set()
        for group in groups:
            if 2 * len(test) >= len(rows):
                break
            test.update(group)
        return _parted(rows, test)

    return draw


def groups_of(rows: Sequence[Example], by: str | None) -> list[list[int]]:
    """The numbers of the rows that agree in the column `by`, in order; a row without it is a group of its own."""
    found: dict[str | int, list[int]] = {}
    for number, row in enumerate(rows):
        found.setdefault((row.columns.get(by) if by else None) or number, []).append(number)
    return list(found.values())


def or_else(part: str, first: Draw, second: Draw) -> Draw:
    """`first` where rows of `part` are there, else `second`."""
    return lambda given, chance: (first if given.get(part) else second)(given, chance)


def _some(rows: Sequence[Example], most: int | None, chance: random.Random) -> list[Example]:
    if most is None or len(rows) <= most:
        return list(rows)
    return [rows[number] for number in sorted(chance.sample(range(len(rows)), most))]


def _parted(rows: Sequence[Example], test: set[int]) -> Drawn:
    tuning = [row for number, row in enumerate(rows) if number not in test]
    return tuning, [rows[number] for number in sorted(test)]
