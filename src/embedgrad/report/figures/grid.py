"""How much the learning rate and the epochs matter (section 5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.drawing import BLUE, FAINT, INK, drawn
from embedgrad.report.grid import grid_finding
from embedgrad.run.grid import Grid, GridCell
from embedgrad.units import number, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WEAKEST, _STRONGEST = 0.08, 0.7  # opacity of the worst and the best cell; the number on it stays readable


def heat_map(grid: Grid) -> str:
    """An `<svg>` element: validation accuracy (without a metric: loss) by learning rate and epochs, the stronger the
    better; the chosen cell is framed, a failed one hatched."""
    rates = sorted({cell.relative_rate for cell in grid.cells})
    epochs = sorted({cell.epochs for cell in grid.cells})
    has_metric = any(cell.accuracy is not None for cell in grid.cells)
    strengths = _strengths(grid, has_metric)

    def draw(figure: Figure) -> None:
        from matplotlib.patches import Rectangle

        panel = figure.subplots()
        for place, (cell, strength) in enumerate(zip(grid.cells, strengths, strict=True)):
            column, line = epochs.index(cell.epochs), rates.index(cell.relative_rate)
            corner = (column - 0.5, line - 0.5)
            if cell.failed is None:
                panel.add_patch(Rectangle(corner, 1, 1, linewidth=0, facecolor=BLUE, alpha=strength))
            else:
                panel.add_patch(
                    Rectangle(corner, 1, 1, linewidth=0, facecolor="none", edgecolor=FAINT, hatch="////", alpha=0.5)
                )
            if place == grid.chosen:
                inside = (column - 0.46, line - 0.46)
                panel.add_patch(Rectangle(inside, 0.92, 0.92, facecolor="none", edgecolor=INK, linewidth=1.8))
            panel.text(column, line, _value(cell, has_metric), ha="center", va="center")
        panel.set_xlim(-0.5, len(epochs) - 0.5)
        panel.set_ylim(-0.5, len(rates) - 0.5)
        panel.set_xticks(range(len(epochs)), [f"{value:.3g}" for value in epochs])
        panel.set_yticks(range(len(rates)), [f"{value:.3g}" for value in rates])
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.set_xlabel("epochs")
        panel.set_ylabel("learning rate\n(RMS of the table)")
        value = "validation accuracy (%)" if has_metric else "validation loss (nats per target token)"
        panel.set_title(f"{value}; framed: chosen", fontsize=10, loc="left")

    return drawn(grid_finding(grid)[0], max(4.0, 1.2 + 0.75 * len(epochs)), 1.2 + 0.45 * max(len(rates), 2), draw)


def _strengths(grid: Grid, has_metric: bool) -> list[float]:
    """Opacity of each cell, linear in its accuracy, or in its loss with the least strongest."""
    values = [(cell.accuracy or 0.0) if has_metric else -(cell.loss or 0.0) for cell in grid.cells]
    measured = [value for value, cell in zip(values, grid.cells, strict=True) if cell.failed is None] or values
    least, most = min(measured), max(measured)
    return [_WEAKEST + (_STRONGEST - _WEAKEST) * (value - least) / ((most - least) or 1.0) for value in values]


def _value(cell: GridCell, has_metric: bool) -> str:
    if cell.failed is not None or cell.loss is None:
        return "failed"
    value = points(cell.accuracy or 0.0) if has_metric else number(cell.loss, digits=3)
    return f"[{value}]" if cell.kept_start else value
