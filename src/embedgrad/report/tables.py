"""The score table as rows of strings, for the terminal and the page to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from embedgrad.report.words import cut, number, p_words, per_cent, per_cent_interval
from embedgrad.shapes import Comparison, Proportion, Score

TABLE_NOTE = "In brackets: 95 % intervals. Loss in nats per target token; truncated: answers cut at the token limit."

_NAME_CHARACTERS = 60
_NONE = "-"


def score_table(scores: Sequence[Score], comparisons: Sequence[Comparison | None] = ()) -> list[list[str]]:
    """A header and one row per score; a column that no score has a value for is left out.

    `comparisons` holds, if anything, one entry per score after the first: that score minus the first, in
    strict accuracy. Raises ValueError if their number does not fit.
    """
    if comparisons and len(comparisons) != len(scores) - 1:
        raise ValueError(f"{len(scores)} scores need {len(scores) - 1} comparisons, got {len(comparisons)}")
    columns = [[title, *(cell(score) for score in scores)] for title, cell in _COLUMNS.items()]
    columns.append(["difference", _NONE, *(_difference(comparison) for comparison in comparisons)])
    kept = [column for column in columns if any(cell != _NONE for cell in column[1:])]
    return [list(row) for row in zip(*kept, strict=True)]


def _name(score: Score) -> str:
    return cut(" ".join(score.prompt.split()), _NAME_CHARACTERS) or '""'


def _accuracy(score: Score) -> str:
    if score.accuracy is None:
        return _NONE
    interval = f" ({per_cent_interval(score.interval)})" if score.interval else ""
    return per_cent(score.accuracy) + interval


def _proportion(proportion: Proportion | None) -> str:
    if proportion is None or proportion.total == 0:
        return _NONE
    share = per_cent(proportion.correct / proportion.total)
    return f"{share} ({per_cent_interval(proportion.interval)})"


def _macro_f1(score: Score) -> str:
    if score.macro_f1 is None:
        return _NONE
    low, high = (number(bound, digits=3) for bound in score.macro_f1.interval)
    return f"{number(score.macro_f1.value, digits=3)} ({low} to {high})"


def _difference(comparison: Comparison | None) -> str:
    if comparison is None:
        return _NONE
    change = number(100 * comparison.difference, sign=True)
    return f"{change} ({per_cent_interval(comparison.interval)}), {p_words(comparison.p_value)}"


_COLUMNS: dict[str, Callable[[Score], str]] = {
    "prompt": _name,
    "strict accuracy": _accuracy,
    "by meaning": lambda score: _proportion(score.by_meaning),
    "macro-F1": _macro_f1,
    "by likelihood": lambda score: _proportion(score.by_likelihood),
    "loss": lambda score: number(score.loss, digits=3),
    "truncated": lambda score: f"{score.truncated:,}",
}
