"""Answers in which nothing is looked for: the whole output is the answer, or there is no right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from embedgrad.data.target_form import target_form
from embedgrad.tasks.kind import SHORT_TARGET, TaskKind
from embedgrad.tasks.number_answer import MaybeByNumber

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task


class Exact(MaybeByNumber):
    """The output is the target, surrounding whitespace aside. Fits where all targets have at most 40 characters."""

    name = "exact"
    takes = frozenset({"by_number"})

    def read_strict(self, task: Task, output: str) -> str | None:
        """The output without whitespace around it."""
        return output.strip() or None

    def whole_outputs(self, task: Task, target: str) -> Sequence[str]:
        """The target."""
        return (target_form(target),)

    def told_by(self, targets: Sequence[str]) -> dict[str, Any] | None:
        """Nothing more than the kind."""
        return {} if all(len(target) <= SHORT_TARGET for target in targets) else None


class Text(TaskKind):
    """Free text: no metric, only the loss. Fits all targets."""

    name = "text"
    has_metric = False

    def read_strict(self, task: Task, output: str) -> str | None:
        """Nothing: there is no right and wrong."""
        return None

    def told_by(self, targets: Sequence[str]) -> dict[str, Any] | None:
        """Nothing more than the kind."""
        return {}
