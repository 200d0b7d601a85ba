"""How to tune."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from embedgrad.settings import BATCH_TOKENS, MOST, BatchTokens, Count, PositiveCount, Seed, Settings
from embedgrad.tuning.learning_rate import AUTO, OptimizerName, parse_learning_rate
from embedgrad.tuning.learning_rate import MOST as MOST_FLOAT
from embedgrad.tuning.schedule import Schedule


def _checked_rate(text: str | None) -> str | None:
    if text not in (None, AUTO):
        try:
            parse_learning_rate(text)
        except ValueError as error:
            raise ValueError(f'{error}, or "{AUTO}", which chooses it in short runs') from None
    return text


def _as_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return repr(value) if abs(value) < 1e300 else "inf"  # Python writes no number of more than 4300 digits


BatchOrder = Literal["stratified", "shuffled"]
Compile = Literal["auto", "on", "off"]
LearningRate = Annotated[str | None, BeforeValidator(_as_text), AfterValidator(_checked_rate)]


MOST_RESTARTS = 1000
_MOST_BYTES = 1e18
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(text: str) -> int:
    """8_000_000_000 from "8GB". Raises ValueError."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]?B|)", text.strip(), re.IGNORECASE)
    unit = _UNITS.get(match[2].upper() if match else "?", 1)
    size = float(match[1]) * unit if match else 0.0
    if not 1 <= size < _MOST_BYTES:
        raise ValueError('expected a size like "8GB" or "500MB"')
    return int(size)


def _checked_bytes(text: str | None) -> str | None:
    if text is not None:
        parse_bytes(text)
    return text


BEFORE: Mapping[str, Any] = {
    "optimizer": "adamw",
    "warmup_steps": 0,
    "decay": 0.0,
    "batch_order": "shuffled",
    "restarts": 1,
    "run_seed": None,
}
"""How prompts were tuned by versions that did not have these settings."""


class TuningSettings(Settings):
    """The published method's settings where the paper names them (arXiv 2508.03533, 4.1 and 5.4)."""

    learning_rate: LearningRate = Field(
        None,
        description='Step size: "0.08rms" (a step moves a token by about 0.08 of a usual token\'s length), a number, '
        "or auto, which chooses it in short runs; default: by optimizer and model size.",
    )
    optimizer: OptimizerName = Field(
        "muon", description="How gradients move the vectors: muon, or adamw as in the paper."
    )
    warmup_steps: Count = Field(10, description="Steps over which the learning rate rises, at most a tenth of all.")
    decay: float = Field(
        0.8,
        ge=0,
        le=1,
        description="The last share of the steps, over which the learning rate falls to zero; 0 keeps it constant.",
    )
    epochs: float = Field(10.0, gt=0, le=1e6, description="Passes over the tuning rows.")
    min_steps: Count = Field(200, description="Minimum number of steps, however few rows there are.")
    batch_size: PositiveCount = Field(16, description="Rows per step, at most all tuning rows.")
    batch_order: BatchOrder = Field(
        "stratified",
        description="Which rows come together: stratified, each step with the labels in the proportion of all rows, "
        "or shuffled, as without labels.",
    )
    batch_tokens: BatchTokens = BATCH_TOKENS
    memory_limit: Annotated[str | None, BeforeValidator(_as_text), AfterValidator(_checked_bytes)] = Field(
        None, description='Maximum memory to use, such as "8GB"; default: what is free. Changes time, not results.'
    )
    compile: Compile = Field(
        "auto", description="Compile norms and MLPs: on, off, or auto (only on a CPU, for runs that take hours)."
    )
    clip_norm: float = Field(1.0, gt=0, le=MOST_FLOAT, description="Clip the prompt's gradient to this norm.")
    evaluate_every: PositiveCount | None = Field(
        None, description="Steps between validations; default: one epoch, but at least 20."
    )
    patience: PositiveCount = Field(
        5,
        description="Stop after this many validations in a row with neither a lower loss nor a higher accuracy.",
    )
    radius: float | None = Field(
        None,
        gt=0,
        le=MOST_FLOAT,
        description="Keep every vector within this distance of its start, in units of its initial length.",
    )
    distance_penalty: float = Field(
        0.0,
        ge=0,
        le=MOST_FLOAT,
        description="Loss weight of the mean squared distance from the start, in squared initial lengths.",
    )
    keep_nearest: bool = Field(
        False, description="Keep every vector where its original token is the nearest (L2) in the vocabulary."
    )
    seed: Seed = Field(0, description="Seed for splits, batch order and random starts.")
    run_seed: Seed | None = Field(
        None,
        description="Seed for batch order and random starts where it is not --seed, which then draws splits alone.",
    )
    restarts: int = Field(
        1,
        ge=1,
        le=MOST_RESTARTS,
        description="Begin so many runs, of seeds that follow one another, and go on with the best after a quarter of "
        "the steps, of many restarts after fewer, but not before two validations.",
    )
    checkpoint_seconds: float = Field(5.0, ge=0, le=MOST, description="Seconds between checkpoints.")

    @model_validator(mode="before")
    @classmethod
    def _as_they_were(cls, values: Any) -> Any:
        """A run folder names every setting there was: one that names none of the later ones goes on as it began."""
        if isinstance(values, Mapping):
            named = {name for name, info in cls.model_fields.items() if info.default is not None}
            if named - BEFORE.keys() <= values.keys():
                return {**BEFORE, **values}
        return values

    @property
    def seed_of_run(self) -> int:
        """What batch order and random starts are drawn by."""
        return self.seed if self.run_seed is None else self.run_seed

    @property
    def memory_limit_bytes(self) -> int | None:
        return None if self.memory_limit is None else parse_bytes(self.memory_limit)

    def rows_per_step(self, rows: int) -> int:
        """`batch_size`, but at most all `rows` tuning rows: more would only repeat some of them within a step."""
        return min(self.batch_size, max(rows, 1))

    def total_steps(self, rows: int) -> int:
        """Optimizer steps for `rows` tuning rows."""
        return max(round(self.epochs * rows / self.rows_per_step(rows)), self.min_steps, 1)

    def schedule(self, rows: int) -> Schedule:
        """How the learning rate goes over a run on `rows` tuning rows."""
        total = self.total_steps(rows)
        return Schedule(total, min(self.warmup_steps, total // 10), self.decay)

    def steps_between_validations(self, rows: int) -> int:
        return self.evaluate_every or max(-(-rows // self.rows_per_step(rows)), 20)
