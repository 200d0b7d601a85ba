"""What every room shares: the dimension letters and the JSON objects.

Letters, used in docstrings and names: B batch, P prompt length, T tokens of a row, A answer tokens,
D width, V vocabulary, L layers, H heads, G key/value heads, E head width.
`table` is always the [V, D] matrix of what the model takes as `inputs_embeds`.

The objects are the ones that the command line's JSON, `result.json` and the report speak: fractions, never per cent.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast

Interval = tuple[float, float]  # low, high; 95 % unless said otherwise


class Shape(BaseModel):
    """A frozen JSON object that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _HashableFailFast(FailFast):
    """Trap: `Annotated[..., FailFast()] | None` hashes it, which pydantic's own refuses."""

    __hash__ = object.__hash__


Many = TypeVar("Many")
FirstError = Annotated[Many, _HashableFailFast()]
"""`FirstError[tuple[int, ...]]`: checked up to the first wrong entry, however many are wrong."""


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


class EngineUsed(Shape):
    """How rows went through the model: `path`, its further `means` in words, and in one line why."""

    path: str
    means: list[str]
    reason: str


class TrialComparisons(Shape):
    """The tuned prompt minus the first written one, and minus the best written one, in strict accuracy."""

    after_vs_before: Comparison
    after_vs_best_written: Comparison


class TrialResult(Shape):
    """One task of a demo, in JSON. All Scores are on `test_rows` rows that nothing was chosen on.

    `before` is the first written prompt, `best_written` the best of them on the validation rows, `after` the tuned
    one. `majority` and `bag_of_words` are accuracies (fractions of the test rows) without any language model.
    """

    name: str
    test_rows: int
    before: Score
    best_written: Score
    after: Score
    majority: float
    bag_of_words: float
    comparisons: TrialComparisons
    seconds: float


def _hex_digest(value: str) -> str:
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ValueError("expected 64 lower-case hex digits")
    return value


Sha256 = Annotated[str, AfterValidator(_hex_digest)]


class BaseIdentity(Shape):
    """Which base model a prompt belongs to: the `base` of a prompt file.

    `weights`, `config` and `tokenizer` must agree before a prompt is used; `chat_template` only warns.
    """

    name: str
    revision: str | None
    weights: Sha256
    config: Sha256
    tokenizer: Sha256
    chat_template: Sha256 | None
