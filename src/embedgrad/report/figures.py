"""The learning curve as inline SVG that follows the page's text colour and never differs between two runs."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from embedgrad.report.run_folder import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Mid-tones: each has a contrast of at least 3 : 1 to white and to the page's dark ground.
_TRAINING, _VALIDATION, _ACCURACY = "#8b929c", "#2f7fd6", "#b9781f"
_INK = "#010203"  # stands for the page's text colour until `_inline` puts `currentColor` there
_WIDTH_INCHES, _PANEL_INCHES = 6.4, 2.5

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "embedgrad",  # otherwise clip paths get random ids
    "svg.fonttype": "none",  # text stays text: the page's font, selectable, small
    "font.sans-serif": ["DejaVu Sans"],  # measures the text; comes with matplotlib
    "font.size": 11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 10,
}


def learning_curve(record: RunRecord) -> str:
    """An `<svg>` element: loss by step (training faint, validation strong), below it the validation accuracy.

    The accuracy panel is there only where the task has a metric; a dashed line marks the step whose prompt
    was kept. No XML prolog, no scripts, no dates; text and axes are in `currentColor`. Importing this module
    does not import matplotlib, calling it does.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    accuracies = [(at.step, 100 * at.accuracy) for at in record.validations if at.accuracy is not None]
    panels = 2 if accuracies else 1
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the reader's matplotlibrc says
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(_WIDTH_INCHES, panels * _PANEL_INCHES + 0.3), layout="constrained")
        axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
        _draw_loss(axes[0], record)
        if accuracies:
            axes[1].plot(*zip(*accuracies, strict=True), color=_ACCURACY, marker="o", markersize=4)
            axes[1].set_ylabel("validation\naccuracy (%)")
        for panel in axes:
            panel.axvline(record.result.best_step, color=_INK, linewidth=1, linestyle="--", alpha=0.6)
            panel.grid(axis="y", color=_TRAINING, alpha=0.25, linewidth=0.8)
            panel.xaxis.get_major_locator().set_params(integer=True)
        axes[-1].set_xlabel("step")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue())


def _draw_loss(panel: Axes, record: RunRecord) -> None:
    best = record.result.best_step
    training = [(at.step, at.loss) for at in record.steps]
    validation = [(at.step, at.loss) for at in record.validations]
    if training:
        panel.plot(*zip(*training, strict=True), color=_TRAINING, linewidth=1, alpha=0.7, label="training")
    if validation:
        panel.plot(*zip(*validation, strict=True), color=_VALIDATION, marker="o", markersize=4, label="validation")
    panel.plot([], [], color=_INK, linewidth=1, linestyle="--", alpha=0.6, label=f"best: step {best:,}")
    panel.set_ylabel("loss\n(nats per target token)")
    panel.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0)


def _inline(document: str) -> str:
    """The `<svg>` element of matplotlib's document, sized by the page, ink as `currentColor`."""
    svg = document[document.index("<svg") :].rstrip().replace(_INK, "currentColor")
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("'DejaVu Sans', sans-serif", "sans-serif")
    return svg.replace("<svg", '<svg role="img" aria-label="Learning curve: loss and accuracy by step"', 1)
