"""Rows as they stand in a file: line numbers and fields, before anything knows what they mean.

Numbers keep the text they were written as, so that a label `1` or an answer `0.50` stays what the user typed, and
all other values stay what they are: a row can be written out again as it came. Nothing that reads rows raises for a bad
one: it becomes a `RowProblem`, so that all of them can be told at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from embedgrad.errors import RowProblem
from embedgrad.faces import setting

Row = dict[str, object]
Unit = Literal["line", "row"]


class Number(str):
    """A number, as the text it was written as."""


@dataclass(frozen=True)
class Limits:
    """What one file of rows may hold; more is refused before it is tokenized.

    rows            rows
    row_characters  characters of one row, as it is written in the file
    file_bytes      bytes of the file, unpacked
    """

    rows: int = 1_000_000
    row_characters: int = 1_000_000
    file_bytes: int = 500_000_000


LIMITS = Limits()


class TooMuchError(Exception):
    """More than the `Limits` allow, in words that follow the file's name."""


@dataclass
class Records:
    """rows (first line, fields) in file order, all fields seen, and the rows that are none.

    unit   what a row's number counts, from 1: lines as an editor does, or rows where several or none have a line
    notes  how the file was read, where that had to be guessed or is out of the ordinary: phrases after "read"
    is_guessed  whether its encoding had to be guessed
    """

    rows: list[tuple[int, Row]] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    problems: list[RowProblem] = field(default_factory=list)
    unit: Unit = "line"
    notes: tuple[str, ...] = ()
    is_guessed: bool = False


class Collected:
    """Rows on their way into `Records`, no more of them than the `limits` allow."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rows: list[tuple[int, Row]] = []
        self._problems: list[RowProblem] = []
        self._columns: dict[str, None] = {}

    def too_long(self, line: int, characters: int) -> bool:
        """Whether a row of so many characters is too long, which is a problem of its own. To be asked before it is
        parsed: objects of a parsed row may take fifty times its bytes."""
        if characters > self._limits.row_characters:
            bound = setting("max_row_characters", of="load_examples")
            self.add(line, f"has {characters:,} characters; at most {self._limits.row_characters:,} are read ({bound})")
            return True
        return False

    def add(self, line: int, row: Row | str) -> None:
        """A row, or what is wrong with it. Raises TooMuchError."""
        if len(self._rows) + len(self._problems) >= self._limits.rows:
            bound = setting("max_rows", of="load_examples")
            raise TooMuchError(f"has more than {self._limits.rows:,} rows; no more are read ({bound})")
        if isinstance(row, str):
            self._problems.append(RowProblem(line, row))
        else:
            self._rows.append((line, row))
            self._columns.update(dict.fromkeys(row))

    def records(self, columns: tuple[str, ...] = (), unit: Unit = "line", notes: tuple[str, ...] = ()) -> Records:
        """All of them; `columns` come first even where no row has them."""
        known = tuple(dict.fromkeys((*columns, *self._columns)))
        return Records(self._rows, known, self._problems, unit, notes)


def written(value: object) -> str:
    """`value` of a row as JSON on one line: a `Number` as it was written, NaN and infinities (no JSON) as null."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(str(key))}: {written(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "null"
    return _text(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
