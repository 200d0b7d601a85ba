"""What each position of the tuned prompt is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.records import PositionSensitivity
from embedgrad.report.figures.drawing import INK, bars, drawn, grid_lines, name_positions, positions_inches, whiskers
from embedgrad.report.findings import position_finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def position_figure(found: PositionSensitivity) -> str:
    """An `<svg>` element: by position, the change of the loss when it alone returns to its text row, with 95 %
    intervals."""
    changes = [position.loss_change for position in found.positions]
    intervals = [position.interval for position in found.positions]

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        places = range(len(changes))
        bars(panel, changes)
        panel.errorbar(
            places, changes, yerr=whiskers(changes, intervals), color=INK, linestyle="none", linewidth=0.8, alpha=0.7
        )
        panel.axhline(0, color=INK, linewidth=0.8)
        panel.set_ylabel("change of the loss\n(nats per target token)")
        name_positions(panel, [position.token for position in found.positions])
        grid_lines(panel)

    return drawn(position_finding(found)[0], positions_inches(len(changes)), 3.1, draw)
