"""Concepts read from every layer, in sentences and drawn (Figure 3 of the paper)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.reading.record import LayerReading, Reading, Readings
from embedgrad.drawing import (
    AFTER,
    AMBER,
    FAINT,
    INK,
    WIDTH_INCHES,
    drawn,
    grid_lines,
    legend_above,
    whiskers,
    whole_numbers,
)
from embedgrad.units import counted, number, per_cent
from embedgrad.words import cut, per_cent_interval, range_words, token_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def concept_sentences(found: Reading) -> list[str]:
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


def sentences(found: Readings) -> list[str]:
    """All that there is to say of each concept, one after the other."""
    return [" ".join(concept_sentences(concept)) for concept in found.concepts]


def section(found: Readings) -> Section | None:
    """Sentences, and a figure for each concept."""
    if not found.concepts:
        return None
    return Section(
        "Reading by LAT",
        "In each layer a direction that tells a concept from its opposite, and how much further along it the "
        "model's states lie under the tuned prompt than under the text.",
        " ".join(sentences(found)),
        tuple(reading_figure(concept) for concept in found.concepts if concept.layers),
    )


def reading_figure(found: Reading) -> str:
    """An `<svg>` element: by layer, above how well the direction tells held-out pairs apart (a guess: 50 %; grey: what
    shuffled pairs give), below the activation under the tuned prompt minus that under the text (grey: what random moves
    of the same length give); with 95 % intervals, below over rows only."""
    layers = [layer.layer for layer in found.layers]
    shares = [100 * layer.held_out.correct / layer.held_out.total for layer in found.layers]
    share_intervals = [(100 * low, 100 * high) for low, high in (layer.held_out.interval for layer in found.layers)]
    changes = [layer.difference for layer in found.layers]
    change_intervals = [layer.interval for layer in found.layers]

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True)
        above.errorbar(
            layers,
            shares,
            yerr=whiskers(shares, share_intervals),
            color=AMBER,
            marker="s",
            markersize=4,
            capsize=2,
            label=token_words(found.concept, 40),
        )
        shuffled = [layer.shuffled for layer in found.layers if layer.shuffled is not None]
        if len(shuffled) == len(layers):
            lows, highs = ([100 * bound for bound in bounds] for bounds in zip(*shuffled, strict=True))
            above.fill_between(layers, lows, highs, color=FAINT, alpha=0.3, linewidth=0, label="shuffled (95 %)")
        above.axhline(50, color=INK, linewidth=1, linestyle="--", alpha=0.6, label="a guess")
        above.set_ylim(-2, 104)
        above.set_ylabel("held-out pairs\ntold apart (%)")
        legend_above(above)
        below.errorbar(
            layers, changes, yerr=whiskers(changes, change_intervals), color=AFTER, marker="o", markersize=4, capsize=2
        )
        random = [layer.random for layer in found.layers if layer.random is not None]
        if len(random) == len(layers):
            lows, highs = map(list, zip(*random, strict=True))
            below.fill_between(layers, lows, highs, color=FAINT, alpha=0.3, linewidth=0, label="random moves (range)")
            legend_above(below)
        below.axhline(0, color=INK, linewidth=1, linestyle="--", alpha=0.6)
        below.set_ylabel("tuned - text\n(standard deviations)")
        below.set_xlabel("layer")
        whole_numbers(below.xaxis)
        for panel in (above, below):
            grid_lines(panel)

    return drawn(concept_sentences(found)[0], WIDTH_INCHES, 4.0, draw)


def _share(layer: LayerReading) -> float:
    return layer.held_out.correct / layer.held_out.total


def _move(layer: LayerReading, unit: str = "") -> str:
    random = "" if layer.random is None else f"; random moves: {range_words(layer.random, 2)}"
    return f"{number(layer.difference, digits=2, sign=True)}{unit} ({range_words(layer.interval, 2)}{random})"
