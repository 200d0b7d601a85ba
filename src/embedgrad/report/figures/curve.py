"""The learning curve of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.drawing import AMBER, BLUE, FAINT, INK, WIDTH_INCHES, drawn, grid_lines, legend_above, whole_numbers
from embedgrad.report.sentences import curve_finding
from embedgrad.run.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_INCHES = 2.1


def learning_curve(record: RunRecord) -> str:
    """An `<svg>` element: loss by step (training faint, validation strong), below it the validation accuracy.

    The accuracy panel is there only where the task has a metric; a dashed line marks the step whose prompt
    was kept.
    """
    accuracies = [(at.step, 100 * at.accuracy) for at in record.validations if at.accuracy is not None]
    panels = 2 if accuracies else 1

    def draw(figure: Figure) -> None:
        axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
        _draw_loss(axes[0], record)
        if accuracies:
            axes[1].plot(*zip(*accuracies, strict=True), color=AMBER, marker="s", markersize=4)
            axes[1].set_ylabel("validation\naccuracy (%)")
        for panel in axes:
            panel.axvline(record.result.best_step, color=INK, linewidth=1, linestyle="--", alpha=0.6)
            grid_lines(panel)
            whole_numbers(panel.xaxis)
        axes[-1].set_xlabel("step")

    return drawn(curve_finding(record), WIDTH_INCHES, panels * _PANEL_INCHES + 0.3, draw)


def _draw_loss(panel: Axes, record: RunRecord) -> None:
    best = record.result.best_step
    training = [(at.step, at.loss) for at in record.steps]
    validation = [(at.step, at.loss) for at in record.validations]
    if training:
        panel.plot(*zip(*training, strict=True), color=FAINT, linewidth=1, alpha=0.7, label="training")
    if validation:
        panel.plot(*zip(*validation, strict=True), color=BLUE, marker="o", markersize=4, label="validation")
    panel.plot([], [], color=INK, linewidth=1, linestyle="--", alpha=0.6, label=f"best: step {best:,}")
    panel.set_ylabel("loss\n(nats per target token)")
    legend_above(panel)
