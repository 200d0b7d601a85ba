"""What can be said of rows and a task before any model is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.data.example import Example
from embedgrad.errors import DataError, UsageError
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.tasks.json_answer import json_value
from embedgrad.tasks.task import Task
from embedgrad.units import counted


def check_rows(task: Task, examples: Sequence[Example], score_by: ScoreBy) -> None:
    """Raises DataError where targets of `examples` do not fit `task`, UsageError where `score_by` does not."""
    _check_labels(task, examples)
    _check_json(task, examples)
    if score_by != "generation" and task.kind != "label":
        raise UsageError("Scoring by likelihood chooses among labels: pass --labels, or --score-by generation.")


def _check_labels(task: Task, examples: Sequence[Example]) -> None:
    if task.kind != "label":
        return
    strange = [example for example in examples if (example.target or "").strip() not in task.labels]
    if strange:
        first = strange[0]
        raise DataError(
            f"{len(strange)} of {counted(len(examples), 'row')} {_have(len(strange))} a target that is none of the "
            f"labels {', '.join(task.labels)}; the first is {first.target!r}"
            + (f" at line {first.line}" if first.line else "")
            + ". Name all labels with --labels, or correct the rows."
        )


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _check_json(task: Task, examples: Sequence[Example]) -> None:
    if task.kind != "json":
        return
    strange = [example for example in examples if json_value(example.target or "") is None]
    if strange:
        first = strange[0]
        raise DataError(
            f"{len(strange)} of {counted(len(examples), 'row')} {_have(len(strange))} a target that is no JSON value; "
            f"the first is {first.target!r}"
            + (f" at line {first.line}" if first.line else "")
            + ". Correct the rows, or use another --task."
        )
