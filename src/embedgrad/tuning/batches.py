"""The tuning rows in their order: step for step a batch, and what it goes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.data.batches import batch_rows
from embedgrad.engine.plan import Engine
from embedgrad.methods.method import Batch
from embedgrad.template.layout import Layout


@dataclass(frozen=True, eq=False)
class Batches:
    """Of one run; which rows a batch has is a function of seed and step.

    layouts        the tuning rows, each with a target
    learning_rate  absolute, at its full height
    size           rows of a batch
    labels         each row's, where every batch is to have them in the proportion of all rows
    """

    layouts: Sequence[Layout]
    engine: Engine
    learning_rate: float
    size: int
    seed: int
    labels: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        """How many tuning rows there are."""
        return len(self.layouts)

    def at(self, step: int, factor: float = 1.0) -> Batch:
        """The batch of step `step`, from 0, at `factor` times the learning rate."""
        numbers = batch_rows(self.rows, self.size, self.seed, step, self.labels)
        return Batch([self.layouts[number] for number in numbers], self.engine, factor * self.learning_rate)
