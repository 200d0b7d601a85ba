"""Outputs that have begun: whether one can still come to be right."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.data.target_form import lasting
from embedgrad.tasks.kinds import kind_of
from embedgrad.tasks.task import Task

_BROKEN = "\ufffd"  # a byte that makes no character may turn those before it into this one


def is_told_early(task: Task, target: str) -> bool:
    """Whether a wrong output can be known before it ends: where the whole output is the answer. What is looked for
    within an output (the last number, box or match) may always follow."""
    whole = kind_of(task).whole_outputs(task, target)
    return whole is not None and not any(_BROKEN in output for output in whole)


def is_beyond_hope(task: Task, begun: str, target: str, others: Sequence[str] = ()) -> bool:
    """Whether every output that begins with `begun`, itself included, is wrong, and none of `others` either: labels
    that are to be told apart though they are wrong.

    `begun` is the text of an answer's first tokens, and as the text of more of them may end otherwise: in a character
    that was only half there, with an accent, or in signs that stand for broken ones. False where that is not sure."""
    if not is_told_early(task, target) or any(_BROKEN in other for other in others):
        return False
    said = lasting(begun).lstrip()
    whole = (*(kind_of(task).whole_outputs(task, target) or ()), *others)
    return not any(output.startswith(said) or output == said.rstrip() for output in whole)
