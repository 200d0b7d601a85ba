"""Which label was taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.drawing import AMBER, BLUE, INK, drawn
from embedgrad.report.labels import Confusion
from embedgrad.words import token_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL_INCHES, _NAMES_INCHES = 0.42, 1.35
_STRONGEST = 0.75  # opacity of a cell that holds its whole line; the count on it stays readable


def confusion(found: Confusion, title: str) -> str:
    """An `<svg>` element: one line per target, one column per answer, the counts in the cells.

    Cells are the stronger the larger their share of the line; right answers are blue, wrong ones amber.
    """

    def draw(figure: Figure) -> None:
        from matplotlib.patches import Rectangle

        panel = figure.subplots()
        for line, counts in enumerate(found.counts):
            for column, count in enumerate(counts):
                strength = _STRONGEST * count / max(sum(counts), 1)
                color = BLUE if line == column and line < found.labels else AMBER
                place = (column - 0.5, line - 0.5)
                panel.add_patch(Rectangle(place, 1, 1, facecolor=color, alpha=strength, linewidth=0))
                panel.text(column, line, f"{count:,}", ha="center", va="center", color=INK, alpha=1 if count else 0.35)
        panel.set_xlim(-0.5, len(found.answers) - 0.5)
        panel.set_ylim(len(found.targets) - 0.5, -0.5)
        panel.set_xticks(
            range(len(found.answers)),
            [token_words(name, 16) for name in found.answers],
            rotation=45,
            ha="right",
            rotation_mode="anchor",
        )
        panel.set_yticks(range(len(found.targets)), [token_words(name, 16) for name in found.targets])
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.set_xlabel("answer (rows)")
        panel.set_ylabel("target")
        panel.set_title(title, fontsize=10, loc="left")

    right, total = found.right, sum(map(sum, found.counts))
    finding = f"Confusion matrix, {title}: {right:,} of {total:,} answers on the diagonal."
    width = _NAMES_INCHES + _CELL_INCHES * max(len(found.answers), 4)
    return drawn(finding, width, 1.5 + _CELL_INCHES * 0.75 * len(found.targets), draw)
