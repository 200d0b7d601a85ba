"""Trials of several learning rates, as JSON and as a table. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedgrad.run.grid import Grid, GridCell
from embedgrad.units import per_cent, points

if TYPE_CHECKING:
    pass


def grid_table(grid: Grid) -> list[list[str]]:
    """A row per rate, a column per number of epochs; the chosen cell has a star."""
    epochs = sorted({cell.epochs for cell in grid.cells})
    chosen = grid.cells[grid.chosen]
    rows = [["learning rate", *(f"epochs {count:.3g}" for count in epochs)]]
    for rate in dict.fromkeys(cell.relative_rate for cell in grid.cells):
        cells = [cell for cell in grid.cells if cell.relative_rate == rate]
        words = {cell.epochs: _words(cell) + (" *" if cell is chosen else "") for cell in cells}
        rows.append([f"{rate:.3g}rms", *(words[count] for count in epochs)])
    return rows


def _words(cell: GridCell) -> str:
    if cell.failed or cell.loss is None:
        return "failed"
    if cell.accuracy is None or cell.interval is None:
        return f"loss {cell.loss:.3f}{', the start' if cell.kept_start else ''}"
    low, high = cell.interval
    kept = ", the start" if cell.kept_start else ""
    return f"{per_cent(cell.accuracy)} ({points(low)} to {points(high)}), loss {cell.loss:.3f}{kept}"


def remarks(grid: Grid) -> Sequence[str]:
    """Why rates failed, a sentence each, and how many tunings found nothing better than the start."""
    found = {cell.relative_rate: cell.failed for cell in grid.cells if cell.failed}
    still = sum(cell.kept_start for cell in grid.cells)
    unmoved = f"{still} of {len(grid.cells)} tunings kept the start: they found nothing better on the validation rows."
    return [*(f"{rate:.3g}rms failed: {reason}" for rate, reason in found.items()), *([unmoved] if still else [])]
