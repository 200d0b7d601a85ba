"""One task on which a whole tuning is run twice: by `embedgrad.tune`, and by PEFT in Hugging Face's Trainer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peft import PeftModel

import embedgrad as eg
from answers import peft_answers
from arms import TOLERANCE
from embedgrad.data.example import Example
from embedgrad.evaluation.answer_text import decode
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import wilson
from embedgrad.events import Event, StepDone, Validated, Validating
from embedgrad.jobs.python import tune
from embedgrad.pocket.tasks import NAMES
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.tuning.settings import BEFORE, TuningSettings
from learning_tasks import LearningTask
from outcome import Row
from timing import clock
from trainer import At, Recipe, tune_with_trainer

REAL_STEPS = 150
PROMPT_FIRST = "{prompt}<|im_start|>user\n{input}<|im_end|>\n<|im_start|>assistant\n"
"""SmolLM2's turns behind a prompt that stands first, since PEFT can put it nowhere else."""


@dataclass(frozen=True)
class PeftRate:
    """A learning rate of PEFT's arm, absolute, and Trainer's schedule for it."""

    name: str
    rate: float
    schedule: str = "linear"


DOCUMENTED = PeftRate("documented", 3e-2)
"""As PEFT's guide to prompt tuning has it, with AdamW and a linear fall, which is Trainer's default too."""


@dataclass(frozen=True)
class Tuned:
    """What one arm came to: its validations, its best prompt, its mean loss over the steps, all its seconds."""

    curve: Sequence[At]
    prompt: SoftPrompt
    training_loss: float
    seconds: float


@dataclass(frozen=True)
class Spent:
    """Steps and validations, and the seconds of each kind; what comes before the first validation counts as its own."""

    steps: int
    validations: int
    stepping: float
    validating: float

    @property
    def seconds(self) -> float:
        return self.stepping + self.validating

    def over(self, ours: Spent) -> dict[str, float]:
        """How many times ours this takes, as a product of three parts: our step in place of this one, then our
        validation, then our number of both."""
        step = ours.stepping / max(ours.steps, 1) * self.steps if self.steps else self.stepping
        validation = ours.validating / ours.validations * self.validations
        with_steps, with_both = step + self.validating, step + validation
        return {
            "ratio": self.seconds / ours.seconds,
            "by_step": self.seconds / with_steps,
            "by_validation": with_steps / with_both,
            "by_optimizer": with_both / ours.seconds,
        }


def until(curve: Sequence[At], accuracy: float) -> Spent:
    """What it took until a validation first found that accuracy."""
    end = next(number for number, at in enumerate(curve) if at.accuracy >= accuracy)
    validating = sum(at.own_seconds for at in curve[: end + 1])
    at = curve[end]
    return Spent(at.step, end + 1, at.seconds - validating, validating)


class Contest:
    """A task and a start on a model.

    steps           of the optimizer; default ten passes over the rows, as by default, of a real data set 150
    evaluate_every  steps between validations
    most_rows       of each part of the task; default all
    """

    def __init__(self, task: LearningTask, steps: int | None, evaluate_every: int, most_rows: int | None) -> None:
        self.model, self.task = task.model, task
        self.train, self.validation, self.test = (rows[:most_rows] for rows in (task.train, task.validation, task.test))
        is_real = task.name not in NAMES
        template = eg.Template.text(PROMPT_FIRST) if is_real else None
        self.start = eg.start(self.model, task.start.text or "", template) if is_real else task.start
        exactly = steps or (REAL_STEPS if is_real else None)
        length = {} if exactly is None else {"epochs": 1e-9, "min_steps": exactly}
        self.settings: dict[str, Any] = {"patience": 10**6, "evaluate_every": evaluate_every, **length}
        self.steps = TuningSettings.model_validate(self.settings).total_steps(len(self.train))
        self._is_warm = False

    def ours(self, seed: int, **changed: Any) -> Tuned:
        """By `embedgrad.tune`."""
        curve: list[At] = []
        losses: list[float] = []

        def listen(event: Event | Validating) -> None:
            nonlocal stepped
            now = clock()
            if isinstance(event, Validated):
                curve.append(At(event.step, now - started, now - stepped, event.accuracy or 0.0))
            elif isinstance(event, StepDone):
                losses.append(event.loss)
                stepped = now

        settings = self.settings | {"seed": seed} | changed
        started = stepped = clock()
        run = tune(
            self.model,
            self.start,
            self.train,
            validation=self.validation,
            task=self.task.task,
            listen=listen,
            **settings,
        )
        return Tuned(curve, run.prompt, sum(losses) / len(losses), clock() - started)

    def peft(self, seed: int, at: PeftRate, **changed: Any) -> tuple[Tuned, PeftModel]:
        """By PEFT in HF Trainer; the PEFT model holds the best prompt."""
        settings = TuningSettings.model_validate(self.settings | changed)
        started = clock()
        rows = [row for row in lay_out_rows(self.model, self.start, self.train) if row is not None]
        judge = self.judge(self.validation)
        recipe = Recipe(
            rate=at.rate,
            schedule=at.schedule,
            steps=settings.total_steps(len(rows)),
            batch_size=settings.batch_size,
            evaluate_every=settings.steps_between_validations(len(rows)),
            seed=seed,
        )
        run, wrapped = tune_with_trainer(
            self.model.lm, self.start.embeddings, rows, recipe, lambda now: self.peft_accuracy(now, judge)
        )
        prompt = self.start.moved(run.embeddings)
        return Tuned(run.curve, prompt, run.training_loss, clock() - started), wrapped

    def warm_up(self) -> None:
        """A few uncounted steps of both arms, since each new shape costs time once per process; with one update for
        both, their losses, the later of which depend on the first updates, must agree. Exits with a message where they
        do not."""
        same, three = PeftRate("the paper's", self.rate_of_rms(0.5), "constant"), {"epochs": 1e-9, "min_steps": 3}
        ours, (theirs, _) = self.ours(0, **BEFORE, **three), self.peft(0, same, **three)
        difference = abs(ours.training_loss - theirs.training_loss) / abs(ours.training_loss)
        if not difference <= TOLERANCE[self.model.dtype]:
            raise SystemExit(
                f"The arms tune different things: over 3 steps of {self.task.name} their losses differ by "
                f"{difference:.1e} relative. Nothing was timed."
            )

    def rate_of_rms(self, share: float) -> float:
        """Of the embedding table's RMS, absolute."""
        return share * self.model.table_rms

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

    def run(self, seed: int, rate: PeftRate | None) -> Row:
        """A whole tuning, ours or PEFT's at that rate, with its best prompt on the test rows. The first one waits for
        `warm_up`."""
        if not self._is_warm:
            self.warm_up()
            self._is_warm = True
        tuned = self.ours(seed) if rate is None else self.peft(seed, rate)[0]
        judge = self.judge(self.test)
        right = judge.judge(tuned.prompt.bind(self.model), tuned.prompt.name).score.correct or 0
        return {
            **self.key(seed, rate),
            "model": self.model.identity.name,
            "rate": rate and rate.rate,
            "curve": [vars(at) for at in tuned.curve],
            "seconds": tuned.seconds,
            "total": len(judge.rows),
            "accuracy": right / len(judge.rows),
            "interval": wilson(right, len(judge.rows)),
        }

    def key(self, seed: int, rate: PeftRate | None) -> Row:
        """What a run of one contest differs in from those of others."""
        return {
            "task": self.task.name,
            "arm": "ours" if rate is None else rate.name,
            "seed": seed,
            "dtype": self.model.dtype_name,
            "steps": self.steps,
            "evaluate_every": self.settings["evaluate_every"],
            "rows": [len(part) for part in (self.train, self.validation, self.test)],
        }


def compared(ours: Row, theirs: Row, against: str) -> Row:
    """Two runs with the same seed, until each first reached the lower of their best validation accuracies."""
    curve, peft_curve = ([At(**at) for at in run["curve"]] for run in (ours, theirs))
    best, peft_best = (max(at.accuracy for at in one) for one in (curve, peft_curve))
    reached = min(best, peft_best)
    spent, peft_spent = until(curve, reached), until(peft_curve, reached)
    return {
        **{name: ours[name] for name in ("task", "model", "dtype", "seed", "total", "accuracy", "interval", "curve")},
        "against": against,
        "peft_rate": theirs["rate"],
        "steps": curve[-1].step,
        "reached": reached,
        "seconds": spent.seconds,
        "peft_seconds": peft_spent.seconds,
        **peft_spent.over(spent),
        "steps_to": spent.steps,
        "peft_steps_to": peft_spent.steps,
        "whole_seconds": ours["seconds"],
        "peft_whole_seconds": theirs["seconds"],
        "best": best,
        "peft_best": peft_best,
        **{f"peft_{name}": theirs[name] for name in ("accuracy", "interval", "curve")},
    }
