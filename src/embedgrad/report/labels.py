"""Targets against answers of a label task, counted from the predictions."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.run.predictions import PredictedRow
from embedgrad.run.record import RunRecord
from embedgrad.tasks.kinds import KINDS
from embedgrad.units import counted
from embedgrad.words import token_words

MOST_LABELS = 12
OTHER, UNREADABLE = "(other)", "(unreadable)"


@dataclass(frozen=True)
class Confusion:
    """`counts[i][j]` rows have the target `targets[i]` and were read, strictly, as `answers[j]`.

    The first `labels` of both are the same labels; then `(other)` where there are more than twelve, and among the
    answers `(unreadable)`. Two labels that both fall under `(other)` are not told apart.
    """

    labels: int
    targets: tuple[str, ...]
    answers: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def right(self) -> int:
        """Rows whose answer is their target, those under `(other)` left out."""
        return sum(self.counts[number][number] for number in range(self.labels))


def confusions(record: RunRecord) -> tuple[Confusion, Confusion] | None:
    """Before and after, with the same lines and columns; None where the task has no labels."""
    settings = tomllib.loads(record.settings)
    kind = KINDS.get(str(settings.get("task")))
    if kind is None or "labels" not in kind.takes or not record.predictions:
        return None
    named = settings.get("labels")
    known = _known(record.predictions, [str(label) for label in named] if isinstance(named, list) else [])
    labels, others = known, []
    if len(known) > MOST_LABELS:
        targets = Counter(row.target.strip() for row in record.predictions)
        frequent = sorted(known, key=lambda label: (-targets[label], known.index(label)))[: MOST_LABELS - 1]
        labels, others = [label for label in known if label in frequent], [OTHER]
    before = [(row.target.strip(), row.before.prediction) for row in record.predictions]
    after = [(row.target.strip(), row.after.prediction) for row in record.predictions]
    return _counted(before, labels, others), _counted(after, labels, others)


def confusion_finding(before: Confusion, after: Confusion) -> str:
    """Answers without a label, and the label that is now most often taken for another."""
    unreadable = [sum(line[-1] for line in side.counts) for side in (before, after)]
    sentence = f"Answers that are no label: {unreadable[0]:,} before, {unreadable[1]:,} after."
    wrong = [
        (count, -line, -column)
        for line, counts in enumerate(after.counts)
        for column, count in enumerate(counts[:-1])
        if count and line != column
    ]
    if not wrong:
        return sentence
    count, line, column = max(wrong)
    target, answer = (token_words(name) for name in (after.targets[-line], after.answers[-column]))
    return f"{sentence} The most frequent wrong answer after: {answer!r} for {target!r}, {counted(count, 'row')}."


def _known(rows: Sequence[PredictedRow], named: Sequence[str]) -> list[str]:
    """All labels, in the order of the settings, what these do not name in that of the alphabet."""
    targets = {row.target.strip() for row in rows}
    answers = {answer.prediction for row in rows for answer in (row.before, row.after) if answer.prediction is not None}
    return list(dict.fromkeys([*named, *sorted(targets | answers)]))


def _counted(pairs: Sequence[tuple[str, str | None]], labels: Sequence[str], others: Sequence[str]) -> Confusion:
    place = {label: number for number, label in enumerate(labels)}
    targets = (*labels, *others)
    counts = [[0] * (len(targets) + 1) for _ in targets]
    for target, answer in pairs:
        counts[place.get(target, len(labels))][-1 if answer is None else place.get(answer, len(labels))] += 1
    return Confusion(len(labels), targets, (*targets, UNREADABLE), tuple(tuple(line) for line in counts))
