"""From a Setup to a better prompt. `eg.forward`: one loss and gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue
from torch import Tensor

from embedgrad.artifacts.artifact import Artifact
from embedgrad.data.example import Example
from embedgrad.engine.padded_rows import LossAndGradient
from embedgrad.engine.plan import choose
from embedgrad.errors import DataError, TuningError, UsageError
from embedgrad.evaluation.task_record import task_record
from embedgrad.events import Event, Underway
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.public import listed, public, soft_prompt
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.course import Course
from embedgrad.run.metrics import ValidationMetrics
from embedgrad.run.result import EngineUsed, Result
from embedgrad.settings import BATCH_TOKENS
from embedgrad.tuning.calibrate import Calibration, calibrate
from embedgrad.tuning.learning_rate import AUTO, resolve_learning_rate
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.restarts import Restarts, Starts, restart
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import Candidate, State
from embedgrad.watch import Watch


@dataclass(frozen=True)
class Run:
    """A finished tuning.

    artifact   the best by validation; the start itself where nothing was better
    start      the prompt it started from
    events     what happened in this session, in order
    seconds    of tuning and validation, over all sessions
    course     how it went, in a sentence; None where only the start was validated
    skipped    tuning rows that did not fit the model's context; `validation_rows` are those that did
    calibration   how `learning_rate="auto"` chose; its seconds are not in `seconds`
    restarts   the runs that `restarts` began; the seconds of those that did not go on are not in `seconds`
    engine     how rows went through the model, and why
    folder     of the run, with `result` as its `result.json` says it: what was gained on the test rows
    """

    artifact: Artifact
    start: SoftPrompt
    events: tuple[Event, ...]
    steps: int
    best_step: int
    stopped: str
    seconds: float
    skipped: int
    validation_rows: int
    course: Course | None = None
    calibration: Calibration | None = None
    restarts: Restarts | None = None
    engine: EngineUsed | None = None
    folder: Path | None = None
    result: Result | None = None

    @property
    def prompt(self) -> SoftPrompt:
        """The artifact as a prompt. Raises UsageError where the method leaves something else."""
        if not isinstance(self.artifact, SoftPrompt):
            raise UsageError(
                f"This tuning left a {self.artifact.kind}, which is no prompt: it is the run's `artifact`."
            )
        return self.artifact

    @property
    def drift(self) -> float:
        """How far the vectors moved: median over tokens of ||v - v0|| / ||v0||."""
        moved = (self.prompt.embeddings - self.start.embeddings).norm(dim=1)
        length = self.start.embeddings.norm(dim=1)
        return float((moved / length)[length > 0].median()) if bool((length > 0).any()) else 0.0


def run_tuning(
    setup: Setup,
    options: TuningSettings,
    checkpoint: Path | None = None,
    watch: Watch = Watch(),
    starts: Starts | None = None,
) -> Run:
    """Tune what `setup` holds with its `options` to the end, after a calibration where the learning rate is "auto", and
    at that rate after `restarts`, which begin at `starts` where the start is drawn. Raises what `eg.tune` raises."""
    model, folder = setup.model, checkpoint and checkpoint.parent
    calibration = restarts = None
    if options.learning_rate == AUTO:
        calibration = calibrate(setup, options, folder=folder, watch=watch)
        options = options.model_copy(update=calibration.chosen)
    rate = resolve_learning_rate(options.learning_rate, model.parameters, model.table_rms, options.optimizer)
    events: list[Event] = []

    def heard(event: Event | Underway) -> None:
        if isinstance(event, Event):
            events.append(event)
        watch.event(event)

    told = replace(watch, event=heard)
    if options.restarts > 1:
        restarts = restart(setup, options, rate, starts=starts, folder=folder, watch=watch)
        options, setup = options.model_copy(update=restarts.settings), restarts.best.setup
        if checkpoint is None or not checkpoint.exists():
            restarts.best.recording.tell(told, options.total_steps(len(setup.layouts)))

    story: dict[str, JsonValue] = {**options.model_dump(mode="json"), "learning_rate": rate, **task_record(setup.task)}

    def artifact(best: Candidate) -> Artifact:
        metrics: dict[str, JsonValue] = {
            "validation_loss": best.loss,
            "validation_accuracy": best.accuracy,
            "validation_rows": len(setup.judge.rows),
            "step": best.step,
        }
        return setup.method.artifact(best.tensors, metrics, story)

    try:
        begun = None if restarts is None else restarts.best.state
        end = setup.run(options, rate, begun=begun, checkpoint=checkpoint, watch=told)
    except TuningError as error:
        if isinstance(error.state, State) and error.state.best is not None:
            error.prompt = artifact(error.state.best)
        raise
    assert end.best is not None
    assert end.finished is not None
    return Run(
        artifact=artifact(end.best),
        start=setup.start,
        events=tuple(events),
        steps=end.step,
        best_step=end.best.step,
        stopped=end.finished,
        seconds=end.seconds,
        skipped=setup.skipped,
        validation_rows=len(setup.judge.rows),
        course=_course(end, setup),
        calibration=calibration,
        restarts=restarts,
        engine=setup.engine.used,
    )


def _course(end: State, setup: Setup) -> Course | None:
    validations = [
        ValidationMetrics(event="validation", step=step, loss=found.loss, accuracy=found.accuracy, best=False)
        for step, found in end.validations
    ]
    assert end.best is not None
    return Course.of(validations, end.best.step, setup.judge.majority, len(setup.judge.rows))


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
