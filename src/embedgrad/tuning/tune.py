"""`eg.tune`: from a prompt and labeled rows to a better prompt. `eg.forward`: one loss and gradient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from torch import Tensor

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples
from embedgrad.data.splits import Parts, split
from embedgrad.engine.compiled import is_worth_it
from embedgrad.engine.forecast import fitted, naive_flops
from embedgrad.engine.plan import BATCH_TOKENS, Engine, choose
from embedgrad.engine.rows import LossAndGradient
from embedgrad.errors import DataError, TuningError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.layouts import lay_out_rows, seam_report, template_of
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
from embedgrad.tuning.state import Best, State, load_state, save_state

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
        length = self.start.embeddings.norm(dim=1)
        return float((moved / length)[length > 0].median()) if bool((length > 0).any()) else 0.0


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
    checkpoint: str | Path | None = None,
    depends_on: str = "",
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
    depends_on   a further text that a resumed run must agree in
    before_save  called before each checkpoint is written
    settings     fields of TuningSettings: learning_rate, epochs, batch_size, ...

    Raises SettingsError, DataError, OverlongRows, CannotResume, OutputError, NotEnoughMemory and what `start` raises;
    NonFiniteLoss, and Interrupted after Ctrl-C, with the best prompt so far as their `prompt`.
    """
    options = checked(TuningSettings, settings, "tune")
    placed = start(model, prompt, template, seed=options.seed, say=say)
    parts = _rows(examples, validation, options.seed, template_of(placed).source.columns[1:])
    train_rows, validation_rows = parts.train, parts.validation
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
    for sentence in (_removed_words(parts), seam_report(model, placed, train_rows), *_fitting_words(laid, judge)):
        if sentence:
            say(sentence)

    embeddings = placed.embeddings.to(model.device)
    engine = _engine(model, embeddings, layouts, options, say)
    rate = resolve_learning_rate(options.learning_rate, model.parameters, model.table_rms)
    identity = _inputs_sha256(model, placed, layouts, options, judge, depends_on)
    state = State.start(embeddings)
    saved = None if checkpoint is None else Path(checkpoint)
    if saved is not None and saved.exists():
        state = load_state(saved, identity, model.device)

    def save(current: State) -> None:
        if saved is not None:
            before_save()
            save_state(saved, current, identity)

    def validate(current: Tensor, step: int) -> Validation:
        judged = judge.judge(current, placed.name, lambda done, total: listen(Validating(step, done, total)))
        return Validation(judged.score.loss, judged.score.accuracy)

    events: list[Event] = []

    def heard(event: Event) -> None:
        events.append(event)
        listen(event)

    trainable = None if placed.trainable is None else torch.tensor(placed.trainable, device=model.device)
    story: dict[str, JsonValue] = {**options.model_dump(mode="json"), "learning_rate": rate, "task": chosen.kind}

    def best_prompt(best: Best) -> SoftPrompt:
        metrics: dict[str, JsonValue] = {
            "validation_loss": best.loss,
            "validation_accuracy": best.accuracy,
            "validation_rows": len(judge.rows),
            "step": best.step,
        }
        return placed.moved(best.embeddings, metrics, story)

    try:
        end = tune_prompt(engine, layouts, validate, state, options, rate, trainable=trainable, listen=heard, save=save)
    except TuningError as error:
        if isinstance(error.state, State) and error.state.best is not None:
            error.prompt = best_prompt(error.state.best)
        raise
    assert end.best is not None
    assert end.finished is not None
    return Run(
        prompt=best_prompt(end.best),
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


def _engine(
    model: FrozenModel,
    embeddings: Tensor,
    layouts: Sequence[Layout],
    options: TuningSettings,
    say: Say,
) -> Engine:
    """The engine of the whole run, which says how it goes about it and what that takes."""
    run_flops = options.total_steps(len(layouts)) * naive_flops(model, layouts, options.batch_size)
    compiled = is_worth_it(options.compile, run_flops, model)
    engine = choose(model, embeddings, layouts, options.batch_tokens, say, compiled=compiled)
    limit = options.memory_limit_bytes
    engine, expected = fitted(engine, embeddings, layouts, options.batch_size, limit, say)
    say(f"{engine.reason}; {expected.arithmetic()}")
    say(expected.memory())
    return engine


def _rows(
    examples: Sequence[Example] | str | Path,
    validation: Sequence[Example] | str | Path | None,
    seed: int,
    columns: Sequence[str],
) -> Parts:
    rows = load_examples(examples, columns=columns) if isinstance(examples, str | Path) else examples
    if any(example.target is None for example in rows):
        raise DataError("Tuning needs a target in every row.")
    held_out = load_examples(validation, columns=columns) if isinstance(validation, str | Path) else validation
    return split(rows, validation=held_out, test=(), seed=seed, columns=columns)


def _removed_words(parts: Parts) -> str | None:
    removed = parts.removed_train
    return f"{removed} tuning rows are left out because validation has their input too." if removed else None


def _fitting_words(laid: Sequence[Layout | None], judge: Judge) -> Iterator[str]:
    """How many rows were left out or shortened to fit the model's context."""
    skipped = sum(layout is None for layout in laid)
    if skipped or judge.skipped:
        yield (
            f"Left out because they are longer than the model's context: {skipped} tuning rows, "
            f"{judge.skipped} validation rows."
        )
    shortened = sum(layout is not None and layout.cut_tokens > 0 for layout in laid)
    if shortened or judge.shortened:
        yield (
            f"Inputs whose end was cut to fit the model's context: {shortened} tuning rows, "
            f"{judge.shortened} validation rows."
        )


def _inputs_sha256(
    model: FrozenModel,
    placed: SoftPrompt,
    layouts: Sequence[Layout],
    options: TuningSettings,
    judge: Judge,
    depends_on: str,
) -> str:
    """Digest of all that a checkpoint depends on; how often it is saved is not part of it."""
    task = judge.task
    parts = [
        [layout.ids for layout in layouts],
        [layout.ids for layout in judge.targets],
        model.identity.model_dump(mode="json", exclude={"name", "revision"}),
        str(model.dtype),
        placed.trainable,
        options.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        [task.kind, task.labels, task.pattern, judge.score_by, judge.max_new_tokens],
        depends_on,
    ]
    digest = hashlib.sha256(json.dumps(parts).encode())
    digest.update(placed.embeddings.numpy().tobytes())
    return digest.hexdigest()
