"""The score table as rows of strings, for the terminal and the page to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from embedgrad.report.words import cut, number, p_words, per_cent, per_cent_interval
from embedgrad.shapes import Comparison, Proportion, Score, TrialResult

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


TRIAL_NOTE = (
    "Accuracy in per cent on rows that neither tuning nor any choice saw, in brackets its 95 % interval. strict: the "
    "exact answer; meaning: what a person would accept. majority: always the most frequent answer; words: a bag of "
    "words trained on the tuning rows."
)


def trial_table(results: Sequence[TrialResult]) -> list[list[str]]:
    """The demo's tasks, one row each: what costs nothing, the written prompts, the tuned one."""
    header = ["task", "rows", "majority", "words", "first prompt", "best written", "tuned", "tuned - best written"]
    return [
        [*header, "meaning: best written", "tuned"],
        *(
            [
                result.name,
                f"{result.test_rows:,}",
                number(100 * result.majority),
                number(100 * result.bag_of_words),
                _bare(_strict(result.before)),
                _bare(_strict(result.best_written)),
                _bare(_strict(result.after)),
                _difference(result.comparisons.after_vs_best_written),
                _bare(result.best_written.by_meaning),
                _bare(result.after.by_meaning),
            ]
            for result in results
        ),
    ]


def _strict(score: Score) -> Proportion | None:
    if score.correct is None or score.interval is None:
        return None
    return Proportion(correct=score.correct, total=score.total, interval=score.interval)


def _bare(proportion: Proportion | None) -> str:
    """`61.2 (56.4 to 65.9)`."""
    if proportion is None:
        return _NONE
    return f"{number(100 * proportion.correct / proportion.total)} ({per_cent_interval(proportion.interval)})"


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
