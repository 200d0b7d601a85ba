"""Whether what was read from an output is the target."""

from __future__ import annotations

from dataclasses import dataclass

from embedgrad.data.target_form import canonical, target_form
from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.json_answer import json_value
from embedgrad.tasks.math_answer import compare_math, same_math, wanted_answer
from embedgrad.tasks.numbers import last_quantity, same_quantity
from embedgrad.tasks.regex_answer import took_too_long
from embedgrad.tasks.short_answer import normalised
from embedgrad.tasks.task import Task


@dataclass(frozen=True)
class Grade:
    """How one output was read and judged.

    read         what was read strictly; `correct` whether that is the target, None without a metric
    meant        what was read by meaning; `meant_correct` the same of it, None for tasks without `has_meaning`. What is
                 strictly right is right by meaning, too
    undecided    whether what was read could not be compared with the target in time, and so counts as wrong
    """

    read: str | None
    correct: bool | None
    meant: str | None
    meant_correct: bool | None
    undecided: bool


def grade(task: Task, output: str, target: str) -> Grade:
    """`output` read strictly and by meaning, and compared with `target`."""
    read = read_strict(task, output)
    correct = is_correct(task, read, target) if task.has_metric else None
    meant, meant_correct = None, None
    if task.has_meaning:
        meant = read_by_meaning(task, output)
        meant_correct = is_meant(task, meant, target)
        if correct and not meant_correct:
            meant, meant_correct = read, True
    undecided = any(is_undecided(task, found, target, canonical(output)) for found in (read, meant))
    return Grade(read, correct, meant, meant_correct, undecided)


def is_correct(task: Task, prediction: str | None, target: str) -> bool:
    """`prediction` is what `read_strict` gave; None is wrong.

    Numbers are compared exactly as fractions with the target's own number, and by unit where both have one. A target of
    kind regex is read by the pattern like an output where it matches (a worked solution), else taken as it is (the
    answer alone); so is one of kind math by its last `\\boxed{}`, and compared as mathematics (`same_math`). JSON is
    compared as values: the order of keys, spaces and forms of a number do not matter. All else is compared as texts,
    the target in its one form (`target_form`). Raises ValueError for a task without a metric.
    """
    if not task.has_metric:
        raise ValueError("a text task has no right and wrong; ask task.has_metric first")
    if prediction is None:
        return False
    match task.kind:
        case "number":
            return _is_number(task, prediction, target)
        case "math":
            return same_math(prediction, wanted_answer(target))
        case "json":
            wanted = json_value(target)
            return wanted is not None and json_value(prediction) == wanted
        case "regex":
            return prediction == (read_strict(task, target) or target_form(target))
        case _:
            return prediction == target_form(target)


def is_meant(task: Task, meant: str | None, target: str) -> bool:
    """The same for what `read_by_meaning` gave. A short answer is the target, or a form that `accepted` names for it,
    after `normalised`."""
    if task.by_number:
        return meant is not None and _is_number(task, meant, target)
    if task.kind == "short":
        forms = (target_form(target), *task.accepted.get(target_form(target), ()))
        return meant is not None and normalised(meant) in map(normalised, forms)
    return is_correct(task, meant, target)


def is_undecided(task: Task, prediction: str | None, target: str, output: str | None = None) -> bool:
    """Whether `prediction`, read from `output`, counts as wrong only because it could not be compared as mathematics in
    time, or because the pattern was not found in time in the output or the target."""
    if task.kind == "regex":
        return any(took_too_long(task.pattern or "", text) for text in (output, target) if text is not None)
    return task.kind == "math" and prediction is not None and compare_math(prediction, wanted_answer(target)) is None


def _is_number(task: Task, prediction: str, target: str) -> bool:
    wanted = last_quantity(target, task.decimal_mark or ".")
    return wanted is not None and same_quantity(prediction, wanted)
