"""What each position of the tuned prompt is worth, in sentences and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.position_sensitivity.record import PositionSensitivity
from embedgrad.drawing import INK, bars, drawn, grid_lines, name_positions, positions_inches, whiskers
from embedgrad.units import counted, number
from embedgrad.words import quoted_token, range_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMED = 3


def sentences(found: PositionSensitivity) -> list[str]:
    """The positions that most depends on, and how many matter at all."""
    if not found.positions:
        return ["No position of this prompt moved."]
    most, *others = sorted(found.positions, key=lambda position: -position.loss_change)[:_NAMED]
    then = "; ".join(
        f"{quoted_token(other.token)} at {other.position:,}, {number(other.loss_change, digits=3, sign=True)} "
        f"({range_words(other.interval, 3)})"
        for other in others
    )
    raising = sum(position.interval[0] > 0 for position in found.positions)
    return [
        f"Most depends on position {most.position:,}, {quoted_token(most.token)}: as it was at the start, the loss "
        f"changes by {number(most.loss_change, digits=3, sign=True)} nats per target token (95 % interval "
        f"{range_words(most.interval, 3)}).",
        *([f"Next: {then}."] if then else []),
        f"At {raising:,} of {len(found.positions):,} positions the 95 % interval, of that position alone, lies above "
        "zero.",
        f"With all as at the start the loss is {number(found.text_loss, digits=3)}, tuned "
        f"{number(found.tuned_loss, digits=3)}; {counted(found.rows, 'row')}.",
    ]


def section(found: PositionSensitivity) -> Section | None:
    """Sentences and figure."""
    if not found.positions:
        return None
    return Section(
        "Position sensitivity",
        "What each position is worth: the change of the loss when it alone returns to its text row.",
        " ".join(sentences(found)),
        (position_figure(found),),
    )


def position_figure(found: PositionSensitivity) -> str:
    """An `<svg>` element: by position, the change of the loss when it alone returns to its text row, with 95 %
    intervals."""
    changes = [position.loss_change for position in found.positions]
    intervals = [position.interval for position in found.positions]

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        places = range(len(changes))
        bars(panel, changes)
        panel.errorbar(
            places, changes, yerr=whiskers(changes, intervals), color=INK, linestyle="none", linewidth=0.8, alpha=0.7
        )
        panel.axhline(0, color=INK, linewidth=0.8)
        panel.set_ylabel("change of the loss\n(nats per target token)")
        name_positions(panel, [position.token for position in found.positions])
        grid_lines(panel)

    return drawn(sentences(found)[0], positions_inches(len(changes)), 3.1, draw)
