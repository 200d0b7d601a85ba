"""What all figures share: matplotlib's SVG as an inline element that follows the page's text colour.

The same data give the same bytes. Words from outside (labels, tokens, names) stay text: they are escaped, and a `$`
in them is a dollar sign.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape, quoteattr

from embedgrad.extras import lacking
from embedgrad.json_shape import Interval
from embedgrad.words import token_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK = "#010203"  # stands for the page's text colour until `_inline` puts `currentColor` there
# Mid-tones: each has a contrast of at least 3 : 1 to white and to the page's dark ground, and the colour-blind can
# tell them apart; besides, what matters differs in shape too.
FAINT, BLUE, AMBER = "#8b929c", "#2f7fd6", "#b9781f"
BEFORE, AFTER = AMBER, BLUE
WIDTH_INCHES = 4.8
MOST_NAMED = 50  # positions that can have their token's name below them

_PIXELS_PER_INCH = 96
_LEAST_SCALE = 0.66  # of the natural size: below, words are too small to read and the figure scrolls in its box
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "embedgrad",  # otherwise clip paths get random ids
    "svg.fonttype": "none",  # text stays text: the page's font, selectable, small
    "text.parse_math": False,
    "font.sans-serif": ["DejaVu Sans"],  # measures the text; comes with matplotlib
    "font.size": 10,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "hatch.linewidth": 0.8,
}


def drawn(finding: str, width_inches: float, height_inches: float, draw: Callable[[Figure], None]) -> str:
    """The `<svg>` element of what `draw` draws, with `finding` for those who cannot see it.

    No XML prolog, no scripts, no dates; text and axes in `currentColor`. Imports matplotlib; where that is missing (the
    extra `report`), a `<p>` that says so takes the figure's place.
    """
    if said := lacking("report", "There is no figure here: drawing"):
        return f'<p class="soft">{escape(said)}; then `embedgrad report` writes the page anew.</p>'
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the reader's font has it
        mpl.rcdefaults()  # whatever the reader's matplotlibrc says
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), finding, width_inches, height_inches)


def with_own_ids(svg: str, prefix: str) -> str:
    """`svg` with `prefix` before all its ids, so that several can stand on one page. Text is not touched."""

    def renamed(tag: re.Match[str]) -> str:
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", tag[0])

    return re.sub(r'<(?:[^<>"]|"[^"]*")*>', renamed, svg)


def grid_lines(panel: Axes, axis: Literal["x", "y"] = "y") -> None:
    """Faint lines behind the data."""
    panel.set_axisbelow(True)
    panel.grid(axis=axis, color=FAINT, alpha=0.25, linewidth=0.8)


def whole_numbers(axis: Axis) -> None:
    """No ticks between two of what cannot be halved."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def legend_above(panel: Axes, columns: int = 3) -> None:
    panel.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0, columnspacing=1.2, handlelength=1.5
    )


def name_positions(panel: Axes, tokens: Sequence[str]) -> None:
    """The x axis of a panel over prompt positions: the tokens where there is room for them, else numbers from 0."""
    panel.set_xlim(-0.7, len(tokens) - 0.3)
    if len(tokens) <= MOST_NAMED:
        panel.set_xticks(range(len(tokens)), [token_words(token, 14) for token in tokens], rotation=90)
        panel.set_xlabel("token of the prompt")
    else:
        whole_numbers(panel.xaxis)
        panel.set_xlabel("position in the prompt")


def positions_inches(count: int) -> float:
    """Width of a figure over `count` positions: wider where all have names."""
    return max(WIDTH_INCHES, 1.0 + 0.155 * count) if count <= MOST_NAMED else WIDTH_INCHES


def bars(panel: Axes, heights: Sequence[float]) -> None:
    """A bar per position; of very many a line each, which draws faster."""
    if len(heights) <= MOST_NAMED:
        panel.bar(range(len(heights)), heights, color=AFTER, width=0.7)
    else:
        panel.vlines(range(len(heights)), 0, heights, color=AFTER, linewidth=max(0.3, 180 / len(heights)))


def whiskers(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> list[list[float]]:
    """Intervals as matplotlib's `xerr` and `yerr` want them: distances below and above, never negative."""
    below = [max(0.0, value - low) for value, (low, _) in zip(values, intervals, strict=True)]
    above = [max(0.0, high - value) for value, (_, high) in zip(values, intervals, strict=True)]
    return [below, above]


def draw_points(
    panel: Axes,
    values: Sequence[float],
    intervals: Sequence[Interval],
    *,
    shift: float = 0.0,
    color: str,
    marker: str,
    label: str | None = None,
) -> None:
    """A point per line with its interval, from the top."""
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


def name_lines(panel: Axes, names: Sequence[str]) -> None:
    """The y axis of a panel with a line for each name, the first one on top."""
    panel.set_yticks(range(len(names)), list(names))
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.tick_params(axis="y", length=0)
    grid_lines(panel, "x")


def in_per_cent(interval: Interval) -> Interval:
    """An interval of fractions in per cent."""
    low, high = interval
    return 100 * low, 100 * high


def _inline(document: str, finding: str, width_inches: float, height_inches: float) -> str:
    """The `<svg>` element of matplotlib's document, with a natural size that a page may shrink a little."""
    svg = document[document.index("<svg") :].rstrip().replace(INK, "currentColor")
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = svg.replace("'DejaVu Sans', sans-serif", "sans-serif")
    width, height = (round(_PIXELS_PER_INCH * inches) for inches in (width_inches, height_inches))
    head = re.sub(r' (?:width|height)="[^"]*"', "", svg[: svg.index(">")])
    size = f'width="{width}" height="{height}" style="min-width: {round(_LEAST_SCALE * width)}px"'
    return head.replace("<svg", f'<svg {size} role="img" aria-label={quoteattr(finding)}', 1) + svg[svg.index(">") :]
