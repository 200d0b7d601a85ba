"""Rows laid out once, on which any artifact can then be judged behind whose prompt they stand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from embedgrad.data.example import Example
from embedgrad.engine.generate import GeneratedIds, generate_ids
from embedgrad.engine.plan import Engine, choose, memory_told
from embedgrad.engine.requests import Request, with_prefixes
from embedgrad.engine.score import answer_nats
from embedgrad.engine.whole_rows import whole_rows_words
from embedgrad.errors import DataError, NonFiniteLoss
from embedgrad.evaluation.answer_text import decode
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Evaluation, Prediction, score_of
from embedgrad.evaluation.settings import ScoreBy, check_score_by
from embedgrad.events import Progress
from embedgrad.faces import setting
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.special_tokens import special_tokens_of
from embedgrad.prompt.bound import Bound
from embedgrad.prompt.rows import lay_out_rows, stop_ids, target_ids, template_of
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.grade import grade
from embedgrad.tasks.targets import check_special_tokens, settled
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Layout
from embedgrad.units import counted, line_words
from embedgrad.watch import Watch, counted_up

ROOM_FOR_WORDS = 16  # tokens an answer may be longer than the longest target


@dataclass(frozen=True)
class Judge:
    """Labeled rows behind the prompt of `bound`, ready to be answered.

    examples and rows are parallel, rows that do not fit the model's context left out (`skipped` of them).
    `rows` have no target yet, `targets` are the same rows with it.
    """

    bound: Bound
    engine: Engine
    task: Task
    score_by: ScoreBy
    max_new_tokens: int
    stop_ids: frozenset[int]
    label_ids: tuple[tuple[int, ...], ...]
    examples: tuple[Example, ...]
    rows: tuple[Layout, ...]
    targets: tuple[Layout, ...]
    skipped: int

    @classmethod
    def prepare(
        cls,
        bound: Bound,
        examples: Sequence[Example],
        judging: Judging = Judging(),
        watch: Watch = Watch(),
    ) -> Judge:
        """Lay out `examples` behind `bound`'s prompt. Raises DataError, UsageError, OverlongRows, TemplateError."""
        model, placed = bound.model, bound.prompt
        wanted = [example.target for example in examples if example.target is not None]
        if not examples or len(wanted) < len(examples):
            raise DataError("Evaluation needs at least one row, and a target in every row.")
        task = settled(judging.task, examples)
        check_score_by(task, judging.score_by)
        if task.has_metric or not template_of(placed).special_tokens_in_rows:
            check_special_tokens(examples, special_tokens_of(model.tokenizer))
        label_ids = tuple(target_ids(model, placed, label) for label in task.labels)
        longest = max([longest_target(model, placed, examples), *map(len, label_ids)])
        limit = judging.max_new_tokens or longest + ROOM_FOR_WORDS
        generates = _generates(task, judging.score_by)
        room = max(limit, longest) if generates else longest
        laid = lay_out_rows(
            model,
            placed,
            examples,
            with_target=False,
            answer_tokens=room,
            overlong=judging.overlong,
            room_is_for="answer" if room > longest else "the longest target",
        )
        kept = [(example, row) for example, row in zip(examples, laid, strict=True) if row is not None]
        if not kept:
            raise DataError("Every row is longer than the model's context: there is nothing to evaluate.")
        targets = tuple(row.with_target(target_ids(model, placed, example.target or "")) for example, row in kept)
        with memory_told(judging.batch_tokens):
            if generates and (sentence := whole_rows_words(model)):
                watch.note(sentence)
        with bound.in_use():
            engine = choose(model, bound.embeddings, targets, judging.batch_tokens, watch.note, with_gradient=False)
        return cls(
            bound=bound,
            engine=engine,
            task=task,
            score_by=judging.score_by,
            max_new_tokens=limit,
            stop_ids=stop_ids(model, placed),
            label_ids=label_ids,
            examples=tuple(example for example, _ in kept),
            rows=tuple(row for _, row in kept),
            targets=targets,
            skipped=len(examples) - len(kept),
        )

    @property
    def model(self) -> FrozenModel:
        return self.bound.model

    @property
    def majority(self) -> float | None:
        """How often the most frequent label is right; None without labels."""
        if not self.task.labels:
            return None
        return Counter((row.target or "").strip() for row in self.examples).most_common(1)[0][1] / len(self.examples)

    @property
    def shortened(self) -> int:
        """How many rows had the end of their input cut."""
        return sum(row.cut_tokens > 0 for row in self.rows)

    def judge(self, bound: Bound, name: str, progress: Progress = lambda done, total: None) -> Evaluation:
        """Answers, losses and Score of `bound` on all rows: the one of `prepare`, or another that stands in its place.
        `progress` counts a row once for its loss, once for its answer and once for each label scored. Raises
        NonFiniteLoss, and ValueError where these rows are not laid out behind the prompt of `bound`."""
        self.check_place(bound)
        count = counted_up(progress, self.work)
        prompt = bound.embeddings
        with bound.in_use():
            engine = self.engine_for(bound)
            nats = engine.row_nats(prompt, self.targets, count).tolist()
            self.check_finite(name, nats)
            answers = self._answers(prompt, count)
            likeliest = self._likeliest(engine, prompt, count)
        predictions = [self._prediction(i, nats[i], answers.get(i), likeliest.get(i)) for i in range(len(nats))]
        return Evaluation(score_of(name, self.task, predictions), tuple(predictions), self.skipped)

    def check_place(self, bound: Bound) -> None:
        """Raises ValueError where these rows are not laid out behind the prompt of `bound`."""
        here, there = self.bound.prompt, bound.prompt
        same = len(here) == len(there) and template_of(here).segments == template_of(there).segments
        if bound.model is not self.model or not same:
            raise ValueError("this judge's rows are laid out for another model or prompt; prepare one for this")

    def engine_for(self, bound: Bound) -> Engine:
        """What reads the rows while `bound` is in use."""
        return self.engine.afresh() if bound.cuts else self.engine

    def check_finite(self, name: str, nats: Sequence[float]) -> None:
        """Raises NonFiniteLoss where one of `nats`, of all rows, is not a number."""
        lines = [example.line for example, row in zip(self.examples, nats, strict=True) if not math.isfinite(row)]
        if lines:
            raise NonFiniteLoss(
                f"The loss of {name!r} is NaN or infinite on {len(lines)} of {counted(len(nats), 'row')}, "
                f"at {line_words(lines)}. Look at the prompt's learning rate, or use "
                f"{setting('dtype', 'float32', of='load_model')}."
            )

    @property
    def work(self) -> int:
        """What `progress` counts up to."""
        scored = 0 if self.score_by == "generation" else len(self.task.labels)
        return len(self.rows) * (1 + self.generates + scored)

    @property
    def generates(self) -> bool:
        """Whether answers are generated."""
        return _generates(self.task, self.score_by)

    def _answers(self, prompt: Tensor, count: Callable[[int], None]) -> dict[int, tuple[str, bool]]:
        """By row number: generated text without special tokens, and whether it was cut at the limit."""
        found: dict[int, tuple[str, bool]] = {}
        if self.generates:
            for number, answer in self.generated([Request(row, prompt, self.stop_ids) for row in self.rows]):
                found[number] = (decode(self.model, answer.ids), answer.truncated)
                count(1)
        return found

    def generated(self, requests: Sequence[Request]) -> Iterator[tuple[int, GeneratedIds]]:
        """(number, answer) of each of `requests` on these rows, as it ends."""
        if self.engine.shares:
            requests = with_prefixes(self.model, requests)
        return generate_ids(self.model, requests, self.max_new_tokens, batch_tokens=self.engine.batch_tokens)

    def _likeliest(self, engine: Engine, prompt: Tensor, count: Callable[[int], None]) -> dict[int, str]:
        """By row number: the label of highest likelihood, where labels are scored."""
        if self.score_by == "generation":
            return {}
        nats = answer_nats(engine, prompt, self.rows, self.label_ids, count)
        best = nats.argmin(1)
        lowest = zip(self.examples, nats.gather(1, best[:, None])[:, 0].tolist(), strict=True)
        if lines := [example.line for example, least in lowest if not math.isfinite(least)]:
            raise NonFiniteLoss(
                f"No label has a finite likelihood on {len(lines)} of {counted(len(nats), 'row')}, at "
                f"{line_words(lines)}. Look at the prompt's learning rate, or use "
                f"{setting('dtype', 'float32', of='load_model')}."
            )
        return {number: self.task.labels[index] for number, index in enumerate(best.tolist())}

    def _prediction(
        self, number: int, nats: float, answer: tuple[str, bool] | None, likeliest: str | None
    ) -> Prediction:
        example = self.examples[number]
        target = example.target or ""
        output, truncated = answer or (likeliest, False)
        graded = None if output is None else grade(self.task, output, target)
        return Prediction(
            line=example.line,
            input=example.input,
            target=target,
            output=output,
            prediction=graded.read if graded else None,
            correct=graded.correct if graded else None,
            meant=graded.meant if graded and answer else None,
            meant_correct=graded.meant_correct if graded and answer else None,
            likeliest=likeliest,
            truncated=truncated,
            nats=nats,
            tokens=len(self.targets[number].target),
            undecided=graded.undecided if graded else False,
        )


def longest_target(model: FrozenModel, placed: SoftPrompt, examples: Sequence[Example]) -> int:
    """Tokens of the longest target of `examples`, what ends it included."""
    return max(len(target_ids(model, placed, example.target or "")) for example in examples)


def _generates(task: Task, score_by: ScoreBy) -> bool:
    """Free text has no metric to read from an answer, so none is generated."""
    return task.has_metric and score_by != "likelihood"
