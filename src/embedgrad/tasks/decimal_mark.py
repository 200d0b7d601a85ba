"""Which sign parts whole from decimals in the numbers of a file, as the numbers themselves tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from embedgrad.tasks.number_text import plain_numbers

DecimalMark = Literal[".", ","]

_RUN = re.compile(r"[0-9.,'’ _]*[0-9]")
_OTHER_GROUPS = re.compile(r"(?<=[0-9])[ '’_](?=[0-9]{3})")
_INDIAN = re.compile(r"[1-9][0-9]?(?:,[0-9]{2}){1,7},[0-9]{3}(?:\.[0-9]+)?")
_THREES = re.compile(r"[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")


def told_mark(number: str) -> DecimalMark | Literal["either"] | None:
    """What the last number in `number` tells of its decimal mark; None where it holds neither sign.

    "either" is one sign with three digits after it and one to three before: `1.234` and `1,234` are 1234 to some and a
    little more than 1 to others.
    """
    run = ""
    for match in _RUN.finditer(plain_numbers(number)):
        run = match.group().lstrip(" ,'’_")
    if run[1:].startswith(".") and not run[0].isdigit():
        return None
    first, last = run.find("."), run.rfind(".")
    comma_first, comma_last = run.find(","), run.rfind(",")
    if last < 0 and comma_last < 0:
        return None
    if last >= 0 and comma_last >= 0:
        return "." if last > comma_last else ","
    if _INDIAN.fullmatch(run):
        return "."
    mark: DecimalMark = "." if last >= 0 else ","
    other: DecimalMark = "," if last >= 0 else "."
    if (first, comma_first) != (last, comma_last):  # it occurs twice, so it parts thousands
        return other
    plain = _OTHER_GROUPS.sub("", run)
    return "either" if plain == run and _THREES.fullmatch(run) else mark


def mark_of(numbers: Iterable[str]) -> DecimalMark | Literal["ambiguous", "mixed"] | None:
    """The decimal mark of all `numbers`; None where they tell none, and the usual point will do.

    ambiguous  there is a `1.234`, and no other number tells whether the point parts thousands
    mixed      some tell a point, others a comma
    Only commas before three digits (`1,234`) part thousands, as they mostly do.
    """
    told: set[str] = set()
    points = commas = False
    for number in numbers:
        found = told_mark(number)
        if found == "either":
            points |= "." in number
            commas |= "," in number or "，" in number
        elif found:
            told.add(found)
    if len(told) == 2:
        return "mixed"
    if told:
        return "." if "." in told else ","
    return "ambiguous" if points else "." if commas else None
