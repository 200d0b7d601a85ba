"""What a run gained and what to make of it in plain words, the same on the terminal and on the page.

What to try is said in commands and flags, whichever face asked: a page is read later, by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from embedgrad.run.course import Course
from embedgrad.run.metrics import ValidationMetrics
from embedgrad.run.record import RunRecord
from embedgrad.run.restarts import RestartsRecord
from embedgrad.run.result import Result
from embedgrad.run.score import Baselines, Proportion
from embedgrad.units import counted, per_cent
from embedgrad.words import difference_words, loss_difference_words, per_cent_interval

Outcome = Literal["better", "worse", "unclear"]

_THRESHOLD = 0.05
_NEAR = 0.05  # of two accuracies that are about the same


def verdict(result: Result) -> str:
    """What the run gained, in one sentence: accuracy where the task has a metric, else the loss.

    It only speaks of a gain or a loss where `outcome` does; else it says that these rows cannot show one. Where they
    cannot show that the tuned prompt beats the majority label, it says what that reaches.
    """
    rows = result.after.total
    if result.comparison is None or result.before.accuracy is None or result.after.accuracy is None:
        change = f"loss {result.before.loss:.3f} -> {result.after.loss:.3f} nats per target token"
        difference = loss_difference_words(result.loss_comparison)
    else:
        change = f"{per_cent(result.before.accuracy)} -> {per_cent(result.after.accuracy)}"
        difference = difference_words(result.comparison)
    sentence = f"{change} on {counted(rows, 'unseen row')}, {difference}"
    sentence += _no_better_than_always_the_same(result)
    if outcome(result) == "unclear":
        these = "this 1 row" if rows == 1 else f"these {rows:,} rows"
        return f"no difference that {these} can show: {sentence}"
    return f"worse: {sentence}" if outcome(result) == "worse" else sentence


def _no_better_than_always_the_same(result: Result) -> str:
    """A clause where the test rows cannot show that the tuned prompt beats the majority label."""
    found, interval = result.baselines, result.after.interval
    if found is None or interval is None:
        return ""
    share = found.majority.correct / found.majority.total
    if interval[0] > share:
        return ""
    return f"; always {found.majority_label!r} is right on {per_cent(share)}"


def curve_finding(record: RunRecord) -> str:
    """What the learning curve shows: the first validation and the best."""
    if not record.validations:
        return "Learning curve: loss by step."
    first = record.validations[0]
    best = next((at for at in record.validations if at.step == record.result.best_step), record.validations[-1])
    losses = f"Validation loss {first.loss:.3f} at step {first.step:,}, {best.loss:.3f} at step {best.step:,}, the best"
    if first.accuracy is None or best.accuracy is None:
        return f"{losses}."
    return f"{losses}; validation accuracy {per_cent(first.accuracy)} and {per_cent(best.accuracy)}."


def course_of(record: RunRecord) -> Course | None:
    """How the tuning went."""
    result = record.result
    majority = result.baselines and result.baselines.majority
    share = majority.correct / majority.total if majority else None
    return Course.of(record.validations, result.best_step, share, result.rows.validation)


def restarts_words(found: RestartsRecord, steps: int) -> str:
    """Which of the runs that began went on to `steps`, if they were not there, and how far apart they were on the
    validation rows."""
    runs = [run for run in found.runs if run.loss is not None]
    losses = [f"{loss:.3f}" for loss in sorted(run.loss or 0.0 for run in runs)]
    accuracies = [per_cent(at) for at in sorted(run.accuracy for run in runs if run.accuracy is not None)]
    apart = [f"loss {losses[0]} to {losses[-1]}", *([f"{accuracies[0]} to {accuracies[-1]}"] if accuracies else [])]
    return (
        f"of {len(found.runs)} runs, {' and '.join(apart)} on {found.validation_rows:,} validation rows after "
        f"{counted(found.steps, 'step')}, that of seed {found.runs[found.chosen].seed} "
        f"{'went on' if steps > found.steps else 'was kept'}"
    )


def baselines_words(found: Baselines | None) -> str:
    """What needs no language model, in one sentence; empty where it was not asked."""
    if found is None:
        return ""
    sentence = f"Without a language model: always {found.majority_label!r} is right on {_share(found.majority)}"
    if found.bag_of_words is None:
        return f"{sentence}."
    return f"{sentence}, a bag of words trained on the tuning rows on {_share(found.bag_of_words)}."


def no_gain_words(validations: Sequence[ValidationMetrics], baselines: Baselines | None) -> list[str]:
    """After a run whose start was the best: that nothing beat it, what the validations show, and what to try."""
    sentences = ["No step beat the start on the validation rows: the prompt file holds the start itself, unchanged."]
    if len(validations) < 2:
        return sentences
    first, later = validations[0], validations[1:]
    lowest = min(later, key=lambda at: at.loss)
    falls = lowest.loss < first.loss
    moved = f"{first.loss:.3f} at the start, {lowest.loss:.3f} at step {lowest.step:,}"
    sentences.append(f"The validation loss {'fell' if falls else 'did not fall'}: {moved}.")
    if first.accuracy is not None:
        best = max(at.accuracy or 0.0 for at in later)
        sentences.append(
            f"Validation accuracy: {per_cent(first.accuracy)} at the start, {per_cent(best)} at best later."
        )
        if baselines is not None and abs(best - baselines.majority.correct / baselines.majority.total) < _NEAR:
            sentences.append(
                f"That is about what always answering {baselines.majority_label!r} would give: the answers do not yet "
                "follow the input."
            )
    if falls:
        sentences.append("To try: more steps (--epochs, --min-steps, --patience), --learning-rate auto, or more rows.")
    else:
        sentences.append(
            "To try: a smaller --learning-rate or auto, another prompt text, or `embedgrad analyze --diagnose`, which "
            "judges a start."
        )
    return sentences


def _share(found: Proportion) -> str:
    return f"{per_cent(found.correct / found.total)} ({per_cent_interval(found.interval)})"


def outcome(result: Result) -> Outcome:
    """Better or worse only where the interval leaves out 0 and p is below 0.05: the two need not agree."""
    comparison = result.comparison or result.loss_comparison
    low, high = comparison.interval
    if low <= 0 <= high or comparison.p_value >= _THRESHOLD:
        return "unclear"
    rises = comparison.difference > 0
    return "better" if rises == (result.comparison is not None) else "worse"  # a loss should fall
