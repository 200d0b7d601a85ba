"""What a task and its rows must agree in, told with the lines where they do not. Needs no model."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.tasks.decimal_mark import DecimalMark, mark_of, told_mark
from embedgrad.tasks.json_answer import has_key_twice, json_value
from embedgrad.tasks.label_answer import label_key
from embedgrad.tasks.numbers import answer_part, last_quantity
from embedgrad.tasks.task import Task, infer_task
from embedgrad.units import counted

_MOST_LINES = 10


def settled(task: Task | None, examples: Sequence[Example]) -> Task:
    """`task` as it fits `examples`, which all have a target: told from the targets where it is None, its decimal mark
    filled in where it leaves that open.

    Raises DataError, with lines, for targets that are none of the labels, no JSON or without a number, for numbers
    that can be read in two ways, and for inferred labels that differ only in case, spacing or forms of letters.
    """
    if task is None:
        task = infer_task([example.target or "" for example in examples])
        if task.kind == "label":
            check_labels_differ(examples)
    if task.kind == "label":
        _check_labels(task, examples)
    if task.kind == "json":
        _check_json(examples)
    if (task.kind == "number" or task.by_number) and task.decimal_mark is None:
        task = replace(task, decimal_mark=_decimal_mark(examples, refuses=task.kind == "number"))
    if task.kind == "number":
        _check_numbers(task, examples)
    return task


def check_labels_differ(examples: Sequence[Example]) -> None:
    """Raises DataError where two targets would be one label to a reader: they differ only in case, spacing, hyphens or
    forms of letters (`Positive` and `positive`, `Straße` and `STRASSE`)."""
    by_key: dict[str, dict[str, list[Example]]] = {}
    for example in examples:
        target = example.target or ""
        by_key.setdefault(label_key(target), {}).setdefault(target, []).append(example)
    alike = [forms for forms in by_key.values() if len(forms) > 1]
    if alike:
        told = "; ".join(
            " and ".join(f"{target!r} ({_rows(rows)}{_places(rows)})" for target, rows in sorted(forms.items()))
            for forms in alike
        )
        raise DataError(
            f"Some labels differ only in case, spacing or forms of letters: {told}. Write each label in one way, or "
            "name all of them with --labels if they are meant to differ."
        )


def check_special_tokens(examples: Sequence[Example], special_tokens: Collection[str]) -> None:
    """Raises DataError where a target holds a special token of the model. Such a token is no text: it is left out of
    every answer that is read, so the target could never be right."""
    tokens = sorted(filter(None, special_tokens), key=len, reverse=True)
    if not tokens:
        return
    pattern = re.compile("|".join(map(re.escape, tokens)))
    strange = [example for example in examples if pattern.search(example.target or "")]
    if strange:
        target = strange[0].target or ""
        found = [match[0] for match in pattern.finditer(target)]
        at_end = target.endswith(found[-1])
        advice = "Leave it out: embedgrad itself adds what ends an answer." if at_end else "Take it out of the rows."
        raise DataError(
            f"{_rows(strange)} of {len(examples)} {_have(strange)} a target with a special token of the model, which "
            f"no answer can hold; the first is {target!r} with {found[-1]!r}{_places(strange)}. {advice}"
        )


def _check_labels(task: Task, examples: Sequence[Example]) -> None:
    labels = set(task.labels)
    _refuse(
        examples,
        lambda target: target in labels,
        f"is none of the labels {', '.join(task.labels)}",
        "Name all labels with --labels, or correct the rows.",
    )


def _check_json(examples: Sequence[Example]) -> None:
    _refuse(
        examples,
        lambda target: json_value(target) is not None,
        "is no JSON value",
        "Correct the rows, or use another --task.",
    )
    _refuse(
        examples,
        lambda target: not has_key_twice(target),
        "has a key twice in one object, which no answer can equal",
        "Correct the rows, or use --task exact to compare them as texts.",
    )


def _check_numbers(task: Task, examples: Sequence[Example]) -> None:
    mark = task.decimal_mark or "."
    other = "," if mark == "." else "."
    _refuse(
        examples,
        lambda target: last_quantity(target, mark) is not None,
        f"gives no number with the decimal mark {mark!r}",
        f"Correct the rows, or use --task exact (or --decimal-mark {other!r} if that is how they are written).",
    )


def _refuse(examples: Sequence[Example], is_right: Callable[[str], bool], problem: str, advice: str) -> None:
    strange = [example for example in examples if not is_right(example.target or "")]
    if strange:
        line = f" at line {strange[0].line}" if strange[0].line else ""
        raise DataError(
            f"{len(strange)} of {counted(len(examples), 'row')} {_have(strange)} a target that {problem}; the first is "
            f"{strange[0].target!r}{line}. {advice}"
        )


def _decimal_mark(examples: Sequence[Example], *, refuses: bool) -> DecimalMark:
    parts = [answer_part(example.target or "") for example in examples]
    mark = mark_of(parts)
    if mark in (".", ","):
        return mark
    if mark is None or not refuses:
        return "."
    told = [told_mark(part) for part in parts]
    if mark == "mixed":
        points, commas = ([e for e, t in zip(examples, told, strict=True) if t == sign] for sign in (".", ","))
        raise DataError(
            f"The targets' numbers are written in two ways: {points[0].target!r} has decimals behind a point "
            f"({_rows(points)}{_places(points)}), {commas[0].target!r} behind a comma "
            f"({_rows(commas)}{_places(commas)}). "
            "Write them in one way, or pass --task exact to compare them as texts."
        )
    either = [e for e, t in zip(examples, told, strict=True) if t == "either"]
    raise DataError(
        f"The targets' numbers can be read in two ways: {either[0].target!r} may have three decimals or be in the "
        f"thousands, and no target tells which ({_rows(either)}{_places(either)}). Pass --decimal-mark '.' where the "
        "point parts decimals, --decimal-mark ',' where it parts thousands, or --task exact to compare them as texts."
    )


def _rows(examples: Sequence[Example]) -> str:
    return "1 row" if len(examples) == 1 else f"{len(examples)} rows"


def _have(examples: Sequence[Example]) -> str:
    return "has" if len(examples) == 1 else "have"


def _places(examples: Sequence[Example]) -> str:
    """` at lines 3, 7`; nothing for rows made in Python."""
    lines = [str(example.line) for example in examples if example.line]
    if not lines:
        return ""
    more = ", ..." if len(lines) > _MOST_LINES else ""
    return f" at line{'s' * (len(lines) > 1)} {', '.join(lines[:_MOST_LINES])}{more}"
