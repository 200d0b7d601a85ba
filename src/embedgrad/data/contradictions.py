"""Rows that ask the same and want different answers, of which no prompt can give more than one."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.data.example import Example
from embedgrad.data.records import Unit
from embedgrad.units import counted

_Asked = tuple[str, tuple[tuple[str, str], ...], tuple[str | None, ...]]


def contradiction_words(name: str, examples: Sequence[Example], columns: Sequence[str], unit: Unit) -> str | None:
    """A sentence for inputs of the file `name` that stand there with several targets; `columns` are what a template
    shows besides the input. None without any."""
    first: dict[_Asked, Example] = {}
    found: dict[_Asked, tuple[Example, Example]] = {}
    for row in examples:
        asked = (row.input, row.history, tuple(row.columns.get(column) for column in columns))
        before = first.setdefault(asked, row)
        if before.target != row.target and None not in (before.target, row.target):
            found.setdefault(asked, (before, row))
    if not found:
        return None
    one, other = min(found.values(), key=lambda pair: pair[1].line)
    stand = "stands" if len(found) == 1 else "stand"
    return (
        f"{counted(len(found), 'input')} of {name} {stand} there with different targets, the first in {unit}s "
        f"{one.line} and {other.line}: no answer is right for both."
    )
