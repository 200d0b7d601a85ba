"""JSON values as answers: found in an output, compared as values."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, Any

from embedgrad.data.example import Example
from embedgrad.faces import setting
from embedgrad.tasks.conclusion import after_thinking
from embedgrad.tasks.kind import TaskKind
from embedgrad.tasks.refusals import refuse

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

_OPENING = re.compile(r"[{\[]")
_BEGINS_VALUE = re.compile(r"""\{|\[\s*(?:[\[{"'\]0-9-]|true\b|false\b|null\b)""")
_OBJECT_BEGINS = re.compile(r"""\{\s*["']""")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_COMMAND = re.compile(r"\\[a-z]{1,20}\Z")  # the brace of \\boxed{ begins no value
_CITED = re.compile(r"(?:\b(?:see|cf\.?|refs?\.?|references?|sources?|notes?)(?:[ ]also)?[ :]*|[^\W\d_])\Z", re.I)
_CITATION = re.compile(r"\[[0-9]{1,3}(?:[,–-] ?[0-9]{1,3}){0,9}\]")
_FENCE = re.compile(r"^[ \t]{0,3}```[^\n`]{0,40}$", re.MULTILINE)
_MOST_FALSE_STARTS = 200


class Json(TaskKind):
    """The output is one JSON value, the target's. Fits where every target is a JSON object or array."""

    name = "json"
    has_json_targets = True

    def has_meaning(self, task: Task) -> bool:
        """Always."""
        return True

    def read_strict(self, task: Task, output: str) -> str | None:
        """The whole output, where it is one JSON value."""
        stripped = output.strip()
        return None if json_value(stripped) is None else stripped

    def read_by_meaning(self, task: Task, output: str) -> str | None:
        """See `last_json`."""
        return last_json(output)

    def same(self, task: Task, read: str, target: str) -> bool:
        """As values: the order of keys, spaces and forms of a number do not matter."""
        wanted = json_value(target)
        return wanted is not None and json_value(read) == wanted

    def check_targets(self, task: Task, examples: Sequence[Example]) -> None:
        """Raises DataError for targets that are no JSON, or have a key twice."""
        refuse(
            examples,
            lambda target: json_value(target) is not None,
            "is no JSON value",
            f"Correct the rows, or use another {setting('task')}.",
        )
        refuse(
            examples,
            lambda target: not has_key_twice(target),
            "has a key twice in one object, which no answer can equal",
            f"Correct the rows, or use {setting('task', 'exact')} to compare them as texts.",
        )

    def told_by(self, targets: Sequence[str]) -> dict[str, Any] | None:
        """Nothing more than the kind."""
        fits = all(target[:1] in ("{", "[") and json_value(target) is not None for target in set(targets))
        return {} if fits else None


@dataclass(frozen=True)
class _Number:
    """So that 1 is 1.0 and neither is true, as Python would have it."""

    value: Decimal


@dataclass(frozen=True)
class _Null:
    """A value that is null, told from no value."""


class _Ambiguous:
    """An object with one key twice; equal to nothing."""


def json_value(text: str) -> object | None:
    """The value of `text` as one JSON value (RFC 8259), for `==`; None where it is not one. Numbers are exact. An
    object with a key twice is a value that equals nothing."""
    text = text.strip()
    found = _decoded(text, 0)
    return found[0] if found is not None and found[1] == len(text) else None


def has_key_twice(text: str) -> bool:
    """Whether `text` is a JSON value in which an object has one key twice."""
    return json_value(text) != json_value(text)


def last_json(output: str) -> str | None:
    """The last JSON value of an output: the whole of it, or else the last object or array in it after the thinking, or
    else what its last fence of ``` holds. None without one.

    What stands in a longer object or array that is cut off or no JSON is a fragment of it, and not the answer; and a
    `[2]` after "see" or a word is a reference. After 200 brackets that begin no value, those that follow are not read:
    so it takes linear time.
    """
    whole = output.strip()
    if json_value(whole) is not None:
        return whole
    said = after_thinking(output)
    last, is_cut = _last_container(said)
    return None if is_cut else last or _last_fence(said)


def _last_container(text: str) -> tuple[str | None, bool]:
    """The last object or array, and whether one after it is cut off or no JSON."""
    last, is_cut, at, false_starts = None, False, 0, 0
    while false_starts < _MOST_FALSE_STARTS and (opening := _OPENING.search(text, at)):
        start = opening.start()
        found = _decoded(text, start)
        if found is not None:
            at = found[1]
            if not _is_citation(text, start, at):
                last, is_cut = text[start:at], False
            continue
        false_starts += 1
        at = opening.end()
        if _BEGINS_VALUE.match(text, start) and not _COMMAND.search(text[max(start - 21, 0) : start]):
            end, holds_values = _extent(text, start)
            if holds_values or _OBJECT_BEGINS.match(text, start):
                last, is_cut = None, True
                at = end
    return last, is_cut


def _extent(text: str, start: int) -> tuple[int, bool]:
    """Where the bracket at `start` is closed, the text's end if nowhere; and whether it holds other brackets or is an
    array that is never closed."""
    depth, holds = 0, False
    for match in _STRING_OR_BRACKET.finditer(text, start):
        if match[0] in "[{":
            depth += 1
            holds |= depth > 1
        elif match[0] in "]}":
            depth -= 1
            if not depth:
                return match.end(), holds
    return len(text), holds or text[start] == "["


def _is_citation(text: str, start: int, end: int) -> bool:
    before = text[max(start - 14, 0) : start]
    return _CITATION.fullmatch(text, start, end) is not None and _CITED.search(before) is not None


def _last_fence(text: str) -> str | None:
    fences = list(_FENCE.finditer(text))
    if len(fences) < 2:
        return None
    start, end = fences[-2:]
    inside = text[start.end() : end.start()].strip()
    return None if json_value(inside) is None else inside


def _decoded(text: str, start: int) -> tuple[object, int] | None:
    """The value that begins at `start`, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError, DecimalException):
        return None
    return (_Null() if value is None else value), end


def _object(pairs: list[tuple[str, Any]]) -> object:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Ambiguous()


def _number(digits: str) -> _Number:
    return _Number(Decimal(digits))


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_no_constant
)
