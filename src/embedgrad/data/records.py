"""Rows as they stand in a file: line numbers and fields, before anything knows what they mean.

JSONL has one object per line, CSV and TSV a header and then rows, a BIG-bench task.json a list of examples.
Numbers arrive as the text they were written as, so that a label `1` or an answer `0.50` stays what the user
typed. Nothing here raises for a bad row: it becomes a `RowProblem`, so that all of them can be told at once.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from embedgrad.errors import RowProblem

Row = dict[str, object]

_BOM = b"\xef\xbb\xbf"
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what errors="surrogateescape" leaves


@dataclass(frozen=True)
class Records:
    """rows (first line, fields) in file order, all fields seen, and the rows that are none."""

    rows: list[tuple[int, Row]]
    columns: tuple[str, ...]
    problems: list[RowProblem]


class _JsonError(ValueError):
    """JSON for Python's reader, but not for ours."""


def read_jsonl(data: bytes) -> Records:
    """One JSON object per line, blank lines skipped."""
    rows: list[tuple[int, Row]] = []
    problems: list[RowProblem] = []
    columns: dict[str, None] = {}
    for line, raw in enumerate(data.removeprefix(_BOM).split(b"\n"), start=1):
        if not raw.strip():
            continue
        row = _json_object(raw)
        if isinstance(row, str):
            problems.append(RowProblem(line, row))
        else:
            rows.append((line, row))
            columns.update(dict.fromkeys(row))
    return Records(rows, tuple(columns), problems)


def read_task_json(data: bytes) -> Records | None:
    """The examples of a BIG-bench `task.json`: one object with a list `examples`, whatever lines it is written on.

    An example's line is its number, from 1. None where the file is not of that layout.
    """
    task = _json_object(data.removeprefix(_BOM))
    examples = task.get("examples") if isinstance(task, dict) else None
    if not isinstance(examples, list):
        return None
    rows = [(number, example) for number, example in enumerate(examples, start=1) if isinstance(example, dict)]
    known = {number for number, _ in rows}
    problems = [
        RowProblem(number, 'not an object like {"input": "...", "target_scores": {...}}')
        for number in range(1, len(examples) + 1)
        if number not in known
    ]
    return Records(rows, tuple(dict.fromkeys(name for _, row in rows for name in row)), problems)


def read_delimited(data: bytes, delimiter: str) -> Records:
    """A header and rows; quotes and line breaks inside quotes as in RFC 4180.

    A column without a name is left out: no slot could ask for it.
    """
    text = data.removeprefix(_BOM).decode("utf-8", errors="surrogateescape")
    rows: list[tuple[int, Row]] = []
    problems: list[RowProblem] = []
    header: list[str] | None = None
    for line, cells in _cells(text, delimiter):
        problem = cells if isinstance(cells, str) else _damage(cells)
        if header is None:
            header = [] if isinstance(cells, str) else [cell.strip() for cell in cells]
            problem = problem or _repeated(header)
            if problem:
                return Records([], (), [RowProblem(line, f"in the header: {problem}")])
        elif problem or len(cells) != len(header):
            problems.append(RowProblem(line, problem or _miscounted(len(cells), header)))
        else:
            rows.append((line, {name: cell for name, cell in zip(header, cells, strict=True) if name}))
    return Records(rows, tuple(name for name in header or () if name), problems)


def _json_object(raw: bytes) -> Row | str:
    """The object of one line, or what is wrong with it."""
    if b"\0" in raw:
        return "holds a NUL byte"
    try:
        row = _JSON.decode(raw.decode())
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1}"
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    except _JsonError as error:
        return str(error)
    except RecursionError:
        return "not readable: nested too deeply"
    return row if isinstance(row, dict) else 'not an object like {"input": "...", "output": "..."}'


def _without_repeats(pairs: list[tuple[str, object]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _JsonError(f'the key "{twice}" occurs twice')
    return row


def _no_constant(word: str) -> object:
    raise _JsonError(f"{word} is not a JSON value")


_JSON = json.JSONDecoder(
    object_pairs_hook=_without_repeats, parse_constant=_no_constant, parse_int=str, parse_float=str
)


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """First physical line and cells of each row that is not blank, or what is wrong with it."""
    with _fields_up_to(len(text)):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                unclosed = "unexpected end" in str(error)
                yield (
                    line,
                    "a quote opened here is never closed"
                    if unclosed
                    else 'text follows a closing quote; inside quotes a quote is written twice, ""',
                )
                continue
            if cells is None:
                return
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, cells


@contextmanager
def _fields_up_to(characters: int) -> Iterator[None]:
    # Trap: csv refuses fields over 131,072 characters and then reads on inside the quotes.
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, characters))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _damage(cells: list[str]) -> str | None:
    row = "".join(cells)
    if row.isascii() or not _NOT_UTF8.search(row):
        return "holds a NUL byte" if "\0" in row else None
    byte = ord(_NOT_UTF8.findall(row)[0]) - 0xDC00
    return f"not UTF-8: byte 0x{byte:02x}"


def _repeated(header: list[str]) -> str | None:
    twice = [name for name in header if name and header.count(name) > 1]
    return f'two columns are called "{twice[0]}"' if twice else None


def _miscounted(cells: int, header: list[str]) -> str:
    return f"{cells} cell{'s' * (cells != 1)}, but the header has {len(header)}"
