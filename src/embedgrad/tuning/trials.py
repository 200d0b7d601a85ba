"""Trials: a tuning for each learning rate and each number of epochs, to be compared on the validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedgrad.errors import NonFiniteLoss
from embedgrad.tuning.choice import Validation, kept
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State
from embedgrad.watch import Watch


@dataclass(frozen=True)
class Cell:
    """A tuning of so many epochs at one absolute rate: the steps it took, and what the prompt that it keeps has on
    the validation rows, and after which step that is; `failed` says why there is none."""

    learning_rate: float
    epochs: float
    steps: int
    kept: Validation | None
    failed: str | None = None
    kept_step: int = 0

    @property
    def moved(self) -> bool:
        """Whether it keeps anything but the start."""
        return self.kept is not None and self.kept_step > 0


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


def try_cell(
    setup: Setup,
    options: TuningSettings,
    learning_rate: float,
    *,
    checkpoint: Path | None = None,
    watch: Watch = Watch(),
) -> tuple[State, Cell]:
    """One tuning with `options` at one absolute rate: its last State, and its Cell. A loss that is not finite fails the
    cell. Raises it where even the start has such a loss, and what `Setup.run` raises."""
    failed = None
    try:
        end = setup.run(options, learning_rate, checkpoint=checkpoint, watch=watch)
    except NonFiniteLoss as error:
        if not isinstance(error.state, State) or error.state.best is None:
            raise
        end, failed = error.state, str(error)
    best = end.best
    assert best is not None
    if failed is not None:
        return end, Cell(learning_rate, options.epochs, end.step, None, failed)
    return end, Cell(learning_rate, options.epochs, end.step, best.found, kept_step=best.step)


def choose_cell(cells: Sequence[Cell]) -> int:
    """Index of the cell to go on with, by the rule that chooses a run's prompt (`choice.kept`). Raises NonFiniteLoss
    where every cell failed."""
    found = [(index, cell.kept) for index, cell in enumerate(cells) if cell.kept is not None]
    if not found:
        raise NonFiniteLoss(f"Every learning rate failed; the first with: {cells[0].failed}")
    return found[kept([one for _, one in found])][0]
