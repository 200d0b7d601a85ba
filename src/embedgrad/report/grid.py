"""Tunings side by side, which a sweep or `--learning-rate auto` made, and what to say of them."""

from __future__ import annotations

from embedgrad.shapes import Interval, Shape
from embedgrad.units import number
from embedgrad.words import accuracy_words


class GridCell(Shape):
    """A tuning of so many epochs at one rate, on the validation rows: the prompt that it keeps."""

    learning_rate: float
    relative_rate: float  # in units of the table's RMS
    epochs: float
    steps: int
    accuracy: float | None
    interval: Interval | None
    loss: float | None
    failed: str | None = None  # why there is no figure (the loss became NaN): accuracy and loss None


class Grid(Shape):
    """`sweep.json` of a sweep, `calibration.json` of a run with `--learning-rate auto`; `chosen` counts in `cells`."""

    validation_rows: int
    cells: tuple[GridCell, ...]
    chosen: int
    seconds: float


def grid_finding(found: Grid) -> list[str]:
    """The cell that was chosen, and how many failed."""
    chosen = found.cells[found.chosen]
    failed = sum(cell.failed is not None for cell in found.cells)
    loss = "no loss" if chosen.loss is None else f"loss {number(chosen.loss, digits=3)}"
    value = loss if chosen.accuracy is None else accuracy_words(chosen.accuracy, chosen.interval)
    return [
        f"Of {len(found.cells):,} tunings the chosen one, {cell_words(chosen)}, has {value} on "
        f"{found.validation_rows:,} validation rows.",
        *([f"{failed:,} of {len(found.cells):,} tunings failed."] if failed else []),
    ]


def cell_words(cell: GridCell) -> str:
    """`0.5rms, 5 epochs`."""
    return f"{cell.relative_rate:.3g}rms, {cell.epochs:.3g} {'epoch' if cell.epochs == 1 else 'epochs'}"
