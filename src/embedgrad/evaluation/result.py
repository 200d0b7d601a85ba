"""Per-example records, and the Score and Comparison made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.arguments import checked, is_a
from embedgrad.errors import UsageError
from embedgrad.evaluation.statistics import macro_f1_interval, paired_accuracy, paired_loss, proportion
from embedgrad.run.score import Comparison, Proportion, Score
from embedgrad.tasks.task import Task
from embedgrad.tasks.worker import ANSWER_SECONDS
from embedgrad.units import counted


@dataclass(frozen=True)
class Prediction:
    """One prompt on one row.

    output         the generated answer (the likeliest label where nothing was generated; None for free text)
    prediction     what was read from it strictly; `correct` whether that is the target
    meant          the label a person would read; None unless the task has labels and answers were generated
    likeliest      the label of highest likelihood, where labels were scored
    truncated      whether the answer was cut at the token limit
    nats, tokens   loss summed over the target's tokens, and their number
    undecided      whether what was read could not be compared with the target in time, and so counts as wrong
    """

    line: int
    input: str
    target: str
    output: str | None
    prediction: str | None
    correct: bool | None
    meant: str | None
    meant_correct: bool | None
    likeliest: str | None
    truncated: bool
    nats: float
    tokens: int
    undecided: bool = False

    @property
    def loss(self) -> float:
        """Nats per target token of this row."""
        return self.nats / self.tokens


@dataclass(frozen=True)
class Evaluation:
    """A prompt's Score with the predictions it was made of; `skipped` rows were longer than the context."""

    score: Score
    predictions: tuple[Prediction, ...]
    skipped: int = 0


_evaluation = is_a(Evaluation, "an Evaluation", "eg.evaluate gives one.")


def undecided_words(evaluations: Sequence[Evaluation]) -> str | None:
    """A sentence on the answers that could not be compared with their targets; None where there are none."""
    count = sum(p.undecided for evaluation in evaluations for p in evaluation.predictions)
    if not count:
        return None
    if count == 1:
        return f"1 answer could not be compared with its target within {ANSWER_SECONDS:g} s and counts as wrong."
    return f"{count} answers could not be compared with their targets within {ANSWER_SECONDS:g} s and count as wrong."


def score_of(name: str, task: Task, predictions: Sequence[Prediction]) -> Score:
    """The Score of `predictions` under the name `name`."""
    strict = _share([p.correct for p in predictions])
    meaning = _share([p.meant_correct for p in predictions])
    likelihood = _share([p.likeliest == p.target.strip() if p.likeliest else None for p in predictions])
    return Score(
        prompt=name,
        accuracy=strict.correct / strict.total if strict else None,
        correct=strict.correct if strict else None,
        total=len(predictions),
        interval=strict.interval if strict else None,
        loss=sum(p.nats for p in predictions) / sum(p.tokens for p in predictions),
        truncated=sum(p.truncated for p in predictions),
        macro_f1=macro_f1_interval(
            [p.prediction for p in predictions], [p.target.strip() for p in predictions], task.labels
        )
        if task.labels
        else None,
        by_meaning=meaning,
        by_likelihood=likelihood,
    )


@checked(first=_evaluation, second=_evaluation)
def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """`second` minus `first` on the same rows: in accuracy, or in loss where the task has no metric.

    Raises UsageError where the two were not made from the same rows.
    """
    accuracy = compare_accuracy(first, second)
    return accuracy if accuracy is not None else compare_loss(first, second)


def compare_accuracy(first: Evaluation, second: Evaluation) -> Comparison | None:
    """Strict accuracy: paired bootstrap interval, McNemar's exact p. None without a metric."""
    _check_same_rows(first, second)
    before = [p.correct for p in first.predictions if p.correct is not None]
    after = [p.correct for p in second.predictions if p.correct is not None]
    return paired_accuracy(before, after) if before else None


def compare_loss(first: Evaluation, second: Evaluation) -> Comparison:
    """Nats per target token: paired bootstrap interval over rows, sign-flip permutation p."""
    _check_same_rows(first, second)
    return paired_loss(
        [p.nats for p in first.predictions],
        [p.nats for p in second.predictions],
        [p.tokens for p in first.predictions],
    )


def _check_same_rows(first: Evaluation, second: Evaluation) -> None:
    rows = [[(p.line, p.input, p.target, p.tokens) for p in e.predictions] for e in (first, second)]
    if rows[0] != rows[1]:
        raise UsageError(
            "Two prompts can only be compared on the same rows; these were evaluated on different ones "
            f"({len(rows[0])} and {counted(len(rows[1]), 'row')})."
        )


def _share(judged: Sequence[bool | None]) -> Proportion | None:
    known = [is_right for is_right in judged if is_right is not None]
    return proportion(sum(known), len(known)) if known else None
