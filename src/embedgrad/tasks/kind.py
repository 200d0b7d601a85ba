"""What a kind of task is: one class that reads answers, compares them with targets and checks the targets.

`kinds.py` lists them: a new kind is a class in a file of its own and its place there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from embedgrad.data.example import Example
from embedgrad.data.target_form import target_form

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

SHORT_TARGET = 40  # characters of a label or an exact answer, where the targets say what the task is


class TaskKind(Protocol):
    """One kind of task. It has no state: labels, a pattern and the like are in the `Task` that each method gets.

    name              what `Task.kind` says
    takes             the fields of `Task` that mean something to the kind. Labels and a pattern it cannot do without;
                      `accepted` is for forms of any answer, where there are no labels
    has_metric        whether an answer can be right or wrong
    has_json_targets  whether a row's target may be an object or a list, not a text alone

    Outputs come in their one form (`canonical`), targets as they stand in the rows. `tasks.extract` and `tasks.grade`
    are the way in: they see to that, and to an answer that is strictly right being right by meaning, too.
    """

    name: str
    takes: frozenset[str] = frozenset()
    has_metric: bool = True
    has_json_targets: bool = False

    def has_meaning(self, task: Task) -> bool:
        """Whether outputs can also be read by meaning."""
        return False

    def read_strict(self, task: Task, output: str) -> str | None:
        """The answer in the exact form that the task asks for, as a program would read it; None where it is not
        there."""
        ...

    def read_by_meaning(self, task: Task, output: str) -> str | None:
        """The answer in any form that a person would take; None where there is none, or two."""
        return None

    def whole_outputs(self, task: Task, target: str) -> Sequence[str] | None:
        """The outputs of which each right one is one, whitespace around it aside; None where others may be right."""
        return None

    def same(self, task: Task, read: str, target: str) -> bool:
        """Whether what `read_strict` gave is the target."""
        return read == target_form(target)

    def same_by_meaning(self, task: Task, meant: str, target: str) -> bool:
        """Whether what `read_by_meaning` gave is the target."""
        return self.same(task, meant, target)

    def is_undecided(self, task: Task, read: str | None, target: str, output: str | None) -> bool:
        """Whether `read`, from `output`, counts as wrong only because reading or comparing took too long."""
        return False

    def completed(self, task: Task, examples: Sequence[Example]) -> Task:
        """`task` with what the targets of its rows tell where it leaves that open. Raises DataError where they tell
        two things."""
        return task

    def check_targets(self, task: Task, examples: Sequence[Example]) -> None:
        """Raises DataError, with lines, for targets that no answer can be right for."""
        return

    def told_by(self, targets: Sequence[str]) -> dict[str, Any] | None:
        """The fields of a `Task` of this kind that fits all `targets` (as `target_form` gives them); None where none
        fits. Asked by `infer_task`."""
        return None
