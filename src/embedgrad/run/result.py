"""`result.json`: what a run gained and what it cost."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from embedgrad.json_shape import Sha256, Shape
from embedgrad.run.json_files import Stored
from embedgrad.run.score import Baselines, Comparison, Score


class EngineUsed(Shape):
    """How rows went through the model: `path`, its further `techniques` in words (`means`, as earlier versions called
    them), and in one line why."""

    path: str
    techniques: list[str] = Field(validation_alias=AliasChoices("techniques", "means"))
    reason: str


class RowCounts(Shape):
    """How many rows went where; test rows that also were training rows had been removed."""

    train: int
    validation: int
    test: int
    removed_duplicates: int


class Result(Stored):
    """`result.json`: what a run gained, on rows it never saw, and what it cost.

    `comparison` is in accuracy (fractions), None where the task has no metric; `loss_comparison` in nats per
    target token. Both are after minus before.
    """

    before: Score
    after: Score
    comparison: Comparison | None
    loss_comparison: Comparison
    prompt_file: str
    steps: int
    seconds: float
    peak_bytes: int
    engine: EngineUsed | None = None  # how rows went through the model; older runs do not say
    versions: dict[str, str]
    rows: RowCounts
    model: str
    recipe: str | None = None
    prompt_text: str | None
    best_step: int
    stopped: str
    baselines: Baselines | None = None  # where the task is labels
    drift: float | None = None  # median over the prompt's tokens of the distance moved / the row's norm at the start
    files: dict[str, Sha256] | None = None  # SHA-256 of those that this result was made from
