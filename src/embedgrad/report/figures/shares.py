"""Shares and differences as points with intervals: groups, runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedgrad.drawing import (
    AFTER,
    BEFORE,
    INK,
    WIDTH_INCHES,
    draw_points,
    drawn,
    in_per_cent,
    legend_above,
    name_lines,
)
from embedgrad.report.groups import Group, groups_finding
from embedgrad.run.score import Comparison
from embedgrad.words import token_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def group_bars(found: Sequence[Group]) -> str:
    """An `<svg>` element: strict accuracy of each group before (squares) and after (circles), with 95 % intervals."""

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        sides = (
            ("before", BEFORE, "s", -0.15, [g.before for g in found]),
            ("after", AFTER, "o", 0.15, [g.after for g in found]),
        )
        for name, color, marker, shift, shares in sides:
            draw_points(
                panel,
                [100 * share.correct / share.total for share in shares],
                [in_per_cent(share.interval) for share in shares],
                shift=shift,
                color=color,
                marker=marker,
                label=name,
            )
        name_lines(panel, [f"{token_words(group.name)} ({group.before.total:,})" for group in found])
        panel.set_xlim(-2, 102)
        panel.set_xlabel("strict accuracy (%)")
        legend_above(panel)

    return drawn(groups_finding(found), WIDTH_INCHES, 1.0 + 0.38 * len(found), draw)


def gains(names: Sequence[str], comparisons: Sequence[Comparison]) -> str:
    """An `<svg>` element: the gain in strict accuracy of each run with its 95 % interval; no gain is a dashed line."""

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        draw_points(
            panel,
            [100 * comparison.difference for comparison in comparisons],
            [in_per_cent(comparison.interval) for comparison in comparisons],
            color=AFTER,
            marker="o",
        )
        panel.axvline(0, color=INK, linewidth=1, linestyle="--", alpha=0.6)
        name_lines(panel, [token_words(name) for name in names])
        panel.set_xlabel("gain in strict accuracy (points)")

    rising = sum(comparison.interval[0] > 0 for comparison in comparisons)
    finding = f"Gain in strict accuracy of {len(names):,} runs; the interval of {rising:,} lies above zero."
    return drawn(finding, WIDTH_INCHES, 0.8 + 0.34 * len(names), draw)
