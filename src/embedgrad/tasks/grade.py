"""Whether what was read from an output is the target."""

from __future__ import annotations

from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.numbers import last_number, number_value
from embedgrad.tasks.task import Task


def is_correct(task: Task, prediction: str | None, target: str) -> bool:
    """`prediction` is what `read_strict` gave; None is wrong.

    Numbers are compared exactly as fractions with the target's own number. A target of kind regex is read by the
    pattern like an output where it matches (a worked solution), else taken as it is (the answer alone). All else is
    compared as texts, without whitespace around the target. Raises ValueError for a task without a metric.
    """
    if not task.has_metric:
        raise ValueError("a text task has no right and wrong; ask task.has_metric first")
    if prediction is None:
        return False
    if task.kind == "number":
        return _is_number(prediction, target)
    if task.kind == "regex":
        return prediction == (read_strict(task, target) or target.strip())
    return prediction == target.strip()


def is_meant(task: Task, meant: str | None, target: str) -> bool:
    """The same for what `read_by_meaning` gave."""
    if task.by_number:
        return meant is not None and _is_number(meant, target)
    return is_correct(task, meant, target)


def _is_number(prediction: str, target: str) -> bool:
    wanted = last_number(target)
    return wanted is not None and number_value(prediction) == number_value(wanted)
