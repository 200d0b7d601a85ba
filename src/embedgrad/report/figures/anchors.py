"""How far a prompt moved from its words, by position and along the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedgrad.analysis.records import AnchoredToken, Anchoring, AnchoringAt
from embedgrad.report.figures.drawing import (
    AFTER,
    AMBER,
    BEFORE,
    BLUE,
    FAINT,
    INK,
    bars,
    drawn,
    grid_lines,
    legend_above,
    name_positions,
    positions_inches,
    whole_numbers,
)
from embedgrad.report.findings import CLAIMED, anchoring_finding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_INCHES = 1.9


def anchoring_figure(found: Anchoring) -> str:
    """An `<svg>` element: drift and probability (Eq. 10) of each position's original token; where the run kept its
    prompts, the share of original tokens that are still the nearest, step by step."""
    panels = 3 if len(found.along) > 1 else 2

    def draw(figure: Figure) -> None:
        drift, probability, *along = figure.subplots(panels, 1)
        bars(drift, [token.drift for token in found.tokens])
        drift.set_ylabel("drift\n(own lengths)")
        drift.set_xlim(-0.7, len(found.tokens) - 0.3)
        whole_numbers(drift.xaxis)
        _draw_probability(probability, found.tokens)
        for panel in along:
            _draw_along(panel, found.along)
        for panel in (drift, probability, *along):
            grid_lines(panel)

    return drawn(anchoring_finding(found)[0], positions_inches(len(found.tokens)), panels * _PANEL_INCHES + 0.9, draw)


def _draw_probability(panel: Axes, tokens: Sequence[AnchoredToken]) -> None:
    places = range(len(tokens))
    start, now = ([token.probability[side] for token in tokens] for side in (0, 1))
    panel.axhline(CLAIMED, color=INK, linewidth=1, linestyle="--", alpha=0.6, label=f"{CLAIMED} (paper)")
    panel.plot(places, start, color=BEFORE, marker="s", markersize=4, fillstyle="none", linestyle="none", label="start")
    panel.plot(places, now, color=AFTER, marker="o", markersize=4, linestyle="none", label="now")
    panel.set_ylim(-0.04, 1.04)
    panel.set_ylabel("probability of the\noriginal (Eq. 10)")
    name_positions(panel, [token.token for token in tokens])
    legend_above(panel)


def _draw_along(panel: Axes, stages: Sequence[AnchoringAt]) -> None:
    steps = [stage.step for stage in stages]
    lines = (
        ("inner product", AMBER, "s", [stage.kept_inner for stage in stages]),
        ("cosine", BLUE, "o", [stage.kept_cosine for stage in stages]),
        ("L2 distance", FAINT, "^", [stage.kept_l2 for stage in stages]),
    )
    for name, color, marker, shares in lines:
        panel.plot(steps, [100 * share for share in shares], color=color, marker=marker, markersize=4, label=name)
    panel.set_ylim(-4, 104)
    panel.set_ylabel("originals still\nnearest (%)")
    panel.set_xlabel("step")
    whole_numbers(panel.xaxis)
    legend_above(panel)
