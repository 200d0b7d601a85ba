"""What analyses found as rows of strings, for the page to draw."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.analysis.records import Diagnosis, Entropy, EntropySide, Hint
from embedgrad.report.words import cut, per_cent_interval, token_words
from embedgrad.shapes import Proportion
from embedgrad.units import number

_MOST_HINTS = 15
_NONE = "-"


def entropy_table(found: Entropy) -> list[list[str]]:
    """Means in bits, loops and cut answers: before and after."""
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


def diagnosis_table(found: Diagnosis) -> list[list[str]]:
    """Each sign with its bound."""
    lines = [["sign", "measured", "bound", "", "meaning"]]
    for sign in found.signs:
        judged = "bad" if sign.is_bad else "good"
        lines.append(
            [
                cut(sign.name, 80),
                number(sign.value, digits=3),
                number(sign.bound, digits=3),
                judged,
                cut(sign.meaning, 300),
            ]
        )
    return lines


def _entropy_line(name: str, side: EntropySide) -> list[str]:
    values = (side.mean_bits, side.mean_bits_without_loops, side.correct_bits, side.wrong_bits)
    bits = [_NONE if value is None else number(value, digits=3) for value in values]
    return [name, *bits, _share(side.looping), _share(side.looping_wrong), f"{side.truncated:,}"]


def _share(found: Proportion | None) -> str:
    if found is None or found.total == 0:
        return _NONE
    return f"{found.correct:,} of {found.total:,} ({per_cent_interval(found.interval)} %)"
