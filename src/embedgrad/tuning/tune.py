"""`eg.tune`: from a prompt and labeled rows to a better prompt. `eg.forward`: one loss and gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from torch import Tensor

from embedgrad.data.example import Example
from embedgrad.data.sources import nobody
from embedgrad.engine.plan import BATCH_TOKENS, choose
from embedgrad.engine.rows import LossAndGradient
from embedgrad.errors import DataError, TuningError, UsageError
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.evaluation.task_record import task_record
from embedgrad.layouts import lay_out_rows
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.placement import PromptLike
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.public import listed, public, soft_prompt
from embedgrad.settings import checked
from embedgrad.shapes import EngineUsed
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong
from embedgrad.template.template import Template
from embedgrad.tuning.calibrate import Calibration, calibrate
from embedgrad.tuning.events import Calibrating, Event, Listener, Validating
from embedgrad.tuning.learning_rate import AUTO, resolve_learning_rate
from embedgrad.tuning.loop import Snapshot
from embedgrad.tuning.prepare import Rows, Say, Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import Best, State


@dataclass(frozen=True)
class Run:
    """A finished tuning.

    prompt     the best prompt by validation; the start itself where nothing was better
    start      the prompt it started from
    events     what happened in this session, in order
    seconds    of tuning and validation, over all sessions
    calibration   how `learning_rate="auto"` chose; its seconds are not in `seconds`
    engine     how rows went through the model, and why
    """

    prompt: SoftPrompt
    start: SoftPrompt
    events: tuple[Event, ...]
    steps: int
    best_step: int
    stopped: str
    seconds: float
    skipped: int
    calibration: Calibration | None = None
    engine: EngineUsed | None = None

    @property
    def drift(self) -> float:
        """How far the vectors moved: median over tokens of ||v - v0|| / ||v0||."""
        moved = (self.prompt.embeddings - self.start.embeddings).norm(dim=1)
        length = self.start.embeddings.norm(dim=1)
        return float((moved / length)[length > 0].median()) if bool((length > 0).any()) else 0.0


@public()
def tune(
    model: FrozenModel,
    prompt: PromptLike,
    examples: Rows,
    *,
    validation: Rows | None = None,
    template: Template | None = None,
    task: Task | None = None,
    score_by: ScoreBy = "generation",
    max_new_tokens: int | None = None,
    overlong: Overlong = "error",
    special_tokens_in_rows: bool | None = None,
    checkpoint: str | Path | None = None,
    depends_on: str = "",
    listen: Listener = lambda event: None,
    snapshot: Snapshot = lambda step, embeddings: None,
    before_save: Callable[[], None] = lambda: None,
    say: Say = nobody,
    **settings: Any,
) -> Run:
    """Tune the embeddings of `prompt` on `examples`, the model frozen.

    prompt       a text, a file, or a SoftPrompt from `start` (which offers other starts and frozen tokens)
    examples     labeled rows or their file; `validation` rows choose the best prompt, by default 20 % of `examples`
    task         what a right answer is; default told from the targets
    checkpoint   file to save to and, where it exists, to resume from; a calibration's are beside it
    depends_on   a further text that a resumed run must agree in
    snapshot     given the step and the prompt [P, D] at every validation, the start included
    before_save  called before each checkpoint is written
    settings     fields of TuningSettings: learning_rate ("auto" for `calibrate`), epochs, batch_size, radius, ...

    Raises SettingsError, DataError, OverlongRows, CannotResume, OutputError, NotEnoughMemory and what `start` raises;
    NonFiniteLoss, and Interrupted after Ctrl-C, with the best prompt so far as their `prompt`.
    """
    options = checked(TuningSettings, settings, "tune")
    setup = Setup.prepare(
        model,
        prompt,
        examples,
        options,
        validation=validation,
        template=template,
        task=task,
        score_by=score_by,
        max_new_tokens=max_new_tokens,
        overlong=overlong,
        special_tokens_in_rows=special_tokens_in_rows,
        depends_on=depends_on,
        say=say,
    )
    saved = None if checkpoint is None else Path(checkpoint)
    calibration = None
    if options.learning_rate == AUTO:
        calibration = calibrate(setup, options, folder=saved and saved.parent, listen=listen, say=say)
        options = options.model_copy(update=calibration.chosen)
    rate = resolve_learning_rate(options.learning_rate, model.parameters, model.table_rms)
    events: list[Event] = []

    def heard(event: Event | Validating | Calibrating) -> None:
        if isinstance(event, Event):
            events.append(event)
        listen(event)

    story: dict[str, JsonValue] = {**options.model_dump(mode="json"), "learning_rate": rate, **task_record(setup.task)}

    def best_prompt(best: Best) -> SoftPrompt:
        metrics: dict[str, JsonValue] = {
            "validation_loss": best.loss,
            "validation_accuracy": best.accuracy,
            "validation_rows": len(setup.judge.rows),
            "step": best.step,
        }
        return setup.start.moved(best.embeddings, metrics, story)

    try:
        end = setup.run(options, rate, checkpoint=saved, listen=heard, snapshot=snapshot, before_save=before_save)
    except TuningError as error:
        if isinstance(error.state, State) and error.state.best is not None:
            error.prompt = best_prompt(error.state.best)
        raise
    assert end.best is not None
    assert end.finished is not None
    return Run(
        prompt=best_prompt(end.best),
        start=setup.start,
        events=tuple(events),
        steps=end.step,
        best_step=end.best.step,
        stopped=end.finished,
        seconds=end.seconds,
        skipped=setup.skipped,
        calibration=calibration,
        engine=setup.engine.used,
    )


@public(prompt=soft_prompt, examples=listed)
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
    if at.shape != prompt.embeddings.shape or not at.is_floating_point():
        raise UsageError(
            f"embeddings is a {str(at.dtype).removeprefix('torch.')} tensor {list(at.shape)}; expected floating-point "
            f"numbers {list(prompt.embeddings.shape)} like the prompt's own."
        )
    return choose(model, at, layouts, batch_tokens).loss_and_gradient(at, layouts)
