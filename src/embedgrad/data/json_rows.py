"""Rows of JSON: one object per line, a list of objects, or one object with such a list in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from embedgrad.data.decoding import IS_NOT_UTF8, not_utf8
from embedgrad.data.records import LIMITS, Collected, Limits, Number, Records, Row
from embedgrad.faces import setting

_EXAMPLES = "examples"  # of a BIG-bench task.json, which has other lists, too
CHATS = ("messages", "conversations")  # lists that belong to one row
_EXPECTED = 'not an object like {"input": "...", "output": "..."}'
# A string, or a bracket that is in none.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_CLOSES = {"{": "}", "[": "]"}
_Span = tuple[int, int]


class ShapeError(Exception):
    """Why no rows can be found in a file that is one JSON value, in words that follow the file's name."""


class _JsonError(ValueError):
    """JSON for Python's reader, but not for ours."""


@dataclass(frozen=True)
class _Wrong:
    """A text that is no object, and why; `lines` below its first."""

    problem: str
    lines: int = 0


def read_jsonl(text: str, limits: Limits = LIMITS) -> Records:
    """One JSON object per line, blank lines skipped; a comma at a line's end is left out. Raises TooMuchError."""
    collected = Collected(limits)
    commas = False
    for line, raw in _lines(text):
        if not raw or raw.isspace() or collected.too_long(line, len(raw)):
            continue
        row = _object(raw)
        if isinstance(row, _Wrong) and raw.rstrip().endswith(","):
            without = _object(raw.rstrip()[:-1])
            row, commas = (without, True) if isinstance(without, dict) else (row, commas)
        collected.add(line, row.problem if isinstance(row, _Wrong) else row)
    return collected.records(notes=("without the commas at the ends of its lines",) if commas else ())


def is_one_per_line(text: str) -> bool:
    """Whether the first line that is not blank is an object by itself, or nothing that would go on in the next."""
    first = next((raw.strip() for _, raw in _lines(text) if raw and not raw.isspace()), "")
    if isinstance(_object(first.removesuffix(",")), dict):
        return True
    return not first.startswith("[") and not first.endswith(("[", "{", ","))


def read_json(text: str, rows_at: str | None, limits: Limits = LIMITS) -> Records | None:
    """The rows of a file that is not one object per line: a list of objects, or objects one after the other, or one
    object with a list of objects in it. `rows_at` names that list where there are several (`data`, `result.rows`).

    Rows have the lines they begin in, or their numbers where several begin in one line. None where the file is one
    object per line after all. Raises ShapeError, TooMuchError.
    """
    values = list(_values(text, (0, len(text)), between=("", ",")))
    if rows_at is not None:
        found = _named(text, values, rows_at)
        return _rows(text, _values(text, _inside(found)), limits)
    if len(values) == 1 and text[values[0][0]] == "[":
        return _rows(text, _values(text, _inside(values[0])), limits)
    if len(values) == 1 and (lists := _lists_of_objects(text, values[0])):
        name = _EXAMPLES if _EXAMPLES in lists else next(iter(lists))
        if len(lists) > 1 and name != _EXAMPLES:
            raise ShapeError(
                f"holds several lists of rows: {', '.join(lists)}. Name one of them, like "
                f"{setting('rows_at', name, of='load_examples')}"
            )
        return _rows(text, _values(text, _inside(lists[name])), limits, (f'from the list at "{name}"',))
    several_lines = any("\n" in text[first:last] for first, last in values)
    return _rows(text, values, limits) if several_lines else None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    line, start = 1, 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield line, text[start:end]
        line, start = line + 1, end + 1


def _rows(text: str, spans: Iterator[_Span] | Sequence[_Span], limits: Limits, notes: tuple[str, ...] = ()) -> Records:
    found = list(spans)
    lines: list[int] = []
    line, end = 1, 0
    for first, _ in found:
        line += text.count("\n", end, first)
        end = first
        lines.append(line)
    share = len(set(lines)) < len(lines)
    collected = Collected(limits)
    for number, (line, (first, last)) in enumerate(zip(lines, found, strict=True), start=1):
        place = number if share else line
        if collected.too_long(place, last - first):
            continue
        row = _object(text[first:last], first - text.rfind("\n", 0, first) - 1)
        if isinstance(row, _Wrong):
            collected.add(place + (0 if share else row.lines), row.problem)
        else:
            collected.add(place, row)
    return collected.records(unit="row" if share else "line", notes=notes)


def _outer(text: str, span: _Span) -> Iterator[_Span]:
    """Strings, objects and lists in `span`, outermost only. Raises ShapeError where one is never closed."""
    brackets: list[tuple[str, int]] = []
    for token in _TOKEN.finditer(text, *span):
        what = token[0]
        if what in _CLOSES:
            brackets.append((what, token.start()))
        elif what in ("}", "]"):
            if not brackets or _CLOSES[brackets[-1][0]] != what:
                raise ShapeError(f"is not JSON: the {what} in line {_line(text, token.start())} closes nothing")
            _, first = brackets.pop()
            if not brackets:
                yield first, token.end()
        elif not brackets:
            yield token.span()
    if brackets:
        what, first = brackets[-1]
        raise ShapeError(f"is not JSON: the {what} in line {_line(text, first)} is never closed")


def _values(text: str, span: _Span, between: tuple[str, ...] = (",",)) -> Iterator[_Span]:
    """The objects, lists and strings of a list. Raises ShapeError where anything else is between them."""
    end = span[0]
    allowed: tuple[str, ...] = ("",)
    for first, last in _outer(text, span):
        if text[end:first].strip() not in allowed:
            _refuse(text, end, first)
        yield first, last
        end, allowed = last, between
    if text[end : span[1]].strip() not in ("", ","):
        _refuse(text, end, span[1])


def _members(text: str, span: _Span) -> Iterator[tuple[str, _Span]]:
    """Names and places of the objects and lists that are values of an object."""
    key: str | None = None
    for first, last in _outer(text, _inside(span)):
        if text[first] != '"':
            if key is not None:
                yield key, (first, last)
            key = None
        elif text[last : last + 100].lstrip()[:1] == ":":
            key = text[first + 1 : last - 1]


def _named(text: str, values: Sequence[_Span], rows_at: str) -> _Span:
    """The list of that name; dots lead into objects. Raises ShapeError."""
    span = values[0] if len(values) == 1 and text[values[0][0]] == "{" else None
    known: list[str] = []
    for name in rows_at.split("."):
        members = dict(_members(text, span)) if span and text[span[0]] == "{" else {}
        known, span = list(members), members.get(name)
    if span is None or text[span[0]] != "[":
        raise ShapeError(
            f'has no list at "{rows_at}" ({setting("rows_at")}). Found there: {", ".join(known) or "nothing"}'
        )
    return span


def _lists_of_objects(text: str, span: _Span) -> dict[str, _Span]:
    """The lists in an object that may hold rows, by name."""
    return {
        name: (first, last)
        for name, (first, last) in _members(text, span)
        if name not in CHATS and text[first] == "[" and text[first + 1 : first + 1000].lstrip()[:1] == "{"
    }


def _inside(span: _Span) -> _Span:
    return span[0] + 1, span[1] - 1


def _refuse(text: str, start: int, stop: int) -> None:
    """Raises ShapeError for what stands between two rows."""
    words = text[start:stop].replace(",", " ").split()
    if not words:
        raise ShapeError(f"is not JSON: in line {_line(text, stop)} a comma is missing or too many")
    line = _line(text, text.index(words[0], start))
    raise ShapeError(f"is no list of rows: {words[0][:40]} in line {line} is {_EXPECTED}")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _object(raw: str, column: int = 0) -> Row | _Wrong:
    """The object that `raw` is, or what is wrong with it; `column` characters stand before it in its line."""
    if "\0" in raw:
        return _Wrong("holds a NUL byte")
    if bad := not_utf8(raw):
        return _Wrong(f"{IS_NOT_UTF8}: byte 0x{bad[0]:02x} at position {column + bad[1]}")
    try:
        row = _JSON.decode(raw)
    except json.JSONDecodeError as error:
        shift = column if error.lineno == 1 else 0
        return _Wrong(f"not JSON: {error.msg} at column {error.colno + shift}", error.lineno - 1)
    except _JsonError as error:
        return _Wrong(str(error))
    except RecursionError:
        return _Wrong("not readable: nested too deeply")
    return row if isinstance(row, dict) else _Wrong(_EXPECTED)


def _without_repeats(pairs: list[tuple[str, object]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key, times in Counter(keys).items() if times > 1)
        raise _JsonError(f'the key "{twice}" occurs twice')
    return row


_JSON = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_int=Number, parse_float=Number, parse_constant=float)
