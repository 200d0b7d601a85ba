"""`embedgrad tune`: the main job, from a prompt and a file of rows to a better prompt and a number to trust.

Read it top down: settings, rows, model, tuning, the untouched test rows, the run folder.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.settings import absolute, merged
from embedgrad.cli.tune_settings import TuneSettings
from embedgrad.data.splits import Parts, data_sha256
from embedgrad.durable import write_file
from embedgrad.errors import CannotResume, Interrupted, NonFiniteLoss, OutputError, SettingsError
from embedgrad.runs import CHECKPOINT, METRICS, PROMPT, REPORT, RESULT, ROWS, SETTINGS, MetricsFile, RunFolder
from embedgrad.settings import checked, read_toml, write_toml
from embedgrad.tasks.task import Task
from embedgrad.tuning.settings import TuningSettings

if TYPE_CHECKING:  # torch is loaded once the settings and the rows are known to be right
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.prompt.soft_prompt import SoftPrompt
    from embedgrad.tuning.events import Event, Validating
    from embedgrad.tuning.tune import Run


def tune(
    *,
    flags: Annotated[TuneSettings | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags go on top.")] = None,
    resume: Annotated[Path | None, Parameter(help="Run folder to continue; takes no other settings.")] = None,
    json: Annotated[bool, Parameter(help="Print the result as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors (and --json).", negative=())] = False,
) -> None:
    """Tune a prompt on labeled rows, and measure the gain on rows it has not seen."""
    terminal = Terminal(json, quiet)
    if resume is not None:
        if flags is not None or settings is not None:
            raise SettingsError("--resume continues a run with its own settings: give no others with it.")
        folder = RunFolder.open(resume)
        job = checked(TuneSettings, read_toml(folder.file(SETTINGS)), str(folder.file(SETTINGS)))
        if folder.file(ROWS).is_file():  # rows from stdin are wherever the folder is now
            job = job.model_copy(update={"train": absolute(str(folder.file(ROWS)))})
        if folder.file(RESULT).exists():
            _show_again(folder, job, terminal)
        else:
            _run(job, job.read_parts(), folder, terminal)
        return
    job = merged(flags, settings, TuneSettings).resolved()
    if job.train != "-":
        job.read_parts()  # what is wrong with the rows is told before a folder is made
    folder = RunFolder.create(Path(job.output) if job.output else job.default_folder())
    with _discarding(folder):
        if job.train == "-":  # a run must be repeatable from its folder
            write_file(folder.file(ROWS), sys.stdin.buffer.read())
            job = job.model_copy(update={"train": absolute(str(folder.file(ROWS)))})
        parts, job = job.read_parts(), job.model_copy(update={"output": None})
        write_toml(folder.file(SETTINGS), job)
        _run(job, parts, folder, terminal)


def _run(job: TuneSettings, parts: Parts, folder: RunFolder, terminal: Terminal) -> None:
    """Tune on the tuning and validation rows, then compare on the test rows and write everything down."""
    prepared = _prepare(job, parts, terminal)
    job = prepared.job
    write_toml(folder.file(SETTINGS), job)  # again, now that every default is resolved
    with _told_how_to_resume(folder):
        run = _tuned(job, prepared, parts, folder, terminal)
        _compare(job, prepared, run, data_sha256(parts.test), folder, terminal)


@dataclass(frozen=True)
class Prepared:
    """The settings with every default resolved, the model, the prompt as it starts, the text prompt that it will be
    compared with, and what a right answer is."""

    job: TuneSettings
    model: FrozenModel
    start: SoftPrompt
    baseline: SoftPrompt
    task: Task
    tuned_rows: int


def _prepare(job: TuneSettings, parts: Parts, terminal: Terminal) -> Prepared:
    """Load the model and place the prompt. Whatever could fail at the end is tried here: every row must fit."""
    from embedgrad.evaluation.judge import ROOM_FOR_WORDS, longest_target
    from embedgrad.layouts import check_lengths, lay_out_rows
    from embedgrad.model.load import load_model
    from embedgrad.placement import start
    from embedgrad.tuning.learning_rate import resolve_learning_rate

    everything = (*parts.train, *parts.validation, *parts.test)  # a label may occur among the test rows alone
    task = job.resolved_task([example.target or "" for example in everything])
    with terminal.working(f"loading {job.model}"):
        model = load_model(job.model or "", job.dtype, job.device, job.revision)
    template = job.named_template(model.has_chat_template)
    first = start(
        model,
        job.prompt or "",
        template,
        kind=job.start,
        tokens=job.tokens,
        seed=job.seed,
        frozen=job.frozen_positions(),
        allow_mismatch=job.allow_mismatch,
        say=terminal.note,
    )
    text = first if job.start == "text" else start(model, job.prompt or "", template)
    limit = job.max_new_tokens or longest_target(model, first, everything) + ROOM_FOR_WORDS
    rate = resolve_learning_rate(job.learning_rate, model.parameters, model.table_rms)
    tuned_rows = len(parts.train)
    if job.overlong == "skip":
        tuned_rows -= lay_out_rows(model, first, parts.train, overlong="skip").count(None)
    for sentence in _opening(job, parts, model, first, task, rate, tuned_rows):
        terminal.note(sentence)
    if job.overlong == "error":
        for prompt in dict.fromkeys((text, first)):
            check_lengths(model, prompt, {"tuning": parts.train, "validation": parts.validation, "test": parts.test})
            check_lengths(model, prompt, {"validation": parts.validation, "test": parts.test}, answer_tokens=limit)
    # Labels that were told from the rows are told from them again: as a setting they would refuse removed duplicates.
    found = {"task": task.kind, "pattern": task.pattern, "max_new_tokens": limit}
    found |= {"revision": model.identity.revision, "dtype": model.dtype_name}
    resolved = job.model_copy(update={**found, "learning_rate": repr(rate)})
    return Prepared(resolved, model, first, text, task, tuned_rows)


def _tuned(job: TuneSettings, prepared: Prepared, parts: Parts, folder: RunFolder, terminal: Terminal) -> Run:
    from embedgrad.tuning.events import Validated, Validating, as_metrics
    from embedgrad.tuning.state import saved_step
    from embedgrad.tuning.tune import tune as tune_rows

    first_step = saved_step(folder.file(CHECKPOINT))
    total = job.total_steps(prepared.tuned_rows)
    with (
        MetricsFile(folder.file(METRICS), first_step) as metrics,
        terminal.progress("tuning", total, max(first_step, 0)) as progress,
    ):
        validated = ""

        def listen(event: Event | Validating) -> None:
            nonlocal validated
            if isinstance(event, Validating):
                progress.update(event.step, f"validating {100 * event.done // event.total} %")
                return
            metrics.append(as_metrics(event))
            if isinstance(event, Validated):
                accuracy = "" if event.accuracy is None else f"{100 * event.accuracy:.1f} %, "
                validated = f"validation {accuracy}loss {event.loss:.3f} at step {event.step}"
            progress.update(event.step, validated)

        return tune_rows(
            prepared.model,
            prepared.start,
            parts.train,
            validation=parts.validation,
            task=prepared.task,
            score_by=job.score_by,
            max_new_tokens=job.max_new_tokens,
            overlong=job.overlong,
            checkpoint=folder.file(CHECKPOINT),
            depends_on=data_sha256(parts.test),
            before_save=metrics.sync,
            listen=listen,
            say=terminal.note,
            **{name: getattr(job, name) for name in TuningSettings.model_fields},
        )


def _compare(
    job: TuneSettings, prepared: Prepared, run: Run, test_sha256: str, folder: RunFolder, terminal: Terminal
) -> None:
    """The text prompt and the tuned one on the test rows, which the model sees only now. (Before, they were looked at
    for what is wrong with them: bad rows, duplicates, lengths, unknown labels.) They must be what they were."""
    from embedgrad.cli.evaluate import judged_side_by_side
    from embedgrad.cli.outcome import Outcome, show, write

    parts = job.read_parts()
    if data_sha256(parts.test) != test_sha256:
        raise CannotResume("The test rows changed while tuning. Restore them, then continue with --resume.")
    prompts, names = [prepared.baseline, run.prompt], [prepared.baseline.name, "tuned"]
    before, after = judged_side_by_side(
        prepared.model, prompts, parts.test, prepared.task, job, terminal, names, job.batch_tokens
    )
    outcome = Outcome(run, before, after, prepared.model, prepared.baseline, parts)
    show(write(outcome, folder), folder, job.model or "", parts.test[0].input, terminal)


def _opening(
    job: TuneSettings, parts: Parts, model: FrozenModel, first: SoftPrompt, task: Task, rate: float, tuned_rows: int
) -> Iterator[str]:
    """What is about to happen, in a few lines."""
    removed = parts.removed_train + parts.removed_validation
    yield (
        f"{len(parts.train)} rows to tune on, {len(parts.validation)} for validation, {len(parts.test)} for the test"
        + (f"; {removed} removed because a later part has their input too" if removed else "")
    )
    labels = f" ({', '.join(task.labels)})" if task.labels else ""
    yield f"task: {task.kind}{labels}" + ("" if task.has_metric else "; no metric, so the loss alone chooses")
    yield (
        f"{model.identity.name}: {model.parameters:,} parameters, frozen, {model.dtype_name} on {model.device}; "
        f"prompt of {len(first)} tokens"
    )
    steps = job.total_steps(tuned_rows)
    epochs = steps * job.batch_size / max(tuned_rows, 1)  # without any row, tune says so
    yield (
        f"up to {steps} steps of {job.batch_size} rows ({epochs:.3g} epochs), learning rate {rate:.3g} "
        f"({rate / model.table_rms:.2g}rms)"
    )


def _show_again(folder: RunFolder, job: TuneSettings, terminal: Terminal) -> None:
    from embedgrad.cli.outcome import show
    from embedgrad.report.page import write_report
    from embedgrad.report.run_folder import read_run

    terminal.note(f"{folder.path} is finished; this is its result.")
    record = read_run(folder.path)
    if not folder.file(REPORT).exists():  # the result was written, then something stopped the report
        write_report(folder.path)
    show(record.result, folder, job.model or "", record.predictions[0].input, terminal)


@contextmanager
def _discarding(folder: RunFolder) -> Iterator[None]:
    """Remove the new run folder again when something fails before there is anything to resume."""
    try:
        yield
    except BaseException:
        if not folder.file(CHECKPOINT).exists():
            folder.discard()
        raise


@contextmanager
def _told_how_to_resume(folder: RunFolder) -> Iterator[None]:
    """Adds to an error what was kept of the run and how to go on from it."""
    from embedgrad.prompt.soft_prompt import SoftPrompt

    try:
        yield
    except NonFiniteLoss as error:
        if not isinstance(error.prompt, SoftPrompt):
            raise
        error.prompt.save(folder.file(PROMPT))
        raise NonFiniteLoss(f"{error} The best prompt so far is in {folder.file(PROMPT)}.") from error
    except (KeyboardInterrupt, Interrupted, OutputError) as error:
        if not folder.file(CHECKPOINT).exists():
            raise
        how = f"Continue with: embedgrad tune --resume {shlex.quote(str(folder.path))}"
        if isinstance(error, OutputError):
            raise OutputError(f"{error} {how}") from error
        raise Interrupted(f"{str(error) or 'Stopped.'} The tuning so far is saved. {how}") from None
