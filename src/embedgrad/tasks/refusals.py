"""Errors about rows whose targets cannot be, told with their lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.units import counted

_MOST_LINES = 10


def refuse(examples: Sequence[Example], is_right: Callable[[str], bool], problem: str, advice: str) -> None:
    """Raises DataError unless every target `is_right`; it tells of the first that is not."""
    strange = [example for example in examples if not is_right(example.target or "")]
    if strange:
        line = f" at line {strange[0].line}" if strange[0].line else ""
        raise DataError(
            f"{len(strange)} of {counted(len(examples), 'row')} {have(strange)} a target that {problem}; the first is "
            f"{strange[0].target!r}{line}. {advice}"
        )


def rows_words(examples: Sequence[Example]) -> str:
    """`1 row`, `2 rows`."""
    return "1 row" if len(examples) == 1 else f"{len(examples)} rows"


def have(examples: Sequence[Example]) -> str:
    """The verb that goes with them."""
    return "has" if len(examples) == 1 else "have"


def at_lines(examples: Sequence[Example]) -> str:
    """` at lines 3, 7`; nothing for rows made in Python."""
    lines = [str(example.line) for example in examples if example.line]
    if not lines:
        return ""
    more = ", ..." if len(lines) > _MOST_LINES else ""
    return f" at line{'s' * (len(lines) > 1)} {', '.join(lines[:_MOST_LINES])}{more}"
