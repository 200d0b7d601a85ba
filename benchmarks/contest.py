"""One task on which a whole tuning is run twice: by `embedgrad.tune`, and by PEFT in Hugging Face's Trainer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peft import PeftModel

from answers import peft_answers
from arms import TOLERANCE
from embedgrad.data.example import Example
from embedgrad.evaluation.answer_text import decode
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import wilson
from embedgrad.events import Event, StepDone, Validated, Validating
from embedgrad.jobs.python import tune
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.pocket.tasks import PocketTask
from embedgrad.pocket.trial import best_prompt, settings_of
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.settings import BEFORE
from outcome import Row
from trainer import Recipe, tune_with_trainer

Curve = Sequence[tuple[int, float, float]]  # step, seconds, validation accuracy


@dataclass(frozen=True)
class Tuned:
    """What one arm came to: its validations, its best prompt, its mean loss over the steps, all its seconds."""

    curve: Curve
    prompt: SoftPrompt
    training_loss: float
    seconds: float


class Contest:
    """A task, a model and a start.

    steps           of the optimizer; default the task's own number
    evaluate_every  steps between validations
    most_rows       of each part of the task; default all
    """

    def __init__(
        self, model: FrozenModel, task: PocketTask, steps: int | None, evaluate_every: int, most_rows: int | None
    ) -> None:
        self.model, self.task = model, task
        self.train, self.validation, self.test = (task.rows(p)[:most_rows] for p in ("train", "validation", "test"))
        self.start, _ = best_prompt(model, task, self.validation)
        exact = {"min_steps": steps or task.steps, "epochs": 1e-9, "patience": 10**6, "evaluate_every": evaluate_every}
        self.settings = settings_of(task).model_dump() | exact

    def ours(self, seed: int, **changed: Any) -> Tuned:
        """By `embedgrad.tune`."""
        curve: list[tuple[int, float, float]] = []
        losses: list[float] = []

        def listen(event: Event | Validating) -> None:
            if isinstance(event, Validated):
                curve.append((event.step, time.perf_counter() - started, event.accuracy or 0.0))
            elif isinstance(event, StepDone):
                losses.append(event.loss)

        settings = self.settings | {"seed": seed} | changed
        started = time.perf_counter()
        run = tune(
            self.model,
            self.start,
            self.train,
            validation=self.validation,
            task=self.task.task,
            listen=listen,
            **settings,
        )
        return Tuned(curve, run.prompt, sum(losses) / len(losses), time.perf_counter() - started)

    def peft(self, seed: int, **changed: Any) -> tuple[Tuned, PeftModel]:
        """By PEFT in HF Trainer; the PEFT model holds the best prompt."""
        settings = self.settings | changed
        started = time.perf_counter()
        rows = [row for row in lay_out_rows(self.model, self.start, self.train) if row is not None]
        judge = self.judge(self.validation)
        recipe = Recipe(
            rate=resolve_learning_rate(settings["learning_rate"], self.model.parameters, self.model.table_rms, "adamw"),
            steps=settings["min_steps"],
            batch_size=settings["batch_size"],
            evaluate_every=settings["evaluate_every"],
            seed=seed,
        )
        run, wrapped = tune_with_trainer(
            self.model.lm, self.start.embeddings, rows, recipe, lambda now: self.peft_accuracy(now, judge)
        )
        prompt = self.start.moved(run.embeddings)
        return Tuned(run.curve, prompt, run.training_loss, time.perf_counter() - started), wrapped

    def warm_up(self) -> None:
        """A few uncounted steps of both arms, since each new shape costs time once per process; with one update for
        both, their losses, the later of which depend on the first updates, must agree. Exits with a message where they
        do not."""
        ours, (theirs, _) = self.ours(0, **BEFORE, min_steps=3), self.peft(0, min_steps=3)
        difference = abs(ours.training_loss - theirs.training_loss) / abs(ours.training_loss)
        if not difference <= TOLERANCE[self.model.dtype]:
            raise SystemExit(
                f"The arms tune different things: over 3 steps of {self.task.name} their losses differ by "
                f"{difference:.1e} relative. Nothing was timed."
            )

    def judge(self, rows: Sequence[Example]) -> Judge:
        return Judge.prepare(self.start.bind(self.model), rows, Judging(self.task.task))

    def peft_accuracy(self, wrapped: PeftModel, judge: Judge) -> float:
        """Share of rows that PEFT's `generate` answers right, by the task's strict reading."""
        order = sorted(range(len(judge.rows)), key=lambda i: len(judge.rows[i]))
        answers = peft_answers(wrapped, [judge.rows[i] for i in order], judge.max_new_tokens, judge.stop_ids)
        reads = [read_strict(self.task.task, decode(self.model, ids)) for ids in answers]
        targets = [judge.examples[i].target or "" for i in order]
        right = [is_correct(self.task.task, *pair) for pair in zip(reads, targets, strict=True)]
        return sum(map(bool, right)) / len(right)

    def row(self, seed: int) -> Row:
        """Both arms; which of them is first alternates with the seed."""
        first = self.ours(seed) if seed % 2 == 0 else None
        theirs, wrapped = self.peft(seed)
        ours = first or self.ours(seed)
        reached = min(max(accuracy for _, _, accuracy in arm.curve) for arm in (ours, theirs))
        to, peft_to = (_seconds_to(arm.curve, reached) for arm in (ours, theirs))
        judge = self.judge(self.test)
        total = len(judge.rows)
        correct, peft_correct = (
            judge.judge(arm.prompt.bind(self.model), arm.prompt.name).score.correct or 0 for arm in (ours, theirs)
        )
        return {
            "task": self.task.name,
            "dtype": self.model.dtype_name,
            "seed": seed,
            "steps": self.settings["min_steps"],
            "reached": reached,
            "peft_seconds_to": peft_to,
            "seconds_to": to,
            "ratio_to": peft_to / to,
            "peft_seconds": theirs.seconds,
            "seconds": ours.seconds,
            "ratio": theirs.seconds / ours.seconds,
            "peft_training_loss": theirs.training_loss,
            "training_loss": ours.training_loss,
            "total": total,
            "peft_accuracy": peft_correct / total,
            "peft_interval": wilson(peft_correct, total),
            "accuracy": correct / total,
            "interval": wilson(correct, total),
            "accuracy_by_peft": self.peft_accuracy(wrapped, judge),
            "peft_curve": theirs.curve,
            "curve": ours.curve,
        }


def _seconds_to(curve: Curve, accuracy: float) -> float:
    return next(seconds for _, seconds, found in curve if found >= accuracy)
