"""A task in words and as JSON, and the task that a prompt's file says it was tuned with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pydantic import JsonValue

from embedgrad.errors import SettingsError
from embedgrad.tasks.decimal_mark import DecimalMark
from embedgrad.tasks.kinds import KINDS
from embedgrad.tasks.task import Task


def task_words(task: Task) -> str:
    """`label (negative, positive)`, `regex (pattern 'x')`, `text; no metric, so the loss alone chooses`."""
    inner = ", ".join(task.labels) if task.labels else f"pattern {task.pattern!r}" if task.pattern is not None else ""
    words = f"{task.kind} ({inner})" if inner else task.kind
    return words if task.has_metric else f"{words}; no metric, so the loss alone chooses"


def task_record(task: Task) -> dict[str, JsonValue]:
    """What `own_task` makes the task of again: `task` is its kind; the rest only where it says something."""
    record: dict[str, JsonValue] = {"task": task.kind}
    if task.labels:
        record["labels"] = list(task.labels)
    if task.pattern is not None:
        record["pattern"] = task.pattern
    if task.accepted:
        record["accepted"] = {label: list(forms) for label, forms in task.accepted.items()}
    if task.by_number:
        record["by_number"] = True
    if task.decimal_mark:
        record["decimal_mark"] = task.decimal_mark
    return record


def own_task(settings: Mapping[str, JsonValue]) -> Task | None:
    """The task of a prompt with these `settings`; None where they do not hold all of one (written by hand, or before
    labels and patterns were kept)."""
    kind, labels, accepted = settings.get("task"), settings.get("labels", []), settings.get("accepted", {})
    pattern, by_number = settings.get("pattern"), settings.get("by_number", False)
    if not isinstance(kind, str) or kind not in KINDS or not _is_texts(labels) or not isinstance(pattern, str | None):
        return None
    if not isinstance(accepted, dict) or not all(map(_is_texts, accepted.values())) or not isinstance(by_number, bool):
        return None
    mark = settings.get("decimal_mark")
    if mark is not None and mark not in get_args(DecimalMark):
        return None
    try:
        return Task(
            kind,  # type: ignore[arg-type]
            labels=tuple(labels),  # type: ignore[arg-type]
            pattern=pattern,
            accepted=accepted,  # type: ignore[arg-type]
            by_number=by_number,
            decimal_mark=mark,  # type: ignore[arg-type]
        )
    except SettingsError:
        return None


def _is_texts(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
