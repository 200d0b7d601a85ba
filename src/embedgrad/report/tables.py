"""The score table as rows of strings, for the terminal and the page to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from embedgrad.run.demo_tables import TrialResult
from embedgrad.run.score import Comparison, Proportion, Score
from embedgrad.units import number, per_cent, points
from embedgrad.words import cut, p_words, per_cent_interval

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


TRIAL_TITLES = {
    "paper": "The paper's four prompts on their own labels",
    "own": "Four tasks of one's own, with labels and forms that no training instruction asks for; five written prompts",
}
"""By the block of the demo's tasks."""

TRIAL_NOTE = (
    "Strict accuracy in per cent on rows that neither tuning nor any choice saw, with its 95 % interval. meaning: what "
    "a person would accept; likelihood: the likeliest label, nothing generated; both first of the text, then tuned. "
    "majority: always the most frequent answer; words: a bag of words trained on the tuning rows."
)


def trial_table(results: Sequence[TrialResult]) -> list[list[str]]:
    """The demo's tasks, one row each: what costs nothing, the written prompts, the tuned one. Tasks with one written
    prompt have one column for it."""
    chosen = any(result.before.prompt != result.best_written.prompt for result in results)
    written = "best written" if chosen else "prompt"
    columns: list[tuple[str, Callable[[TrialResult], str]]] = [
        ("task", lambda r: r.name),
        ("majority, words", lambda r: f"{points(r.majority)}, {points(r.bag_of_words)}"),
        *([("first prompt", lambda r: _bare(r.before.strictly))] if chosen else []),
        (written, lambda r: _bare(r.best_written.strictly)),
        ("tuned", lambda r: _bare(r.after.strictly)),
        (f"tuned - {written}", lambda r: _difference(r.comparisons.after_vs_best_written)),
        ("meaning", lambda r: _pair(r.best_written.by_meaning, r.after.by_meaning)),
        ("likelihood", lambda r: _pair(r.best_written.by_likelihood, r.after.by_likelihood)),
    ]
    return [[title for title, _ in columns], *([cell(result) for _, cell in columns] for result in results)]


def _pair(text: Proportion | None, tuned: Proportion | None) -> str:
    """`45.5, 92.0`."""
    if text is None or tuned is None:
        return _NONE
    return ", ".join(points(found.correct / found.total) for found in (text, tuned))


def _bare(proportion: Proportion | None) -> str:
    """`61.2 (56.4 to 65.9)`."""
    if proportion is None:
        return _NONE
    return f"{points(proportion.correct / proportion.total)} ({per_cent_interval(proportion.interval)})"


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
    change = points(comparison.difference, sign=True)
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
