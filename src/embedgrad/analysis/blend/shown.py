"""The straight line between two prompts, in sentences and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.blend.record import Blend
from embedgrad.drawing import AFTER, AMBER, BLUE, FAINT, WIDTH_INCHES, drawn, grid_lines, whiskers
from embedgrad.units import counted, number, per_cent
from embedgrad.words import accuracy_words, cut, token_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sentences(found: Blend) -> list[str]:
    """Where the line is best, whether there is a ridge on it, and every point."""
    points = found.points
    lowest = min(points, key=lambda point: point.loss)
    best = f"the loss is lowest at weight {lowest.weight:g} ({number(lowest.loss, digits=3)} nats per target token)"
    measured = [(point.accuracy, point.weight, point.interval) for point in points if point.accuracy is not None]
    if measured:
        accuracy, weight, interval = max(measured, key=lambda point: point[:2])
        best += f", strict accuracy highest at {weight:g}: {accuracy_words(accuracy, interval)}"
    ridge = max(points, key=lambda point: point.loss)
    above = ridge.loss - max(points[0].loss, points[-1].loss)
    valley = "The loss is at none of these points above the higher end: no sign of a ridge."
    if above > 0:
        valley = (
            f"The loss is highest at weight {ridge.weight:g}, {number(above, digits=3)} above the higher end: a point "
            "figure without an interval, so it may be chance and no ridge."
        )
    each = (
        f"{point.weight:g}: "
        + ("" if point.accuracy is None else f"{per_cent(point.accuracy)}, ")
        + f"loss {number(point.loss, digits=3)}, {number(point.entropy_bits, digits=3)} bits"
        for point in points
    )
    return [
        f"From {cut(found.first, 60)} to {cut(found.second, 60)} on {counted(found.rows, 'row')}, {best}.",
        valley,
        f"By weight: {'; '.join(each)}.",
    ]


def section(found: Blend) -> Section | None:
    """Sentences and figure."""
    if not found.points:
        return None
    return Section(
        "Blend",
        "The straight line between two prompts: a smooth change means one valley, a ridge two.",
        " ".join(sentences(found)),
        (blend_figure(found),),
    )


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

    return drawn(sentences(found)[0], WIDTH_INCHES, panels * 1.5 + 0.4, draw)
