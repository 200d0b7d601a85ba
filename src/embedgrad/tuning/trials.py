"""Trials: one tuning per learning rate, which passes through several numbers of epochs on its way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedgrad.errors import NonFiniteLoss
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State, Validation
from embedgrad.watch import Watch


@dataclass(frozen=True)
class Cell:
    """A tuning of so many epochs at one absolute rate: the steps it took, and what the prompt that it keeps has on
    the validation rows; `failed` says why there is none."""

    learning_rate: float
    epochs: float
    steps: int
    kept: Validation | None
    failed: str | None = None


@dataclass(frozen=True)
class Trials:
    """All cells; `chosen` counts in them. Everything in it is of the validation rows, which also chose each cell's
    prompt: good for comparing settings, no result. Seconds over all sessions."""

    cells: tuple[Cell, ...]
    chosen: int
    validation_rows: int
    table_rms: float
    seconds: float

    @property
    def best(self) -> Cell:
        return self.cells[self.chosen]


def try_rate(
    setup: Setup,
    options: TuningSettings,
    learning_rate: float,
    epochs: Sequence[float],
    *,
    checkpoint: Path | None = None,
    watch: Watch = Watch(),
) -> tuple[State, tuple[Cell, ...]]:
    """One tuning of the most `epochs` at one rate: its last State, and a Cell for each number of epochs in order.

    The rate is constant and the batch order a function of seed and step, so a shorter tuning is the beginning of a
    longer one; what it would add is a validation at its end. A loss that is not finite fails the cells that are not
    reached. Raises it where even the start has such a loss, and what `Setup.run` raises.
    """
    rows = len(setup.layouts)
    lengths = [options.model_copy(update={"epochs": count}).total_steps(rows) for count in epochs]
    longest = options.model_copy(update={"epochs": max(epochs)})
    failed = None
    try:
        end = setup.run(longest, learning_rate, checkpoint=checkpoint, also_at=lengths, watch=watch)
    except NonFiniteLoss as error:
        if not isinstance(error.state, State) or error.state.best is None:
            raise
        end, failed = error.state, str(error)
    every = options.steps_between_validations(rows)
    pairs = zip(epochs, lengths, strict=True)
    return end, tuple(_cell(end, every, learning_rate, count, steps, failed) for count, steps in pairs)


def _cell(end: State, every: int, learning_rate: float, epochs: float, steps: int, failed: str | None) -> Cell:
    if failed is not None and end.step < steps:
        return Cell(learning_rate, epochs, end.step, None, failed)
    due = [found for step, found in end.validations if step <= steps and (step % every == 0 or step == steps)]
    kept = due[0]
    for found in due[1:]:
        kept = found if found.beats(kept) else kept
    return Cell(learning_rate, epochs, min(steps, end.step), kept)


def choose_cell(cells: Sequence[Cell], rows: int) -> int:
    """Index of the cell to go on with: of those whose accuracy on `rows` rows is within one standard error of the
    highest, sqrt(a (1 - a) / rows), the one of the lowest loss; without a metric, of all.

    Source: the one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, Classification and Regression
    Trees, 3.4.3; they take the smallest tree among the equals, we the lowest loss, since it is the finer measure.
    Raises NonFiniteLoss where every cell failed.
    """
    found = [(index, cell.kept) for index, cell in enumerate(cells) if cell.kept is not None]
    if not found:
        raise NonFiniteLoss(f"Every learning rate failed; the first with: {cells[0].failed}")
    accuracies = [kept.accuracy for _, kept in found if kept.accuracy is not None]
    if accuracies:
        best = max(accuracies)
        least = best - math.sqrt(best * (1 - best) / rows)
        found = [(index, kept) for index, kept in found if kept.accuracy is not None and kept.accuracy >= least]
    return min(found, key=lambda pair: pair[1].loss)[0]
