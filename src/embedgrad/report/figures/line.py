"""The straight line between two prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.records import Blend
from embedgrad.report.figures.drawing import AFTER, AMBER, BLUE, FAINT, WIDTH_INCHES, drawn, grid_lines, whiskers
from embedgrad.report.findings import blend_finding
from embedgrad.report.words import token_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def blend_figure(found: Blend) -> str:
    """An `<svg>` element: accuracy with its 95 % interval (where there is a metric), loss, entropy along the line."""
    measured = [(p.weight, p.accuracy, p.interval) for p in found.points if p.accuracy is not None and p.interval]
    weights = [point.weight for point in found.points]
    panels = 3 if measured else 2

    def draw(figure: Figure) -> None:
        *above, loss, entropy = figure.subplots(panels, 1, sharex=True)
        for panel in above:
            shares = [100 * accuracy for _, accuracy, _ in measured]
            intervals = [(100 * low, 100 * high) for _, _, (low, high) in measured]
            panel.errorbar(
                [weight for weight, _, _ in measured],
                shares,
                yerr=whiskers(shares, intervals),
                color=AFTER,
                marker="o",
                markersize=4,
                capsize=2,
            )
            panel.set_ylabel("strict\naccuracy (%)")
        loss.plot(weights, [point.loss for point in found.points], color=BLUE, marker="o", markersize=4)
        loss.set_ylabel("loss (nats per\ntarget token)")
        entropy.plot(weights, [point.entropy_bits for point in found.points], color=AMBER, marker="s", markersize=4)
        entropy.set_ylabel("entropy\n(bits)")
        first, second = (token_words(name, 28) for name in (found.first, found.second))
        entropy.set_xlabel(f"weight (0: {first}; 1: {second})")
        for panel in (*above, loss, entropy):
            grid_lines(panel)
            panel.axvline(0, color=FAINT, linewidth=0.8, alpha=0.5)
            panel.axvline(1, color=FAINT, linewidth=0.8, alpha=0.5)

    return drawn(blend_finding(found)[0], WIDTH_INCHES, panels * 1.5 + 0.4, draw)
