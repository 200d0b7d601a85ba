"""How sure the answers are, in sentences, as a table and drawn: their entropies before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.entropy.record import Entropy, EntropySide
from embedgrad.drawing import AFTER, BEFORE, FAINT, INK, WIDTH_INCHES, drawn, grid_lines, legend_above, whole_numbers
from embedgrad.run.score import Proportion
from embedgrad.units import counted, number
from embedgrad.words import loss_difference_words, per_cent_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 24
_NONE = "-"


def sentences(found: Entropy) -> list[str]:
    """The means before and after, and the loops."""
    before, after = found.before, found.after
    without = ""
    if before.mean_bits_without_loops is not None and after.mean_bits_without_loops is not None:
        means = (number(bits, digits=3) for bits in (before.mean_bits_without_loops, after.mean_bits_without_loops))
        without = " Without them: {} and {} bits".format(*means)
        if found.difference_without_loops is not None:
            without += (
                f"; on rows that loop under neither prompt {loss_difference_words(found.difference_without_loops)}"
            )
        without += "."
    return [
        f"The mean entropy of an answer's steps is {number(before.mean_bits, digits=3)} bits before and "
        f"{number(after.mean_bits, digits=3)} after ({loss_difference_words(found.difference)}); "
        f"{counted(found.rows, 'row')}.",
        f"Answers that end in a loop: {before.looping.correct:,} of {before.looping.total:,} before, "
        f"{after.looping.correct:,} after.{without}",
    ]


def section(found: Entropy) -> Section:
    """Sentences, figure and table."""
    return Section(
        "Trajectory entropy",
        "How sure the model is of each token it writes: 0 bits is certain, 1 bit the toss of a coin (Eq. 11).",
        " ".join(sentences(found)),
        (entropy_figure(found),),
        entropy_table(found),
    )


def problem(found: Entropy) -> str | None:
    """Rows that are counted differently."""
    for side in (found.before, found.after):
        if len(side.row_bits) != len(side.row_loops):
            return f"row_loops: {len(side.row_loops)} values for {len(side.row_bits)} of row_bits"
    return None


def entropy_figure(found: Entropy) -> str:
    """An `<svg>` element: answers by their mean entropy, before above, after below; answers that end in a loop are
    hatched, the mean over all answers is a dashed line."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 1, sharex=True, sharey=True)
        most = max([*found.before.row_bits, *found.after.row_bits, 0.01])
        edges = [most * number / _BINS for number in range(_BINS + 1)]
        for panel, name, side, color in zip(
            panels, ("before", "after"), (found.before, found.after), (BEFORE, AFTER), strict=True
        ):
            _draw_side(panel, name, side, color, edges)
        panels[-1].set_xlabel("mean entropy of the answer's steps (bits)")

    return drawn(sentences(found)[0], WIDTH_INCHES, 3.9, draw)


def entropy_table(found: Entropy) -> list[list[str]]:
    """Techniques in bits, loops and cut answers: before and after."""
    header = [
        "prompt",
        "mean (bits)",
        "without loops",
        "right answers",
        "wrong answers",
        "loops",
        "wrong that loop",
        "truncated",
    ]
    return [header, _entropy_line("before", found.before), _entropy_line("after", found.after)]


def _entropy_line(name: str, side: EntropySide) -> list[str]:
    values = (side.mean_bits, side.mean_bits_without_loops, side.correct_bits, side.wrong_bits)
    bits = [_NONE if value is None else number(value, digits=3) for value in values]
    return [name, *bits, _share(side.looping), _share(side.looping_wrong), f"{side.truncated:,}"]


def _share(found: Proportion | None) -> str:
    if found is None or found.total == 0:
        return _NONE
    return f"{found.correct:,} of {found.total:,} ({per_cent_interval(found.interval)} %)"


def _draw_side(panel: Axes, name: str, side: EntropySide, color: str, edges: list[float]) -> None:
    width = edges[1]
    counts = {loops: [0] * _BINS for loops in (False, True)}
    for bits, loops in zip(side.row_bits, side.row_loops, strict=True):
        counts[loops][min(int(bits / width), _BINS - 1)] += 1
    panel.bar(edges[:-1], counts[False], width, align="edge", color=color, label=name)
    panel.bar(
        edges[:-1],
        counts[True],
        width,
        align="edge",
        bottom=counts[False],
        facecolor=FAINT,
        edgecolor=INK,
        hatch="////",
        linewidth=0,
        label="ends in a loop" if any(side.row_loops) else None,
    )
    panel.axvline(side.mean_bits, color=INK, linewidth=1, linestyle="--", label=f"mean {side.mean_bits:.3f}")
    panel.set_ylabel("answers")
    whole_numbers(panel.yaxis)
    grid_lines(panel)
    legend_above(panel)
