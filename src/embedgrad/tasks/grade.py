"""Whether what was read from an output is the target."""

from __future__ import annotations

from embedgrad.tasks.numbers import last_number, number_value
from embedgrad.tasks.task import Task


def is_correct(task: Task, prediction: str | None, target: str) -> bool:
    """`prediction` is what `read_strict` or `read_by_meaning` gave; None is wrong.

    Numbers are compared exactly as fractions with the target's own number, all else as texts without
    whitespace around the target. Raises ValueError for a task without a metric.
    """
    if not task.has_metric:
        raise ValueError("a text task has no right and wrong; ask task.has_metric first")
    if prediction is None:
        return False
    if task.kind != "number":
        return prediction == target.strip()
    wanted = last_number(target)
    return wanted is not None and number_value(prediction) == number_value(wanted)
