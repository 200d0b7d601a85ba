"""One concept read from every layer (Figure 3 of the paper)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.records import Reading
from embedgrad.report.figures.drawing import (
    AFTER,
    AMBER,
    FAINT,
    INK,
    WIDTH_INCHES,
    drawn,
    grid_lines,
    legend_above,
    whiskers,
    whole_numbers,
)
from embedgrad.report.findings import reading_finding
from embedgrad.report.words import token_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reading_figure(found: Reading) -> str:
    """An `<svg>` element: by layer, above how well the direction tells held-out pairs apart (a guess: 50 %; grey: what
    shuffled pairs give), below the activation under the tuned prompt minus that under the text (grey: what random moves
    of the same length give); with 95 % intervals, below over rows only."""
    layers = [layer.layer for layer in found.layers]
    shares = [100 * layer.held_out.correct / layer.held_out.total for layer in found.layers]
    share_intervals = [(100 * low, 100 * high) for low, high in (layer.held_out.interval for layer in found.layers)]
    changes = [layer.difference for layer in found.layers]
    change_intervals = [layer.interval for layer in found.layers]

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True)
        above.errorbar(
            layers,
            shares,
            yerr=whiskers(shares, share_intervals),
            color=AMBER,
            marker="s",
            markersize=4,
            capsize=2,
            label=token_words(found.concept, 40),
        )
        shuffled = [layer.shuffled for layer in found.layers if layer.shuffled is not None]
        if len(shuffled) == len(layers):
            lows, highs = ([100 * bound for bound in bounds] for bounds in zip(*shuffled, strict=True))
            above.fill_between(layers, lows, highs, color=FAINT, alpha=0.3, linewidth=0, label="shuffled (95 %)")
        above.axhline(50, color=INK, linewidth=1, linestyle="--", alpha=0.6, label="a guess")
        above.set_ylim(-2, 104)
        above.set_ylabel("held-out pairs\ntold apart (%)")
        legend_above(above)
        below.errorbar(
            layers, changes, yerr=whiskers(changes, change_intervals), color=AFTER, marker="o", markersize=4, capsize=2
        )
        random = [layer.random for layer in found.layers if layer.random is not None]
        if len(random) == len(layers):
            lows, highs = map(list, zip(*random, strict=True))
            below.fill_between(layers, lows, highs, color=FAINT, alpha=0.3, linewidth=0, label="random moves (range)")
            legend_above(below)
        below.axhline(0, color=INK, linewidth=1, linestyle="--", alpha=0.6)
        below.set_ylabel("tuned - text\n(standard deviations)")
        below.set_xlabel("layer")
        whole_numbers(below.xaxis)
        for panel in (above, below):
            grid_lines(panel)

    return drawn(reading_finding(found)[0], WIDTH_INCHES, 4.0, draw)
