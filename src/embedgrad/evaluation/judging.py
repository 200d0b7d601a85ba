"""How prompts are judged, as one value that goes from the settings to the judge."""

from __future__ import annotations

from dataclasses import dataclass

from embedgrad.evaluation.settings import ScoreBy
from embedgrad.settings import BATCH_TOKENS
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong


@dataclass(frozen=True)
class Judging:
    """What a right answer is, and how answers are asked for. Prompts that are compared need the same.

    task            None: inferred from the targets
    score_by        "generation": greedy answers; "likelihood": the label of highest likelihood; or "both"
    max_new_tokens  longest answer; None: the longest target and 16 more
    overlong        what happens to rows longer than the model's context
    batch_tokens    most tokens in a forward pass; changes memory, not results
    group_by        column whose values are counted apart, if any
    """

    task: Task | None = None
    score_by: ScoreBy = "generation"
    max_new_tokens: int | None = None
    overlong: Overlong = "error"
    batch_tokens: int = BATCH_TOKENS
    group_by: str | None = None
