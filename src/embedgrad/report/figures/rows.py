"""How what is reached grows with the number of tuning rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.drawing import AFTER, AMBER, FAINT, INK, WIDTH_INCHES, drawn, grid_lines, legend_above, whiskers
from embedgrad.report.learning_curve import at_rows, curve_words
from embedgrad.run.learning_curve import LearningCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def accuracy_by_rows(found: LearningCurve) -> str:
    """An `<svg>` element: test accuracy (without a metric: loss) by tuning rows with its intervals, the law through it
    up to twice as many, the text prompt, and what needs no language model."""
    scale = 100.0 if found.measure == "accuracy" else 1.0
    sizes = [size.rows for size in found.sizes]

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        values = [scale * size.value for size in found.sizes]
        intervals = [(scale * size.interval[0], scale * size.interval[1]) for size in found.sizes]
        panel.errorbar(
            sizes, values, yerr=whiskers(values, intervals), color=AFTER, marker="o", markersize=5, capsize=3,
            linestyle="none", label="tuned",
        )  # fmt: skip
        if found.law is not None:
            steps = [sizes[0] * (2 * sizes[-1] / sizes[0]) ** (at / 60) for at in range(61)]
            panel.plot(steps, [scale * at_rows(found, step) for step in steps], color=AFTER, linewidth=1, alpha=0.7)
        panel.axhline(scale * found.before_value, color=INK, linewidth=1, linestyle="--", alpha=0.6, label="text")
        _draw_baselines(panel, found)
        panel.set_xscale("log", base=2)
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.minorticks_off()
        panel.set_xlabel("tuning rows")
        panel.set_ylabel("strict accuracy (%)" if found.measure == "accuracy" else "loss\n(nats per target token)")
        grid_lines(panel)
        legend_above(panel, columns=4)

    return drawn(curve_words(found)[0], WIDTH_INCHES, 2.9, draw)


def _draw_baselines(panel: Axes, found: LearningCurve) -> None:
    """Only where the values are accuracies are there any."""
    for label, name, color, marker in (("majority", "majority", FAINT, "s"), ("words", "bag_of_words", AMBER, "^")):
        points = [
            (size.rows, 100 * share.correct / share.total)
            for size in found.sizes
            if size.baselines is not None and (share := getattr(size.baselines, name)) is not None
        ]
        if points:
            panel.plot(*zip(*points, strict=True), color=color, marker=marker, markersize=4, linewidth=1, label=label)
