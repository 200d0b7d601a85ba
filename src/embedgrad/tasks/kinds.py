"""All kinds of tasks. A new one has its class in a file of its own, its name here and its place in `KINDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from embedgrad.tasks.json_answer import Json
from embedgrad.tasks.kind import TaskKind
from embedgrad.tasks.label_answer import Label
from embedgrad.tasks.math_answer import Math
from embedgrad.tasks.number_answer import Number
from embedgrad.tasks.plain_answer import Exact, Text
from embedgrad.tasks.regex_answer import Regex
from embedgrad.tasks.short_answer import Short

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

KindName = Literal["label", "number", "math", "json", "short", "exact", "regex", "text"]
_ALL: tuple[TaskKind, ...] = (Label(), Number(), Math(), Json(), Short(), Exact(), Regex(), Text())
KINDS = {kind.name: kind for kind in _ALL}
INFERRED = tuple(KINDS[name] for name in ("label", "math", "json", "number", "exact", "text"))
"""What `infer_task` tries, in this order. Text fits everything."""


def kind_of(task: Task) -> TaskKind:
    """What reads and compares the answers to `task`."""
    return KINDS[task.kind]


def taking(field: str) -> list[str]:
    """The names of the kinds that take this field of `Task`."""
    return [name for name, kind in KINDS.items() if field in kind.takes]


def has_json_targets(name: str) -> bool:
    """Whether rows of this kind may have objects and lists as targets; not where the kind is still open."""
    return name in KINDS and KINDS[name].has_json_targets
