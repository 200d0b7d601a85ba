"""What an analysis found in plain sentences with its numbers: one function per record, for page and terminal alike.

The first sentence is also the label of the record's figure, for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median_low
from typing import Any

from embedgrad.analysis.records import (
    Anchoring,
    Blend,
    Diagnosis,
    Entropy,
    Grid,
    GridCell,
    LayerReading,
    PositionSensitivity,
    ReadBack,
    Reading,
    Readings,
)
from embedgrad.report.words import cut, loss_difference_words, per_cent_interval, token_words
from embedgrad.shapes import Interval, Score, Shape
from embedgrad.units import counted, number, per_cent

CLAIMED = 0.95  # the probability that the paper reports of original tokens (section 5.1)
_SHOWN = 3


def sentences(found: Shape) -> list[str]:
    """The sentences of any analysis. Raises KeyError for what is none."""
    return _FINDINGS[type(found)](found)


def anchoring_finding(found: Anchoring) -> list[str]:
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
    nearest = f"; nearest to it now: {_listed([near.token for near in far.nearest])}" if far.nearest else ""
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
        f"furthest {_token(far.token)} at position {far.position:,}, by {number(far.drift, digits=2)}{nearest}.",
        course,
    ]


def entropy_finding(found: Entropy) -> list[str]:
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


def reading_finding(found: Reading) -> list[str]:
    """Where the concept is read best, how far the tuned prompt moves the activation there, and where it does most."""
    concept = cut(found.concept, 60)
    if not found.layers:
        return [f"{concept}: no layers were read."]
    best = max(found.layers, key=_share)
    pairs = best.held_out
    shuffled = [_share(layer) > layer.shuffled[1] for layer in found.layers if layer.shuffled]
    control = ""
    if shuffled:
        control = f", and above the 95 % range of shuffled pairs at {sum(shuffled):,} of {len(shuffled):,} layers"
    moved = max(found.layers, key=lambda layer: abs(layer.difference))
    most = "" if moved is best else f", most at layer {moved.layer}, by {_move(moved)}"
    picked = "; picked on these pairs, so rather too high" if len(found.layers) > 1 else ""
    words = [
        f"{concept}: the direction tells held-out pairs apart best at layer {best.layer} ({pairs.correct:,} of "
        f"{pairs.total:,}: {per_cent(_share(best))}, 95 % interval {per_cent_interval(pairs.interval)}{picked})"
        f"{control}.",
        f"There the tuned prompt moves the activation by {_move(best, ' standard deviations')}{most}; 95 % intervals "
        f"over {counted(found.rows, 'row')} alone.",
    ]
    random = [layer.is_beyond_random for layer in found.layers if layer.random]
    if random:
        moves = f"{found.moves:,} random moves" if found.moves else "random moves"
        chance = f"; one more random move would in 2 of {found.moves + 1:,} cases per layer" if found.moves else ""
        words.append(
            f"At {sum(map(bool, random)):,} of {len(random):,} layers the change goes beyond that of {moves} of the "
            f"same length{chance}."
        )
    return words


def position_finding(found: PositionSensitivity) -> list[str]:
    if not found.positions:
        return ["No position of this prompt moved."]
    most, *others = sorted(found.positions, key=lambda position: -position.loss_change)[:_SHOWN]
    then = "; ".join(
        f"{_token(other.token)} at {other.position:,}, {number(other.loss_change, digits=3, sign=True)} "
        f"({_range(other.interval, 3)})"
        for other in others
    )
    raising = sum(position.interval[0] > 0 for position in found.positions)
    return [
        f"Most depends on position {most.position:,}, {_token(most.token)}: as it was at the start, the loss changes "
        f"by {number(most.loss_change, digits=3, sign=True)} nats per target token (95 % interval "
        f"{_range(most.interval, 3)}).",
        *([f"Next: {then}."] if then else []),
        f"At {raising:,} of {len(found.positions):,} positions the 95 % interval, of that position alone, lies above "
        "zero.",
        f"With all as at the start the loss is {number(found.text_loss, digits=3)}, tuned "
        f"{number(found.tuned_loss, digits=3)}; {counted(found.rows, 'row')}.",
    ]


def blend_finding(found: Blend) -> list[str]:
    points = found.points
    lowest = min(points, key=lambda point: point.loss)
    best = f"the loss is lowest at weight {lowest.weight:g} ({number(lowest.loss, digits=3)} nats per target token)"
    measured = [(point.accuracy, point.weight, point.interval) for point in points if point.accuracy is not None]
    if measured:
        accuracy, weight, interval = max(measured, key=lambda point: point[:2])
        best += f", strict accuracy highest at {weight:g}: {_accuracy(accuracy, interval)}"
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


def read_back_finding(found: ReadBack) -> list[str]:
    """The scores; then the text and where the positions moved, which the page has in a box and a table."""
    text, tuned, back = (_score(score) for score in (found.before, found.after, found.read_back))
    moved = "; ".join(f"{_token(hint.token)} towards {_listed(hint.towards)}" for hint in found.hints[:_SHOWN])
    return [
        f"On {counted(found.rows, 'row')}: prompt text {text}; tuned prompt {tuned}; "
        f"its nearest tokens as a text {back}.",
        f"The nearest tokens read: {cut(' '.join(found.text.split()), 300)}",
        *([f"Moved most: {moved}."] if moved else []),
    ]


def diagnosis_finding(found: Diagnosis) -> list[str]:
    """The verdict; then each sign, which the page has in a table."""
    signs = (
        f"{cut(sign.name, 80)}: {number(sign.value, digits=3)} ({'bad' if sign.is_bad else 'good'}; bound "
        f"{number(sign.bound, digits=3)}). {cut(sign.meaning, 300)}"
        for sign in found.signs
    )
    return [found.sentence, *signs]


def grid_finding(found: Grid) -> list[str]:
    chosen = found.cells[found.chosen]
    failed = sum(cell.failed is not None for cell in found.cells)
    loss = "no loss" if chosen.loss is None else f"loss {number(chosen.loss, digits=3)}"
    value = loss if chosen.accuracy is None else _accuracy(chosen.accuracy, chosen.interval)
    return [
        f"Of {len(found.cells):,} tunings the chosen one, {cell_words(chosen)}, has {value} on "
        f"{found.validation_rows:,} validation rows.",
        *([f"{failed:,} of {len(found.cells):,} tunings failed."] if failed else []),
    ]


def cell_words(cell: GridCell) -> str:
    """`0.5rms, 5 epochs`."""
    return f"{cell.relative_rate:.3g}rms, {cell.epochs:.3g} {'epoch' if cell.epochs == 1 else 'epochs'}"


def _above(probabilities: Sequence[float]) -> str:
    return f"{sum(p > CLAIMED for p in probabilities):,}"


def _share(layer: LayerReading) -> float:
    return layer.held_out.correct / layer.held_out.total


def _move(layer: LayerReading, unit: str = "") -> str:
    random = "" if layer.random is None else f"; random moves: {_range(layer.random, 2)}"
    return f"{number(layer.difference, digits=2, sign=True)}{unit} ({_range(layer.interval, 2)}{random})"


def _range(interval: Interval, digits: int) -> str:
    low, high = (number(bound, digits=digits) for bound in interval)
    return f"{low} to {high}"


def _score(score: Score) -> str:
    loss = f"loss {number(score.loss, digits=3)}"
    return loss if score.accuracy is None else f"{_accuracy(score.accuracy, score.interval)}, {loss}"


def _accuracy(accuracy: float, interval: Interval | None) -> str:
    return per_cent(accuracy) + (f" (95 % interval {per_cent_interval(interval)})" if interval else "")


def _token(token: str) -> str:
    return repr(token_words(token))


def _listed(tokens: Sequence[str]) -> str:
    return ", ".join(map(_token, tokens[:_SHOWN]))


_FINDINGS: dict[type[Shape], Callable[[Any], list[str]]] = {
    Anchoring: anchoring_finding,
    Entropy: entropy_finding,
    Readings: lambda found: [" ".join(reading_finding(concept)) for concept in found.concepts],
    PositionSensitivity: position_finding,
    Blend: blend_finding,
    ReadBack: read_back_finding,
    Diagnosis: diagnosis_finding,
    Grid: grid_finding,
}
