"""A prompt read back into words, in sentences, as a table and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.read_back.record import Hint, ReadBack
from embedgrad.drawing import AFTER, WIDTH_INCHES, draw_points, drawn, in_per_cent, name_lines
from embedgrad.run.score import Score
from embedgrad.units import counted, number
from embedgrad.words import accuracy_words, cut, quoted_token, quoted_tokens, token_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOVED_MOST = 3
_MOST_HINTS = 15


def sentences(found: ReadBack) -> list[str]:
    """The scores; then the text and where the positions moved, which the page has in a box and a table."""
    text, tuned, back = (_score(score) for score in (found.before, found.after, found.read_back))
    moved = "; ".join(
        f"{quoted_token(hint.token)} towards {quoted_tokens(hint.towards)}" for hint in found.hints[:_MOVED_MOST]
    )
    return [
        f"On {counted(found.rows, 'row')}: prompt text {text}; tuned prompt {tuned}; "
        f"its nearest tokens as a text {back}.",
        f"The nearest tokens read: {cut(' '.join(found.text.split()), 300)}",
        *([f"Moved most: {moved}."] if moved else []),
    ]


def section(found: ReadBack) -> Section:
    """The scores in a sentence and drawn, the text itself, and a table of where the positions moved."""
    return Section(
        "Read back",
        "The tuned prompt as the text of its nearest tokens, scored as a plain prompt; below, where it moved.",
        sentences(found)[0],
        (read_back_figure(found),),
        hints_table(found.hints),
        found.text,
    )


def read_back_figure(found: ReadBack) -> str:
    """An `<svg>` element: strict accuracy (without a metric: loss) of the prompt text, the tuned prompt and the
    text of its nearest tokens."""
    scores = (found.before, found.after, found.read_back)
    lines = ["prompt text", "tuned prompt", "read back"]

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        shares = [score.strictly for score in scores if score.strictly is not None]
        if len(shares) == len(scores):
            values = [100 * share.correct / share.total for share in shares]
            draw_points(panel, values, [in_per_cent(share.interval) for share in shares], color=AFTER, marker="o")
            panel.set_xlim(-2, 102)
            panel.set_xlabel("strict accuracy (%)")
        else:
            panel.plot([s.loss for s in scores], range(len(scores)), color=AFTER, marker="o", linestyle="none")
            panel.set_xlabel("loss (nats per target token)")
        name_lines(panel, lines)

    return drawn(sentences(found)[0], WIDTH_INCHES, 1.7, draw)


def hints_table(hints: Sequence[Hint]) -> list[list[str]] | None:
    """The positions that moved furthest, and the tokens they moved towards; None without any."""
    if not hints:
        return None
    lines = [["token", "position", "drift", "nearest now", "moved towards"]]
    for hint in hints[:_MOST_HINTS]:
        towards = ", ".join(token_words(token) for token in hint.towards)
        position = f"{hint.position:,}"
        lines.append(
            [token_words(hint.token), position, number(hint.drift, digits=2), token_words(hint.nearest), towards]
        )
    return lines


def _score(score: Score) -> str:
    loss = f"loss {number(score.loss, digits=3)}"
    return loss if score.accuracy is None else f"{accuracy_words(score.accuracy, score.interval)}, {loss}"
