"""Whether what was read from an output is the target."""

from __future__ import annotations

from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.json_answer import json_value
from embedgrad.tasks.math_answer import compare_math, same_math, wanted_answer
from embedgrad.tasks.numbers import last_number, number_value
from embedgrad.tasks.regex_answer import took_too_long
from embedgrad.tasks.short_answer import normalised
from embedgrad.tasks.task import Task


def is_correct(task: Task, prediction: str | None, target: str) -> bool:
    """`prediction` is what `read_strict` gave; None is wrong.

    Numbers are compared exactly as fractions with the target's own number. A target of kind regex is read by the
    pattern like an output where it matches (a worked solution), else taken as it is (the answer alone); so is one of
    kind math by its last `\\boxed{}`, and compared as mathematics (`same_math`). JSON is compared as values: the order
    of keys, spaces and forms of a number do not matter. All else is compared as texts, without whitespace around the
    target. Raises ValueError for a task without a metric.
    """
    if not task.has_metric:
        raise ValueError("a text task has no right and wrong; ask task.has_metric first")
    if prediction is None:
        return False
    match task.kind:
        case "number":
            return _is_number(prediction, target)
        case "math":
            return same_math(prediction, wanted_answer(target))
        case "json":
            wanted = json_value(target)
            return wanted is not None and json_value(prediction) == wanted
        case "regex":
            return prediction == (read_strict(task, target) or target.strip())
        case _:
            return prediction == target.strip()


def is_meant(task: Task, meant: str | None, target: str) -> bool:
    """The same for what `read_by_meaning` gave. A short answer is the target, or a form that `accepted` names for it,
    after `normalised`."""
    if task.by_number:
        return meant is not None and _is_number(meant, target)
    if task.kind == "short":
        forms = (target.strip(), *task.accepted.get(target.strip(), ()))
        return meant is not None and normalised(meant) in map(normalised, forms)
    return is_correct(task, meant, target)


def is_undecided(task: Task, prediction: str | None, target: str, output: str | None = None) -> bool:
    """Whether `prediction`, read from `output`, counts as wrong only because it could not be compared as mathematics in
    time, or because the pattern was not found in time in the output or the target."""
    if task.kind == "regex":
        return any(took_too_long(task.pattern or "", text) for text in (output, target) if text is not None)
    return task.kind == "math" and prediction is not None and compare_math(prediction, wanted_answer(target)) is None


def _is_number(prediction: str, target: str) -> bool:
    wanted = last_number(target)
    return wanted is not None and number_value(prediction) == number_value(wanted)
