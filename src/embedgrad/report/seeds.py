"""What to say of tunings that differ in their seed alone: the mean counts, and how far apart they are."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.evaluation.seeds import spread_factors
from embedgrad.json_shape import Interval
from embedgrad.report.sentences import baselines_words
from embedgrad.run.score import Comparison, Score
from embedgrad.run.seeds import Mean, SeedRun, Seeds
from embedgrad.units import number, per_cent, points
from embedgrad.words import per_cent_interval, range_words

SEEDS_NOTE = (
    "In brackets: 95 % intervals; of the mean over seeds and rows, else over rows. *: kept, the best on the validation "
    "rows."
)
_FEW = 10  # seeds, below which their spread is hardly known
_NONE = "-"


def seeds_table(found: Seeds) -> list[list[str]]:
    """The text prompt, each seed, the mean; in strict accuracy, or in loss where the task has no metric."""
    if found.accuracy is None or found.difference is None:
        rows = [[_name(found, run), _loss(run.after.loss), _loss_difference(run.loss_comparison)] for run in found.runs]
        mean = ["mean", _loss_mean(found.loss), _loss_mean(found.loss_difference, sign=True)]
        return [["prompt", "loss", "difference"], ["the text", _loss(found.before.loss), _NONE], *rows, mean]
    rows = [
        [_name(found, run), _accuracy(run.after), _difference(run.comparison), _validation(run)] for run in found.runs
    ]
    return [
        ["prompt", "strict accuracy", "difference", "validation"],
        ["the text", _accuracy(found.before), _NONE, _NONE],
        *rows,
        ["mean", _mean(found.accuracy), _mean(found.difference, sign=True), _NONE],
    ]


def seeds_words(found: Seeds) -> list[str]:
    """The mean against the text, how far seeds are apart, and what so few of them cannot show."""
    seeds, rows = len(found.runs), found.before.total
    on = f"on {rows:,} unseen rows, the mean of {seeds} seeds"
    if found.accuracy is None or found.difference is None:
        change = f"loss {found.before.loss:.3f} -> {found.loss.value:.3f} nats per target token {on}"
        difference = f"{number(found.loss_difference.value, digits=3, sign=True)}"
        interval = range_words(found.loss_difference.interval, 3)
        ends = [_loss(loss) for loss in _ends([run.after.loss for run in found.runs])]
        spread, gain = number(found.loss.spread, digits=3), found.loss_difference
    else:
        change = f"{per_cent(found.before.accuracy or 0.0)} -> {per_cent(found.accuracy.value)} {on}"
        difference = f"{points(found.difference.value, sign=True)} points"
        interval = per_cent_interval(found.difference.interval)
        ends = [per_cent(value) for value in _ends([run.after.accuracy or 0.0 for run in found.runs])]
        spread, gain = f"{points(found.accuracy.spread)} points", found.difference
    sentence = f"{change}: {difference}, 95 % interval {interval} over seeds and rows"
    if gain.interval[0] <= 0 <= gain.interval[1]:
        sentence = f"no difference that {seeds} seeds on these {rows:,} rows can show: {sentence}"
    low, high = (number(factor) for factor in spread_factors(seeds))
    known = f"; with {seeds} seeds the true one may be {low} to {high} times that" if seeds < _FEW else ""
    two = ["Two seeds say little about a third: with --seeds 3 such intervals are about three times narrower."]
    return [
        f"{sentence}.",
        *([words] if (words := baselines_words(found.baselines)) else []),
        *(two if seeds == 2 else []),
        f"The seeds reach {ends[0]} to {ends[1]}, standard deviation {spread}{known}.",
        f"Kept is the prompt of seed {found.runs[found.chosen].seed}, the best on the validation rows. Quote the mean: "
        "which seed does best on these rows is luck.",
    ]


def _name(found: Seeds, run: SeedRun) -> str:
    return f"seed {run.seed}{' *' if run is found.runs[found.chosen] else ''}"


def _accuracy(score: Score) -> str:
    return _with_interval(per_cent(score.accuracy or 0.0), score.interval)


def _difference(comparison: Comparison | None) -> str:
    return (
        _NONE if comparison is None else _with_interval(points(comparison.difference, sign=True), comparison.interval)
    )


def _mean(mean: Mean, *, sign: bool = False) -> str:
    value = points(mean.value, sign=True) if sign else per_cent(mean.value)
    return _with_interval(value, mean.interval)


def _with_interval(value: str, interval: Interval | None) -> str:
    return value if interval is None else f"{value} ({per_cent_interval(interval)})"


def _loss(loss: float) -> str:
    return number(loss, digits=3)


def _loss_difference(comparison: Comparison) -> str:
    change = number(comparison.difference, digits=3, sign=True)
    return f"{change} ({range_words(comparison.interval, 3)})"


def _loss_mean(mean: Mean, *, sign: bool = False) -> str:
    return f"{number(mean.value, digits=3, sign=sign)} ({range_words(mean.interval, 3)})"


def _validation(run: SeedRun) -> str:
    accuracy = "" if run.validation_accuracy is None else f"{per_cent(run.validation_accuracy)}, "
    return f"{accuracy}loss {run.validation_loss:.3f}"


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
