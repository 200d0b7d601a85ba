"""`eg.tune`: from a prompt and labeled rows to a better prompt. `eg.forward`: one loss and gradient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from torch import Tensor

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples
from embedgrad.data.splits import data_sha256, split
from embedgrad.engine.plan import BATCH_TOKENS, choose
from embedgrad.engine.rows import LossAndGradient
from embedgrad.errors import DataError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.layouts import lay_out_rows, seam_report
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.placement import PromptLike, start
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.settings import checked
from embedgrad.tasks.task import Task, infer_task
from embedgrad.template.layout import Layout, Overlong
from embedgrad.template.template import Template
from embedgrad.tuning.events import Event, Listener, Validating
from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.loop import Validation, tune_prompt
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State, load_state, save_state

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A finished tuning.

    prompt     the best prompt by validation; the start itself where nothing was better
    start      the prompt it started from
    events     what happened in this session, in order
    seconds    of tuning and validation, over all sessions
    """

    prompt: SoftPrompt
    start: SoftPrompt
    events: tuple[Event, ...]
    steps: int
    best_step: int
    stopped: str
    seconds: float
    skipped: int

    @property
    def drift(self) -> float:
        """How far the vectors moved: median over tokens of ||v - v0|| / ||v0||."""
        moved = (self.prompt.embeddings - self.start.embeddings).norm(dim=1)
        return float((moved / self.start.embeddings.norm(dim=1)).median())


def tune(
    model: FrozenModel,
    prompt: PromptLike,
    examples: Sequence[Example] | str | Path,
    *,
    validation: Sequence[Example] | str | Path | None = None,
    template: Template | None = None,
    task: Task | None = None,
    score_by: ScoreBy = "generation",
    max_new_tokens: int | None = None,
    overlong: Overlong = "error",
    checkpoint: Path | None = None,
    listen: Listener = lambda event: None,
    before_save: Callable[[], None] = lambda: None,
    say: Say = lambda message: None,
    **settings: Any,
) -> Run:
    """Tune the embeddings of `prompt` on `examples`, the model frozen.

    prompt       a text, a file, or a SoftPrompt from `start` (which offers other starts and frozen tokens)
    examples     labeled rows or their file; `validation` rows choose the best prompt, by default 20 % of `examples`
    task         what a right answer is; default told from the targets
    checkpoint   file to save to and, where it exists, to resume from
    before_save  called before each checkpoint is written
    settings     fields of TuningSettings: learning_rate, epochs, batch_size, ...

    Raises SettingsError, DataError, OverlongRows, NonFiniteLoss, Interrupted, CannotResume, OutputError.
    """
    options = checked(TuningSettings, settings, "tune")
    train_rows, validation_rows = _rows(examples, validation, options.seed, template.columns[1:] if template else ())
    placed = start(model, prompt, template, seed=options.seed, say=say)
    chosen = task or infer_task([example.target or "" for example in (*train_rows, *validation_rows)])
    laid = lay_out_rows(model, placed, train_rows, overlong=overlong)
    layouts = [layout for layout in laid if layout is not None]
    if not layouts:
        raise DataError("Every tuning row is longer than the model's context: there is nothing to tune on.")
    judge = Judge.prepare(
        model,
        placed,
        validation_rows,
        chosen,
        score_by=score_by,
        max_new_tokens=max_new_tokens,
        overlong=overlong,
        batch_tokens=options.batch_tokens,
    )
    for sentence in (seam_report(model, placed, train_rows), _skipped_words(laid, judge)):
        if sentence:
            say(sentence)

    embeddings = placed.embeddings.to(model.device)
    engine = choose(model, embeddings, layouts, options.batch_tokens, say)
    rate = resolve_learning_rate(options.learning_rate, model.parameters, model.table_rms)
    identity = _inputs_sha256(model, placed, train_rows, validation_rows, options, chosen, judge)
    state = State.start(embeddings)
    if checkpoint is not None and checkpoint.exists():
        state = load_state(checkpoint, identity, model.device)

    def save(current: State) -> None:
        if checkpoint is not None:
            before_save()
            save_state(checkpoint, current, identity)

    def validate(current: Tensor, step: int) -> Validation:
        judged = judge.judge(current, placed.name, lambda done, total: listen(Validating(step, done, total)))
        return Validation(judged.score.loss, judged.score.accuracy)

    events: list[Event] = []

    def heard(event: Event) -> None:
        events.append(event)
        listen(event)

    trainable = None if placed.trainable is None else torch.tensor(placed.trainable, device=model.device)
    end = tune_prompt(engine, layouts, validate, state, options, rate, trainable=trainable, listen=heard, save=save)
    assert end.best is not None
    assert end.finished is not None
    metrics: dict[str, JsonValue] = {
        "validation_loss": end.best.loss,
        "validation_accuracy": end.best.accuracy,
        "validation_rows": len(judge.rows),
        "step": end.best.step,
    }
    story: dict[str, JsonValue] = {**options.model_dump(mode="json"), "learning_rate": rate, "task": chosen.kind}
    return Run(
        prompt=placed.moved(end.best.embeddings, metrics, story),
        start=placed,
        events=tuple(events),
        steps=end.step,
        best_step=end.best.step,
        stopped=end.finished,
        seconds=end.seconds,
        skipped=len(laid) - len(layouts),
    )


def forward(
    model: FrozenModel,
    prompt: SoftPrompt,
    examples: Sequence[Example],
    *,
    embeddings: Tensor | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> LossAndGradient:
    """Loss (nats per target token) and gradient [P, D] of `examples`, for those who bring their own loop.

    `embeddings` [P, D] take the place of the prompt's own. Raises OverlongRows, DataError.
    """
    if any(example.target is None for example in examples) or not examples:
        raise DataError("forward needs at least one row, and a target in every row.")
    layouts = [layout for layout in lay_out_rows(model, prompt, examples) if layout is not None]
    at = (prompt.embeddings if embeddings is None else embeddings).to(model.device)
    return choose(model, at, layouts, batch_tokens).loss_and_gradient(at, layouts)


def _rows(
    examples: Sequence[Example] | str | Path,
    validation: Sequence[Example] | str | Path | None,
    seed: int,
    columns: Sequence[str],
) -> tuple[Sequence[Example], Sequence[Example]]:
    rows = load_examples(examples) if isinstance(examples, str | Path) else examples
    if any(example.target is None for example in rows):
        raise DataError("Tuning needs a target in every row.")
    held_out = load_examples(validation) if isinstance(validation, str | Path) else validation
    parts = split(rows, validation=held_out, test=(), seed=seed, columns=columns)
    return parts.train, parts.validation


def _skipped_words(laid: Sequence[Layout | None], judge: Judge) -> str | None:
    left_out = sum(layout is None for layout in laid)
    if not left_out and not judge.skipped:
        return None
    return (
        f"Left out because they are longer than the model's context: {left_out} tuning rows, "
        f"{judge.skipped} validation rows."
    )


def _inputs_sha256(
    model: FrozenModel,
    placed: SoftPrompt,
    train: Sequence[Example],
    validation: Sequence[Example],
    options: TuningSettings,
    task: Task,
    judge: Judge,
) -> str:
    """Digest of all that a checkpoint depends on; how often it is saved is not part of it."""
    digest = hashlib.sha256()
    parts = [
        data_sha256(train),
        data_sha256(validation),
        model.identity.model_dump(mode="json", exclude={"name", "revision"}),
        str(model.dtype),
        placed.template.model_dump(mode="json") if placed.template else None,
        placed.trainable,
        options.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        [task.kind, task.labels, task.pattern, judge.score_by, judge.max_new_tokens, len(judge.rows)],
    ]
    digest.update(json.dumps(parts).encode())
    digest.update(placed.embeddings.numpy().tobytes())
    return digest.hexdigest()
