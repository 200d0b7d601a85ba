"""Which rows a prompt answers right, without the answers: what a validation asks for, for little more than its loss.

The pass that gives the losses tells how each greedy answer begins (`engine.greedy`). One that it tells to its end is
graded. Only the others are generated, from where the pass leaves them, and stop as soon as no right answer can follow
(`tasks.begun`). Equals what `Judge.judge` finds of the same rows (tests/equivalence/test_verdicts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from embedgrad.engine.greedy import Opening, read_openings
from embedgrad.engine.requests import Request
from embedgrad.evaluation.answer_text import decode
from embedgrad.evaluation.judge import Judge
from embedgrad.events import Progress
from embedgrad.prompt.bound import Bound
from embedgrad.tasks.begun import is_beyond_hope, is_told_early
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.watch import counted_up


@dataclass(frozen=True)
class Verdict:
    """Of one row; each as in `Prediction`.

    read           what was read strictly; of a wrong answer whose end nobody needed, from its beginning
    correct        whether that is the target; None without a metric
    nats, tokens   loss summed over the target's tokens, and their number
    """

    read: str | None
    correct: bool | None
    nats: float
    tokens: int


@dataclass(frozen=True)
class Verdicts:
    """Of one prompt on all rows of a judge, in their order."""

    rows: tuple[Verdict, ...]

    @property
    def loss(self) -> float:
        """Nats per target token."""
        return sum(row.nats for row in self.rows) / sum(row.tokens for row in self.rows)

    @property
    def accuracy(self) -> float | None:
        """The share of right answers; None without a metric."""
        known = [row.correct for row in self.rows if row.correct is not None]
        return sum(known) / len(known) if known else None


def verdicts_of(
    judge: Judge,
    bound: Bound,
    name: str,
    progress: Progress = lambda done, total: None,
    told_apart: Sequence[str] = (),
) -> Verdicts:
    """What `judge.judge` would find strictly, and the losses. `progress` counts a row once for its loss and once for
    its answer. Where `told_apart` are the labels, what is read of each row is also right of wrong answers, which are
    then generated as far as they may still be one of them. Raises what `judge.judge` raises."""
    if not judge.generates:
        found = judge.judge(bound, name, progress).predictions
        return Verdicts(tuple(Verdict(p.prediction, p.correct, p.nats, p.tokens) for p in found))
    judge.check_place(bound)
    count = counted_up(progress, 2 * len(judge.rows))
    with bound.in_use():
        nats, openings = read_openings(judge.engine_for(bound), bound.embeddings, judge.targets, count)
        judge.check_finite(name, nats.tolist())
        answers = [_Answer(judge, number, opening, told_apart) for number, opening in enumerate(openings)]
        texts = _texts(judge, bound.embeddings, answers, count)
    verdicts = []
    for example, row, loss, text in zip(judge.examples, judge.targets, nats.tolist(), texts, strict=True):
        read = read_strict(judge.task, text)
        correct = is_correct(judge.task, read, example.target or "")
        verdicts.append(Verdict(read, correct, loss, len(row.target)))
    return Verdicts(tuple(verdicts))


def _texts(judge: Judge, prompt: Tensor, answers: Sequence[_Answer], count: Callable[[int], None]) -> list[str]:
    """Each of `answers`, or as much of it as makes it wrong."""
    going = [answer for answer in answers if not answer.is_over]
    count(len(answers) - len(going))
    for place, found in judge.generated([answer.request(prompt) for answer in going]):
        going[place].ids = (*going[place].ids, *found.ids)
        count(1)
    return [answer.text for answer in answers]


class _Answer:
    """The greedy answer to one row, as far as it is known.

    ids      its tokens, without the one that ends it
    is_over  whether no more are needed
    """

    def __init__(self, judge: Judge, number: int, opening: Opening, told_apart: Sequence[str]) -> None:
        self._told_apart = told_apart
        self._judge, self._row, self._target = judge, judge.rows[number], judge.examples[number].target or ""
        end = next((place for place, token in enumerate(opening.ids) if token in judge.stop_ids), None)
        self.ids = opening.ids[: judge.max_new_tokens if end is None else min(end, judge.max_new_tokens)]
        self.is_over = end is not None or len(self.ids) == judge.max_new_tokens or self._is_beyond_hope(self.ids)
        if opening.is_open and not self.is_over:
            self.ids = ()  # decoded as ever, token by token

    @property
    def text(self) -> str:
        return decode(self._judge.model, self.ids)

    def request(self, prompt: Tensor) -> Request:
        """What is asked for to go on."""
        row = self._row.with_target(self.ids) if self.ids else self._row
        if not is_told_early(self._judge.task, self._target):
            return Request(row, prompt, self._judge.stop_ids)
        taken = list(self.ids)

        def ends(token: int) -> bool:
            taken.append(token)
            return self._is_beyond_hope(taken)

        return Request(row, prompt, self._judge.stop_ids, ends)

    def _is_beyond_hope(self, ids: Sequence[int]) -> bool:
        return is_beyond_hope(self._judge.task, decode(self._judge.model, ids), self._target, self._told_apart)
