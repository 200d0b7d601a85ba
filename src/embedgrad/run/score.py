"""How prompts did on rows, and how two of them compare. Fractions, never per cent; losses in nats per target token."""

from __future__ import annotations

from embedgrad.json_shape import Interval, Shape


class Proportion(Shape):
    """`correct` of `total`, with its 95 % Wilson interval."""

    correct: int
    total: int
    interval: Interval


class MacroF1(Shape):
    """Unweighted mean of the labels' F1, with a 95 % bootstrap interval over rows."""

    value: float
    interval: Interval


class Score(Shape):
    """How one prompt did on one set of rows.

    `accuracy` is strict (the exact label or format, what a program needs) and None where the task has no
    metric; `interval` is its 95 % Wilson interval. `by_meaning` accepts what a person would accept,
    `by_likelihood` is the label of highest likelihood. `loss` is in nats per target token. `truncated`
    counts answers cut at the token limit.
    """

    prompt: str
    accuracy: float | None
    correct: int | None
    total: int
    interval: Interval | None
    loss: float
    truncated: int
    macro_f1: MacroF1 | None = None
    by_meaning: Proportion | None = None
    by_likelihood: Proportion | None = None

    @property
    def strictly(self) -> Proportion | None:
        """`correct` of `total` with its interval; None without a metric."""
        if self.correct is None or self.interval is None:
            return None
        return Proportion(correct=self.correct, total=self.total, interval=self.interval)


class Baselines(Shape):
    """What needs no language model, on the test rows: always the tuning rows' most frequent label, and a bag of words
    that has seen the tuning rows, None where it has nothing to learn."""

    majority_label: str
    majority: Proportion
    bag_of_words: Proportion | None


class Comparison(Shape):
    """Second minus first, on the same rows: difference, its 95 % paired interval, p value (two-sided)."""

    difference: float
    interval: Interval
    p_value: float

    def __str__(self) -> str:
        low, high = self.interval
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return f"{self.difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}, {p}"
