"""Answers that are numbers: the last one of the output, compared as fractions and by unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.faces import setting
from embedgrad.tasks.conclusion import after_thinking, outside_thoughts
from embedgrad.tasks.decimal_mark import DecimalMark, mark_of, told_mark
from embedgrad.tasks.kind import TaskKind
from embedgrad.tasks.numbers import answer_part, is_one_number, last_quantity, same_quantity
from embedgrad.tasks.refusals import at_lines, refuse, rows_words

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

_FRACTION_ALONE = re.compile(r"[0-9]+\s?/\s?[0-9]+")
_DECIMAL_ALONE = re.compile(r"([0-9]+)[.,]([0-9]+)")
_DECIMALS = re.compile(r"[.,]([0-9]+)\Z")


class Number(TaskKind):
    """The last number of the output is the target's own, value and unit (`numbers.last_quantity`).

    Fits where every target is one number and nothing else (`72`, `$1,234.50`, `5 km`), or a worked solution with one
    (`... #### 72`, a box); see `numbers.is_one_number`. Not where all are fractions like 4/5, which may be ratings or
    days, nor where decimals end in a zero and differ in length (3.9, 3.10) or all end so without a unit (3.10, 3.20):
    so do versions; nor where all are a day with a month (12.05, 21.10).
    """

    name = "number"
    takes = frozenset({"decimal_mark"})

    def read_strict(self, task: Task, output: str) -> str | None:
        """The last number outside of thoughts."""
        return last_quantity(outside_thoughts(output), _mark(task))

    def same(self, task: Task, read: str, target: str) -> bool:
        """Exactly as fractions, and by unit where both have one."""
        return _is_number_of(task, read, target)

    def completed(self, task: Task, examples: Sequence[Example]) -> Task:
        """With the decimal mark that the targets tell. Raises DataError where they can be read in two ways."""
        if task.decimal_mark is not None:
            return task
        parts = [answer_part(example.target or "") for example in examples]
        mark = mark_of(parts)
        if mark == "mixed":
            raise _mixed(examples, [told_mark(part) for part in parts])
        if mark == "ambiguous":
            raise _ambiguous(examples, [told_mark(part) for part in parts])
        return replace(task, decimal_mark=mark or ".")

    def check_targets(self, task: Task, examples: Sequence[Example]) -> None:
        """Raises DataError for targets without a number."""
        mark = _mark(task)
        other = "," if mark == "." else "."
        refuse(
            examples,
            lambda target: last_quantity(target, mark) is not None,
            f"gives no number with the decimal mark {mark!r}",
            f"Correct the rows, or use {setting('task', 'exact')} (or {setting('decimal_mark', other, of='Task')} if "
            "that is how they are written).",
        )

    def told_by(self, targets: Sequence[str]) -> dict[str, Any] | None:
        """The decimal mark, where they tell one."""
        distinct = set(targets)
        if not _are_numbers(distinct):
            return None
        mark = mark_of(map(answer_part, distinct))
        return {"decimal_mark": mark if mark in (".", ",") else None}


class MaybeByNumber(TaskKind):
    """A kind whose answers can be read by number, if the task says so: right by meaning if the last number after the
    thinking, in `\\boxed{}` first, is the target's."""

    def has_meaning(self, task: Task) -> bool:
        """Whether the task says so."""
        return task.by_number

    def read_by_meaning(self, task: Task, output: str) -> str | None:
        """The last number."""
        return last_quantity(after_thinking(output), _mark(task)) if task.by_number else None

    def same_by_meaning(self, task: Task, meant: str, target: str) -> bool:
        """As numbers."""
        return _is_number_of(task, meant, target) if task.by_number else self.same(task, meant, target)

    def completed(self, task: Task, examples: Sequence[Example]) -> Task:
        """With the decimal mark that the targets tell; the usual point where they can be read in two ways."""
        if not task.by_number or task.decimal_mark is not None:
            return task
        mark = mark_of(answer_part(example.target or "") for example in examples)
        return replace(task, decimal_mark=mark if mark in (".", ",") else ".")


def _mark(task: Task) -> DecimalMark:
    return task.decimal_mark or "."


def _is_number_of(task: Task, read: str, target: str) -> bool:
    wanted = last_quantity(target, _mark(task))
    return wanted is not None and same_quantity(read, wanted)


def _are_numbers(targets: set[str]) -> bool:
    if not all(is_one_number(target, ".") or is_one_number(target, ",") for target in targets):
        return False
    if all(_FRACTION_ALONE.fullmatch(target) for target in targets):
        return False
    if _may_be_dates_or_versions(targets):
        return False
    decimals = {match[1] for target in targets if (match := _DECIMALS.search(target))}
    padded = any(digits.endswith("0") and digits.strip("0") for digits in decimals)
    return not padded or len(set(map(len, decimals))) == 1


def _may_be_dates_or_versions(targets: set[str]) -> bool:
    """Whether all are decimals without a unit that end in a zero (3.10, 3.20), or days with a month (12.05, 21.10): as
    numbers 3.1 and 21.1 would be right, which is another version and another day."""
    parts = [match.groups() for target in targets if (match := _DECIMAL_ALONE.fullmatch(target))]
    if len(parts) < len(targets) or len(parts) < 2:
        return False
    are_padded = all(decimals[-1] == "0" and decimals.strip("0") for _, decimals in parts)
    are_days = all(
        len(decimals) == 2 and 1 <= int(decimals) <= 12 and len(whole) <= 2 and 1 <= int(whole) <= 31
        for whole, decimals in parts
    )
    return are_padded or are_days


def _mixed(examples: Sequence[Example], told: Sequence[str | None]) -> DataError:
    points, commas = ([e for e, t in zip(examples, told, strict=True) if t == sign] for sign in (".", ","))
    return DataError(
        f"The targets' numbers are written in two ways: {points[0].target!r} has decimals behind a point "
        f"({rows_words(points)}{at_lines(points)}), {commas[0].target!r} behind a comma "
        f"({rows_words(commas)}{at_lines(commas)}). "
        f"Write them in one way, or pass {setting('task', 'exact')} to compare them as texts."
    )


def _ambiguous(examples: Sequence[Example], told: Sequence[str | None]) -> DataError:
    either = [e for e, t in zip(examples, told, strict=True) if t == "either"]
    return DataError(
        f"The targets' numbers can be read in two ways: {either[0].target!r} may have three decimals or be in the "
        f"thousands, and no target tells which ({rows_words(either)}{at_lines(either)}). Pass "
        f"{setting('decimal_mark', '.', of='Task')} where the point parts decimals, "
        f"{setting('decimal_mark', ',', of='Task')} where it parts thousands, or {setting('task', 'exact')} to compare "
        "them as texts."
    )
