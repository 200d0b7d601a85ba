"""How sure the answers are: their entropies before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.records import Entropy, EntropySide
from embedgrad.report.figures.drawing import (
    AFTER,
    BEFORE,
    FAINT,
    INK,
    WIDTH_INCHES,
    drawn,
    grid_lines,
    legend_above,
    whole_numbers,
)
from embedgrad.report.findings import entropy_finding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 24


def entropy_figure(found: Entropy) -> str:
    """An `<svg>` element: answers by their mean entropy, before above, after below; answers that end in a loop are
    hatched, the mean over all answers is a dashed line."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 1, sharex=True, sharey=True)
        most = max([*found.before.row_bits, *found.after.row_bits, 0.01])
        edges = [most * number / _BINS for number in range(_BINS + 1)]
        for panel, name, side, color in zip(
            panels, ("before", "after"), (found.before, found.after), (BEFORE, AFTER), strict=True
        ):
            _draw_side(panel, name, side, color, edges)
        panels[-1].set_xlabel("mean entropy of the answer's steps (bits)")

    return drawn(entropy_finding(found)[0], WIDTH_INCHES, 3.9, draw)


def _draw_side(panel: Axes, name: str, side: EntropySide, color: str, edges: list[float]) -> None:
    width = edges[1]
    counts = {loops: [0] * _BINS for loops in (False, True)}
    for bits, loops in zip(side.row_bits, side.row_loops, strict=True):
        counts[loops][min(int(bits / width), _BINS - 1)] += 1
    panel.bar(edges[:-1], counts[False], width, align="edge", color=color, label=name)
    panel.bar(
        edges[:-1],
        counts[True],
        width,
        align="edge",
        bottom=counts[False],
        facecolor=FAINT,
        edgecolor=INK,
        hatch="////",
        linewidth=0,
        label="ends in a loop" if any(side.row_loops) else None,
    )
    panel.axvline(side.mean_bits, color=INK, linewidth=1, linestyle="--", label=f"mean {side.mean_bits:.3f}")
    panel.set_ylabel("answers")
    whole_numbers(panel.yaxis)
    grid_lines(panel)
    legend_above(panel)
