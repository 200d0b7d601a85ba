"""What an output says, read strictly (as a program would) or by meaning (as a person would)."""

from __future__ import annotations

from embedgrad.data.target_form import canonical
from embedgrad.tasks.kinds import kind_of
from embedgrad.tasks.task import Task


def read_strict(task: Task, output: str) -> str | None:
    """The answer in `output` in the exact form that `task` asks for, as its kind reads it (`tasks.kinds`); None where
    it is not there.

    Characters that nobody sees do not count, nor how an accented letter is composed (`canonical`). Where an answer is
    looked for within the output, thoughts are no place for it: number and math read what follows `</think>`, and
    nothing of a `<think>` that is never closed. Not so regex: what counts is the pattern's to say.
    """
    return kind_of(task).read_strict(task, canonical(output))


def read_by_meaning(task: Task, output: str) -> str | None:
    """The answer in `output` in any form that a person would take; None where there is none, or two, and always for
    tasks without `has_meaning`."""
    return kind_of(task).read_by_meaning(task, canonical(output))
