"""How far a prompt moved from its words, in sentences and by position and along the run."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median_low
from typing import TYPE_CHECKING

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.anchoring.record import AnchoredToken, Anchoring, AnchoringAt
from embedgrad.drawing import (
    AFTER,
    AMBER,
    BEFORE,
    BLUE,
    FAINT,
    INK,
    bars,
    drawn,
    grid_lines,
    legend_above,
    name_positions,
    positions_inches,
    whole_numbers,
)
from embedgrad.units import number, per_cent
from embedgrad.words import quoted_token, quoted_tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLAIMED = 0.95  # the probability that the paper reports of original tokens (section 5.1)
_PANEL_INCHES = 1.9


def sentences(found: Anchoring) -> list[str]:
    """Whether the original tokens are still the nearest, how far the vectors moved, and the course of both."""
    tokens = found.tokens
    if not tokens:
        return ["The prompt has no tokens that it started from."]
    kept = [
        sum(rank == 1 for rank in ranks)
        for ranks in zip(*((t.rank_inner, t.rank_cosine, t.rank_l2) for t in tokens), strict=True)
    ]
    start, now = ([token.probability[side] for token in tokens] for side in (0, 1))
    far = max(tokens, key=lambda token: token.drift)
    nearest = f"; nearest to it now: {quoted_tokens([near.token for near in far.nearest])}" if far.nearest else ""
    course = "The run kept no prompts along the way, so there is nothing to say of its course."
    if found.along:
        first, last = found.along[0], found.along[-1]
        course = (
            f"Along the run, step {first.step:,} to {last.step:,}: cosine {number(first.cosine, digits=2)} to "
            f"{number(last.cosine, digits=2)}, nearest by cosine {per_cent(first.kept_cosine)} to "
            f"{per_cent(last.kept_cosine)} (means over the positions that may move)."
        )
    return [
        f"The original token is still the nearest at {kept[0]:,} of {len(tokens):,} positions by inner product, "
        f"{kept[1]:,} by cosine, {kept[2]:,} by L2 distance.",
        f"Its probability (Eq. 10) is {number(fmean(start), digits=3)} at the start and {number(fmean(now), digits=3)} "
        f"now on average, above {CLAIMED} at {_above(start)} of {len(tokens):,} positions at the start and "
        f"{_above(now)} now.",
        f"The vectors moved by {number(median_low(t.drift for t in tokens), digits=2)} of their length in the median, "
        f"furthest {quoted_token(far.token)} at position {far.position:,}, by {number(far.drift, digits=2)}{nearest}.",
        course,
    ]


def section(found: Anchoring) -> Section | None:
    """The figure; the sentences stand beside the prompt's own words."""
    if not found.tokens:
        return None
    return Section(
        "Anchoring",
        "Whether each vector still belongs to the word it started from. Probability: Eq. 10 of the paper, a "
        "softmax over the vocabulary.",
        figures=(anchoring_figure(found),),
    )


def anchoring_figure(found: Anchoring) -> str:
    """An `<svg>` element: drift and probability (Eq. 10) of each position's original token; where the run kept its
    prompts, the share of original tokens that are still the nearest, step by step."""
    panels = 3 if len(found.along) > 1 else 2

    def draw(figure: Figure) -> None:
        drift, probability, *along = figure.subplots(panels, 1)
        bars(drift, [token.drift for token in found.tokens])
        drift.set_ylabel("drift\n(own lengths)")
        drift.set_xlim(-0.7, len(found.tokens) - 0.3)
        whole_numbers(drift.xaxis)
        _draw_probability(probability, found.tokens)
        for panel in along:
            _draw_along(panel, found.along)
        for panel in (drift, probability, *along):
            grid_lines(panel)

    return drawn(sentences(found)[0], positions_inches(len(found.tokens)), panels * _PANEL_INCHES + 0.9, draw)


def _above(probabilities: Sequence[float]) -> str:
    return f"{sum(p > CLAIMED for p in probabilities):,}"


def _draw_probability(panel: Axes, tokens: Sequence[AnchoredToken]) -> None:
    places = range(len(tokens))
    start, now = ([token.probability[side] for token in tokens] for side in (0, 1))
    panel.axhline(CLAIMED, color=INK, linewidth=1, linestyle="--", alpha=0.6, label=f"{CLAIMED} (paper)")
    panel.plot(places, start, color=BEFORE, marker="s", markersize=4, fillstyle="none", linestyle="none", label="start")
    panel.plot(places, now, color=AFTER, marker="o", markersize=4, linestyle="none", label="now")
    panel.set_ylim(-0.04, 1.04)
    panel.set_ylabel("probability of the\noriginal (Eq. 10)")
    name_positions(panel, [token.token for token in tokens])
    legend_above(panel)


def _draw_along(panel: Axes, stages: Sequence[AnchoringAt]) -> None:
    steps = [stage.step for stage in stages]
    lines = (
        ("inner product", AMBER, "s", [stage.kept_inner for stage in stages]),
        ("cosine", BLUE, "o", [stage.kept_cosine for stage in stages]),
        ("L2 distance", FAINT, "^", [stage.kept_l2 for stage in stages]),
    )
    for name, color, marker, shares in lines:
        panel.plot(steps, [100 * share for share in shares], color=color, marker=marker, markersize=4, label=name)
    panel.set_ylim(-4, 104)
    panel.set_ylabel("originals still\nnearest (%)")
    panel.set_xlabel("step")
    whole_numbers(panel.xaxis)
    legend_above(panel)
