"""Whether what was read from an output is the target."""

from __future__ import annotations

from dataclasses import dataclass

from embedgrad.data.target_form import canonical
from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.kinds import kind_of
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
    """Whether `prediction`, which is what `read_strict` gave, is the target, as the task's kind compares them; None is
    wrong. Raises ValueError for a task without a metric."""
    _check_metric(task)
    return prediction is not None and kind_of(task).same(task, prediction, target)


def is_meant(task: Task, meant: str | None, target: str) -> bool:
    """The same for what `read_by_meaning` gave."""
    _check_metric(task)
    return meant is not None and kind_of(task).same_by_meaning(task, meant, target)


def is_undecided(task: Task, prediction: str | None, target: str, output: str | None = None) -> bool:
    """Whether `prediction`, read from `output`, counts as wrong only because reading or comparing took too long."""
    return kind_of(task).is_undecided(task, prediction, target, output)


def _check_metric(task: Task) -> None:
    if not task.has_metric:
        raise ValueError(f"a {task.kind} task has no right and wrong; ask task.has_metric first")
