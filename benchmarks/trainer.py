"""A whole tuning as a user of PEFT would write it: PromptTuning in Hugging Face's Trainer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from arms import collate, features, peft_model, prompt_weight
from embedgrad.data.batches import batch_rows
from embedgrad.template.layout import Layout
from models import with_shared_weights
from timing import clock

Accuracy = Callable[[PeftModel], float]  # on the validation rows, by `generate`


@dataclass(frozen=True)
class At:
    """A validation: when it ended, how long it took itself, in seconds, and the accuracy that it found."""

    step: int
    seconds: float
    own_seconds: float
    accuracy: float


@dataclass(frozen=True)
class Recipe:
    """AdamW without weight decay, gradient norm clipped at 1; `rate` absolute, `schedule` as Trainer names it."""

    rate: float
    schedule: str
    steps: int
    batch_size: int
    evaluate_every: int
    seed: int


@dataclass
class TrainerRun(TrainerCallback):  # type: ignore[misc]
    """A tuning on its way, validated at the start, every `evaluate_every` steps and at the end; then what came of it.

    curve          its validations; what comes before the first counts as its own
    embeddings     [k, D] of the best validation, the latest of equals
    training_loss  nats per target token, mean over all steps
    """

    recipe: Recipe
    accuracy: Accuracy
    started: float = field(default_factory=clock)
    curve: list[At] = field(default_factory=list)
    stepped: float = field(default_factory=clock)
    embeddings: Tensor = field(default_factory=lambda: torch.empty(0))
    training_loss: float = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, *, model: Any, **rest: Any
    ) -> None:
        self._validate(model, 0)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, *, model: Any, **rest: Any
    ) -> None:
        step = int(state.global_step)
        self.stepped = clock()
        if step % self.recipe.evaluate_every == 0 or step >= self.recipe.steps:
            self._validate(model, step)

    def _validate(self, model: PeftModel, step: int) -> None:
        model.eval()
        found = self.accuracy(model)
        model.train()
        if found >= max((at.accuracy for at in self.curve), default=0.0):
            self.embeddings = prompt_weight(model).detach().float().cpu().clone()
        now = clock()
        self.curve.append(At(step, now - self.started, now - self.stepped, found))


def tune_with_trainer(
    lm: Any, start: Tensor, rows: Sequence[Layout], recipe: Recipe, accuracy: Accuracy
) -> tuple[TrainerRun, PeftModel]:
    """Tune from `start` on `rows` (prompt first, with targets); the PEFT model comes back with the best prompt.

    The rows come in the order in which our loop takes them, so that both arms see the same batches.
    """
    run = TrainerRun(recipe, accuracy)
    wrapped = peft_model(with_shared_weights(lm), start)
    examples = [features(row) for row in rows]
    order = [i for step in range(recipe.steps) for i in batch_rows(len(rows), recipe.batch_size, recipe.seed, step)]
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=recipe.batch_size,
            max_steps=recipe.steps,
            learning_rate=recipe.rate,
            lr_scheduler_type=recipe.schedule,
            weight_decay=0.0,
            max_grad_norm=1.0,
            optim="adamw_torch",
            train_sampling_strategy="sequential",
            remove_unused_columns=False,
            label_names=["labels"],
            use_cpu=wrapped.device.type == "cpu",
            dataloader_pin_memory=wrapped.device.type != "cpu",
            seed=recipe.seed,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=wrapped,
            args=settings,
            train_dataset=[examples[i] for i in order],
            data_collator=collate,
            callbacks=[run],
        )
        trainer.remove_callback(PrinterCallback)  # it prints to stdout
        run.training_loss = float(trainer.train().training_loss)
    with torch.no_grad():
        prompt_weight(wrapped).copy_(run.embeddings)
    return run, wrapped.eval()
