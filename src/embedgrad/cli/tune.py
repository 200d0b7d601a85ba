"""`embedgrad tune`: the main job, from a prompt and a file of rows to a better prompt and a number to trust.

Read it top down: settings, rows, model, tuning, the untouched test rows, the run folder.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field, PositiveInt

from embedgrad.cli.console import Terminal
from embedgrad.cli.settings import (
    JudgingSettings,
    ModelSettings,
    RowSettings,
    TemplateSettings,
    absolute,
    load_rows,
    merged,
    required,
)
from embedgrad.data.splits import Parts, data_sha256, split
from embedgrad.durable import write_file
from embedgrad.errors import CannotResume, Interrupted, NonFiniteLoss, OutputError, SettingsError
from embedgrad.runs import CHECKPOINT, METRICS, SETTINGS, MetricsFile, RunFolder
from embedgrad.settings import Settings, checked, read_toml, write_toml
from embedgrad.tasks.task import Task
from embedgrad.tuning.settings import TuningSettings

if TYPE_CHECKING:  # torch is loaded once the settings and the rows are known to be right
    from embedgrad.evaluation.result import Evaluation
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.prompt.soft_prompt import SoftPrompt
    from embedgrad.tuning.events import Event
    from embedgrad.tuning.tune import Run


def _positions(kind: object, tokens: object) -> tuple[int, ...]:
    return _parsed_positions(",".join(token.value for token in tokens))  # type: ignore[attr-defined]


def _parsed_positions(text: str) -> tuple[int, ...]:
    """ "0-3,7" -> (0, 1, 2, 3, 7). Raises SettingsError."""
    found: list[int] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = piece.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise SettingsError(f"--freeze takes token positions like 0-3,7 (from 0); got {text!r}.")
        found.extend(range(int(first), int(last or first) + 1))
    return tuple(found)


class _JobSettings(Settings):
    prompt: str | None = Field(None, description="The prompt: a text, @FILE with a text, a prompt file, a PEFT folder.")
    train: str | None = Field(None, description="Labeled rows to tune on: JSONL, CSV, or - for JSONL on stdin.")
    validation: str | None = Field(None, description="Rows that choose the best prompt; default 20 % of --train.")
    test: str | None = Field(None, description="Rows for the final comparison; default split off --train.")
    output: str | None = Field(None, description="Run folder to make; default runs/MODEL-DATE.")


class _StartSettings(Settings):
    start: Annotated[str, Parameter(name="--start")] = Field(
        "text",
        pattern="^(text|random|vocabulary)$",
        description="Start from the text's rows, random or vocabulary rows.",
    )
    tokens: PositiveInt | None = Field(None, description="Length of a random or vocabulary start; default the text's.")
    freeze: Annotated[tuple[int, ...], Parameter(converter=_positions, n_tokens=1, negative=())] = Field(
        (), description="Token positions of the prompt that must not move, like 0-3,7."
    )


# Bases from last to first are the order of the flags.
class TuneSettings(
    TuningSettings,
    _StartSettings,
    TemplateSettings,
    JudgingSettings,
    RowSettings,
    _JobSettings,
    ModelSettings,
):
    """All settings of one run; `settings.toml` holds them resolved."""


def tune(
    *,
    flags: Annotated[TuneSettings | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags go on top.")] = None,
    resume: Annotated[Path | None, Parameter(help="Run folder to continue; takes no other settings.")] = None,
    json: Annotated[bool, Parameter(help="Print the result as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="No progress, no notes.", negative=())] = False,
) -> None:
    """Tune a prompt on labeled rows, and measure the gain on rows it has not seen.

    Example:
        embedgrad tune --model Qwen/Qwen2.5-0.5B-Instruct --prompt "Is the review positive or negative?" \
            --train reviews.jsonl
    """
    terminal = Terminal(json, quiet)
    if resume is not None:
        if flags is not None or settings is not None:
            raise SettingsError("--resume continues a run with its own settings: give no others with it.")
        folder = RunFolder.open(resume)
        job = checked(TuneSettings, read_toml(folder.file(SETTINGS)), str(folder.file(SETTINGS)))
        _run(job, _read_parts(job), folder, terminal)
        return
    job = _resolved(merged(flags, settings, TuneSettings))
    if job.train != "-":
        _read_parts(job)  # bad rows are told before a folder is made
    folder = RunFolder.create(Path(job.output or _default_folder(job)))
    with _discarding(folder):
        if job.train == "-":  # a run must be repeatable from its folder
            write_file(folder.file("train.jsonl"), sys.stdin.buffer.read())
            job = job.model_copy(update={"train": absolute(str(folder.file("train.jsonl")))})
        parts = _read_parts(job)
        write_toml(folder.file(SETTINGS), job.model_copy(update={"output": None}))
    _run(job, parts, folder, terminal)


def _run(job: TuneSettings, parts: Parts, folder: RunFolder, terminal: Terminal) -> None:
    """Tune, then read the test rows and write everything down."""
    prepared = _prepare(job, parts, folder, terminal)
    test_sha256 = data_sha256(parts.test)
    run = _tuned(job, prepared, parts, folder, terminal)

    # Only now are the test rows more than a list to keep duplicates out of.
    test = _read_parts(job).test
    if data_sha256(test) != test_sha256:
        raise CannotResume("The test rows changed while tuning. Restore them, then continue with --resume.")
    from embedgrad.cli.outcome import Outcome, show, write

    with _told_how_to_resume(folder):
        before, after = _on_test_rows(job, prepared, run, parts, terminal)
        outcome = Outcome(run, before, after, prepared.model, prepared.baseline, parts)
        show(write(outcome, folder), outcome, folder, job.model or "", terminal)


@dataclass(frozen=True)
class Prepared:
    """The model with the prompt as it starts, and the text prompt it will be compared with."""

    model: FrozenModel
    start: SoftPrompt
    baseline: SoftPrompt
    task: Task


def _prepare(job: TuneSettings, parts: Parts, folder: RunFolder, terminal: Terminal) -> Prepared:
    from embedgrad.model.load import load_model
    from embedgrad.placement import start

    with _discarding(folder, unless_resumed=True):
        task = job.resolved_task([example.target or "" for example in (*parts.train, *parts.validation)])
        model = load_model(job.model or "", job.dtype, job.device, job.revision)
        template = job.named_template(bool(getattr(model.tokenizer, "chat_template", None)))
        common = {"template": template, "allow_mismatch": job.allow_mismatch}
        first = start(
            model,
            job.prompt or "",
            kind=job.start,  # type: ignore[arg-type]
            tokens=job.tokens,
            seed=job.seed,
            frozen=job.freeze,
            say=terminal.note,
            **common,  # type: ignore[arg-type]
        )
        baseline = first if job.start == "text" else start(model, job.prompt or "", **common)  # type: ignore[arg-type]
    for sentence in _opening(job, parts, model, first, task):
        terminal.note(sentence)
    return Prepared(model, first, baseline, task)


def _tuned(job: TuneSettings, prepared: Prepared, parts: Parts, folder: RunFolder, terminal: Terminal) -> Run:
    from embedgrad.tuning.events import StepDone, Validated, as_metrics
    from embedgrad.tuning.state import saved_step
    from embedgrad.tuning.tune import tune as tune_rows

    checkpoint = folder.file(CHECKPOINT)
    first_step = saved_step(checkpoint)
    options = {name: getattr(job, name) for name in TuningSettings.model_fields}
    with _told_how_to_resume(folder):
        metrics = MetricsFile(folder.file(METRICS), first_step)
        total = job.total_steps(len(parts.train))
        with terminal.progress("tuning", total, max(first_step, 0)) as progress:
            validated = ""

            def listen(event: Event) -> None:
                nonlocal validated
                metrics.append(as_metrics(event))
                if isinstance(event, Validated):
                    metric = f"loss {event.loss:.3f}"
                    if event.accuracy is not None:
                        metric = f"{100 * event.accuracy:.1f} %, {metric}"
                    validated = f"validation {metric} at step {event.step}"
                elif isinstance(event, StepDone):
                    progress.update(event.step, validated or f"loss {event.loss:.3f}")

            run = tune_rows(
                prepared.model,
                prepared.start,
                parts.train,
                validation=parts.validation,
                task=prepared.task,
                score_by=job.score_by,
                max_new_tokens=job.max_new_tokens,
                overlong=job.overlong,
                checkpoint=checkpoint,
                before_save=metrics.sync,
                listen=listen,
                say=terminal.note,
                **options,
            )
        metrics.close()
    return run


def _on_test_rows(
    job: TuneSettings, prepared: Prepared, run: Run, parts: Parts, terminal: Terminal
) -> tuple[Evaluation, Evaluation]:
    """The text prompt and the tuned one on the same test rows, with the same settings."""
    from embedgrad.cli.evaluate import judged_side_by_side

    before, after = judged_side_by_side(
        prepared.model,
        [prepared.baseline, run.prompt],
        parts.test,
        prepared.task,
        job,
        terminal,
        names=[prepared.baseline.name, "tuned"],
    )
    return before, after


def _opening(job: TuneSettings, parts: Parts, model: FrozenModel, first: SoftPrompt, task: Task) -> Iterator[str]:
    """What is about to happen, in a few lines."""
    from embedgrad.tuning.learning_rate import resolve_learning_rate

    removed = parts.removed_train + parts.removed_validation
    yield (
        f"{len(parts.train)} rows to tune on, {len(parts.validation)} for validation, {len(parts.test)} for the test"
        + (f"; {removed} removed because a later part has their input too" if removed else "")
    )
    labels = f" ({', '.join(task.labels)})" if task.labels else ""
    yield f"task: {task.kind}{labels}" + ("; no metric, so the loss alone chooses" if not task.has_metric else "")
    rate = resolve_learning_rate(job.learning_rate, model.parameters, model.table_rms)
    yield (
        f"{model.identity.name}: {model.parameters:,} parameters, frozen, {model.dtype} on {model.device}; prompt of "
        f"{len(first)} tokens; learning rate {rate:.3g} ({rate / model.table_rms:.2g}rms)"
    )


def _resolved(job: TuneSettings) -> TuneSettings:
    """With paths that will be found from anywhere. Raises SettingsError for what is missing."""
    required(job, "model", "prompt", "train")
    changes: dict[str, object] = {}
    for name in ("train", "validation", "test"):
        if path := getattr(job, name):
            changes[name] = absolute(path)
    if Path(job.model or "").expanduser().is_dir():
        changes["model"] = absolute(job.model or "")
    prompt = job.prompt or ""
    if prompt.startswith("@"):
        changes["prompt"] = "@" + absolute(prompt[1:])
    elif prompt.endswith(".safetensors"):
        changes["prompt"] = absolute(prompt)
    return job.model_copy(update=changes)


def _read_parts(job: TuneSettings) -> Parts:
    """All rows, checked and split, before any model is loaded. Raises DataError and its kin."""

    def rows(source: str | None) -> list[object] | None:
        return None if source is None else load_rows(source, job, job.columns(), job.labels)  # type: ignore[return-value]

    train = load_rows(job.train or "", job, job.columns(), job.labels)
    return split(train, validation=rows(job.validation), test=rows(job.test), seed=job.seed)  # type: ignore[arg-type]


def _default_folder(job: TuneSettings) -> Path:
    name = Path(job.model or "").name.lower()
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


@contextmanager
def _discarding(folder: RunFolder, unless_resumed: bool = False) -> Iterator[None]:
    """Remove the new run folder again when something fails before the first step."""
    try:
        yield
    except BaseException:
        if not (unless_resumed and folder.file(CHECKPOINT).exists()):
            folder.discard()
        raise


@contextmanager
def _told_how_to_resume(folder: RunFolder) -> Iterator[None]:
    how = f"Continue with: embedgrad tune --resume {shlex.quote(str(folder.path))}"
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped; the tuning so far is saved. {how}") from None
    except (Interrupted, OutputError, NonFiniteLoss) as error:
        raise type(error)(f"{error} {how}") from error
