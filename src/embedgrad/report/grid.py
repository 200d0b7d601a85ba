"""What to say of tunings side by side, which a sweep or `--learning-rate auto` made."""

from __future__ import annotations

from embedgrad.run.grid import Grid, GridCell
from embedgrad.units import number
from embedgrad.words import accuracy_words


def grid_finding(found: Grid) -> list[str]:
    """The cell that was chosen, and how many failed."""
    chosen = found.cells[found.chosen]
    failed = sum(cell.failed is not None for cell in found.cells)
    still = sum(cell.kept_start for cell in found.cells)
    loss = "no loss" if chosen.loss is None else f"loss {number(chosen.loss, digits=3)}"
    value = loss if chosen.accuracy is None else accuracy_words(chosen.accuracy, chosen.interval)
    return [
        f"Of {len(found.cells):,} tunings the chosen one, {cell_words(chosen)}, has {value} on "
        f"{found.validation_rows:,} validation rows.",
        *([f"{failed:,} of {len(found.cells):,} tunings failed."] if failed else []),
        *([f"{still:,} of {len(found.cells):,} tunings kept the start (in brackets)."] if still else []),
    ]


def cell_words(cell: GridCell) -> str:
    """`0.5rms, 5 epochs`."""
    return f"{cell.relative_rate:.3g}rms, {cell.epochs:.3g} {'epoch' if cell.epochs == 1 else 'epochs'}"
