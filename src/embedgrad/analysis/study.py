"""A run under study: its prompts and rows, and every analysis of them by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, TypeVar

from torch import Tensor

from embedgrad.analysis.anchoring import anchoring
from embedgrad.analysis.blend import blend
from embedgrad.analysis.contrast import Concept
from embedgrad.analysis.diagnosis import diagnosis
from embedgrad.analysis.entropy import trajectory_entropy
from embedgrad.analysis.position_sensitivity import position_sensitivity
from embedgrad.analysis.read_back import read_back
from embedgrad.analysis.reading import read_concepts
from embedgrad.data.example import Example
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.settings import BATCH_TOKENS
from embedgrad.shapes import Shape
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong
from embedgrad.watch import Progress

Item = TypeVar("Item")

_ROW_FORWARDS = 4096  # of position sensitivity: more positions, fewer rows
_LEAST_ROWS = 32
_MOST_STAGES = 12  # of the run, in anchoring: each is compared with the whole table


class How(TypedDict):
    """Keyword arguments that the analyses share."""

    overlong: Overlong
    batch_tokens: int
    progress: Progress
    say: Callable[[str], None]


@dataclass(frozen=True)
class Study:
    """Everything the analyses of one run need.

    text            the prompt text, as the run compares it; `start` is where tuning began (the same for a text start)
    tuned           what tuning found
    rows            labeled rows that nothing was chosen on
    score_by        what the run's accuracies are of: generated answers or likeliest labels
    along           (step, embeddings) along the run, where they were kept
    other           a prompt to blend `tuned` with, instead of `start`, and what it is called
    concepts        contrast pairs, instead of those that ship
    """

    model: FrozenModel
    text: SoftPrompt
    start: SoftPrompt
    tuned: SoftPrompt
    rows: tuple[Example, ...]
    task: Task
    score_by: ScoreBy = "generation"
    max_new_tokens: int | None = None
    overlong: Overlong = "error"
    batch_tokens: int = BATCH_TOKENS
    along: Sequence[tuple[int, Tensor]] = ()
    other: tuple[str, SoftPrompt] | None = None
    concepts: tuple[Concept, ...] | None = None
    say: Callable[[str], None] = field(default=lambda message: None)

    def how(self, progress: Progress) -> How:
        """What nearly every analysis takes besides its prompts and rows."""
        return How(overlong=self.overlong, batch_tokens=self.batch_tokens, progress=progress, say=self.say)

    def analyze(self, name: str, progress: Progress = lambda done, total: None) -> Shape:
        """The analysis of that name, one of NAMES. Raises what it raises: PromptError where it does not fit the run."""
        return _ANALYSES[name](self, progress)


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """`most` of `items` in order, evenly spaced from the first to the last; all where there are no more."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[0]]
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _anchoring(study: Study, progress: Progress) -> Shape:
    return anchoring(study.model, study.start, study.tuned, spread(study.along, _MOST_STAGES))


def _position_sensitivity(study: Study, progress: Progress) -> Shape:
    most = max(_LEAST_ROWS, _ROW_FORWARDS // len(study.tuned))
    return position_sensitivity(
        study.model,
        study.start,
        study.tuned,
        spread(study.rows, most),
        **study.how(progress),
    )


def _blend(study: Study, progress: Progress) -> Shape:
    name, first = study.other or ("start", study.start)
    return blend(
        study.model,
        first,
        study.tuned,
        study.rows,
        study.task,
        names=(name, "tuned"),
        score_by=study.score_by,
        max_new_tokens=study.max_new_tokens,
        **study.how(progress),
    )


def _read_back(study: Study, progress: Progress) -> Shape:
    return read_back(
        study.model,
        study.text,
        study.tuned,
        study.rows,
        study.task,
        score_by=study.score_by,
        max_new_tokens=study.max_new_tokens,
        **study.how(progress),
    )


def _diagnosis(study: Study, progress: Progress) -> Shape:
    return diagnosis(
        study.model,
        study.start,
        study.rows,
        study.task,
        max_new_tokens=study.max_new_tokens,
        **study.how(progress),
    )


def _entropy(study: Study, progress: Progress) -> Shape:
    return trajectory_entropy(
        study.model,
        study.text,
        study.tuned,
        study.rows,
        task=study.task,
        max_new_tokens=study.max_new_tokens,
        **study.how(progress),
    )


def _reading(study: Study, progress: Progress) -> Shape:
    return read_concepts(
        study.model,
        study.text,
        study.tuned,
        study.rows,
        concepts=study.concepts,
        overlong=study.overlong,
        batch_tokens=study.batch_tokens,
        progress=progress,
    )


_ANALYSES: dict[str, Callable[[Study, Progress], Shape]] = {
    "anchoring": _anchoring,
    "entropy": _entropy,
    "reading": _reading,
    "position_sensitivity": _position_sensitivity,
    "blend": _blend,
    "read_back": _read_back,
    "diagnosis": _diagnosis,
}
NAMES = tuple(_ANALYSES)
