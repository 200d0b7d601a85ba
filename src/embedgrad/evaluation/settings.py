"""How to judge a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from embedgrad.data.example import Example
from embedgrad.data.target_form import target_form
from embedgrad.errors import UsageError
from embedgrad.faces import setting
from embedgrad.settings import PositiveCount, Settings
from embedgrad.tasks.decimal_mark import DecimalMark
from embedgrad.tasks.kinds import KINDS, KindName
from embedgrad.tasks.targets import check_labels_differ, settled
from embedgrad.tasks.task import Task, infer_task
from embedgrad.template.layout import Overlong

ScoreBy = Literal["generation", "likelihood", "both"]


class EvaluationSettings(Settings):
    task: Literal["auto", KindName] = Field(
        "auto", description="What counts as a right answer; auto infers it from the targets."
    )
    labels: tuple[str, ...] | None = Field(
        None, description="The labels, comma-separated; a row with any other label is an error."
    )
    pattern: str | None = Field(None, description="Regular expression whose last match is the answer of a regex task.")
    accepted: dict[str, tuple[str, ...]] | None = Field(
        None, description="Other forms of a label or short answer, keyed by it; used when reading by meaning."
    )
    by_number: bool = Field(
        False, description="By meaning, an exact or regex answer is right if its last number equals the target's."
    )
    decimal_mark: DecimalMark | None = Field(
        None, description="Decimal mark in targets and answers, . or , (default: inferred from the targets)."
    )
    score_by: ScoreBy = Field("generation", description="Generate answers, or pick the likeliest label, or both.")
    max_new_tokens: PositiveCount | None = Field(
        None, description="Maximum tokens per answer, before and after; default: the longest target + 16."
    )
    overlong: Overlong = Field("error", description="What to do with rows longer than the model's context.")

    @property
    def names_a_task(self) -> bool:
        """Whether the task is settled here, and needs no look at the targets."""
        return self.task != "auto" or bool(self.labels) or self.pattern is not None

    def resolved_task(self, targets: Sequence[str], own: Task | None = None) -> Task:
        """The task these settings name; where they leave it open the prompt's `own`, else told from `targets`."""
        task = own if own is not None and not self.names_a_task else self._plain_task(targets)
        return replace(
            task,
            accepted=self.accepted or task.accepted,
            by_number=self.by_number or task.by_number,
            decimal_mark=self.decimal_mark or task.decimal_mark,
        )

    def task_for(self, examples: Sequence[Example], own: Task | None = None) -> Task:
        """The same for rows that all have a target, and how their numbers are written. Raises DataError, with lines,
        for what `tasks.targets.settled` refuses."""
        task = self.resolved_task([example.target or "" for example in examples], own)
        if task.labels and not self.labels and task is not own:
            check_labels_differ(examples)
        return settled(task, examples)

    def _plain_task(self, targets: Sequence[str]) -> Task:
        if self.task == "auto":
            if self.labels:
                return Task("label", labels=self.labels)
            return Task("regex", pattern=self.pattern) if self.pattern else infer_task(targets)
        if "labels" in KINDS[self.task].takes and not self.labels:
            return Task(self.task, labels=tuple(sorted(set(map(target_form, targets)))))
        return Task(self.task, labels=self.labels or (), pattern=self.pattern)


def check_score_by(task: Task, score_by: ScoreBy) -> None:
    """Raises UsageError where answers of this task cannot be scored so."""
    if score_by != "generation" and not task.labels:
        labels, generation = setting("labels", ..., of="Task"), setting("score_by", "generation")
        raise UsageError(f"Scoring by likelihood chooses among labels: pass {labels}, or {generation}.")
