"""Shares and differences as points with intervals: groups, runs, a prompt read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedgrad.analysis.records import ReadBack
from embedgrad.report.figures.drawing import (
    AFTER,
    BEFORE,
    INK,
    WIDTH_INCHES,
    drawn,
    grid_lines,
    legend_above,
    whiskers,
)
from embedgrad.report.findings import read_back_finding
from embedgrad.report.groups import Group, groups_finding
from embedgrad.report.words import token_words
from embedgrad.shapes import Comparison, Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
            _draw_points(
                panel,
                [100 * share.correct / share.total for share in shares],
                [_per_cent(share.interval) for share in shares],
                shift=shift,
                color=color,
                marker=marker,
                label=name,
            )
        _name_lines(panel, [f"{token_words(group.name)} ({group.before.total:,})" for group in found])
        panel.set_xlim(-2, 102)
        panel.set_xlabel("strict accuracy (%)")
        legend_above(panel)

    return drawn(groups_finding(found), WIDTH_INCHES, 1.0 + 0.38 * len(found), draw)


def gains(names: Sequence[str], comparisons: Sequence[Comparison]) -> str:
    """An `<svg>` element: the gain in strict accuracy of each run with its 95 % interval; no gain is a dashed line."""

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        _draw_points(
            panel,
            [100 * comparison.difference for comparison in comparisons],
            [_per_cent(comparison.interval) for comparison in comparisons],
            color=AFTER,
            marker="o",
        )
        panel.axvline(0, color=INK, linewidth=1, linestyle="--", alpha=0.6)
        _name_lines(panel, [token_words(name) for name in names])
        panel.set_xlabel("gain in strict accuracy (points)")

    rising = sum(comparison.interval[0] > 0 for comparison in comparisons)
    finding = f"Gain in strict accuracy of {len(names):,} runs; the interval of {rising:,} lies above zero."
    return drawn(finding, WIDTH_INCHES, 0.8 + 0.34 * len(names), draw)


def read_back_figure(found: ReadBack) -> str:
    """An `<svg>` element: strict accuracy (without a metric: loss) of the prompt text, the tuned prompt and the
    text of its nearest tokens."""
    scores = (found.before, found.after, found.read_back)
    lines = ["prompt text", "tuned prompt", "read back"]

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        shares = [score.strictly for score in scores if score.strictly is not None]
        if len(shares) == len(scores):
            values = [100 * share.correct / share.total for share in shares]
            _draw_points(panel, values, [_per_cent(share.interval) for share in shares], color=AFTER, marker="o")
            panel.set_xlim(-2, 102)
            panel.set_xlabel("strict accuracy (%)")
        else:
            panel.plot([s.loss for s in scores], range(len(scores)), color=AFTER, marker="o", linestyle="none")
            panel.set_xlabel("loss (nats per target token)")
        _name_lines(panel, lines)

    return drawn(read_back_finding(found)[0], WIDTH_INCHES, 1.7, draw)


def _draw_points(
    panel: Axes,
    values: Sequence[float],
    intervals: Sequence[Interval],
    *,
    shift: float = 0.0,
    color: str,
    marker: str,
    label: str | None = None,
) -> None:
    panel.errorbar(
        values,
        [line + shift for line in range(len(values))],
        xerr=whiskers(values, intervals),
        color=color,
        marker=marker,
        markersize=5,
        linestyle="none",
        capsize=3,
        label=label,
    )


def _name_lines(panel: Axes, names: Sequence[str]) -> None:
    panel.set_yticks(range(len(names)), list(names))
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.tick_params(axis="y", length=0)
    grid_lines(panel, "x")


def _per_cent(interval: Interval) -> Interval:
    low, high = interval
    return 100 * low, 100 * high
