"""`embedgrad tune`: the main job, from a prompt and a file of rows to a better prompt and a number to trust.

Read it top down: settings, rows, model, tuning, the untouched test rows, the run folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import merged
from embedgrad.cli.missing import missing
from embedgrad.cli.recipes import over_recipe
from embedgrad.cli.resuming import discarding, told_how_to_resume
from embedgrad.cli.tune_settings import TuneSettings, keep_stdin, run_settings
from embedgrad.data.example import Example
from embedgrad.data.split_record import keep_split
from embedgrad.data.splits import Parts, data_sha256
from embedgrad.datasets.data_set import LARGE
from embedgrad.errors import CannotResume, SettingsError
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.task_record import task_words
from embedgrad.model.special_tokens import stored_special_tokens
from embedgrad.runs import (
    CALIBRATION,
    CHECKPOINT,
    METRICS,
    REPORT,
    RESULT,
    SETTINGS,
    SPLIT,
    TRAJECTORY,
    MetricsFile,
    RunFolder,
)
from embedgrad.settings import write_toml
from embedgrad.tasks.targets import check_special_tokens
from embedgrad.tasks.task import Task
from embedgrad.tuning.learning_rate import AUTO, resolve_learning_rate
from embedgrad.units import counted, per_cent
from embedgrad.watch import Watch

if TYPE_CHECKING:  # torch is loaded once the settings and the rows are known to be right
    from embedgrad.events import Calibrating, Event, Validating
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.prompt.soft_prompt import SoftPrompt
    from embedgrad.tuning.calibrate import Calibration
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
        with RunFolder.open(resume) as folder:
            job = run_settings(folder, TuneSettings)
            if folder.file(RESULT).exists():
                _show_again(folder, job, terminal)
            else:
                _run(job, job.read_parts(), folder, terminal)
        return
    job = merged(flags, settings, TuneSettings)
    if flags is not None and flags.recipe is not None:  # in a settings file it only says where they came from
        job = over_recipe(flags.recipe, job)
    job = job.resolved()
    if job.train != "-":
        job.read_parts(terminal.note)  # what is wrong with the rows is told before a folder is made
    with RunFolder.create(Path(job.output) if job.output else job.default_folder()) as folder, discarding(folder):
        kept = keep_stdin(job, folder)
        parts = kept.read_parts(terminal.note) if job.train == "-" else kept.read_parts()
        job = kept.model_copy(update={"output": None})
        write_toml(folder.file(SETTINGS), job)
        _run(job, parts, folder, terminal)


def _run(job: TuneSettings, parts: Parts, folder: RunFolder, terminal: Terminal) -> None:
    """Tune on the tuning and validation rows, then compare on the test rows and write everything down."""
    keep_split(folder.file(SPLIT), job.split_record(parts))
    prepared = prepare(job, parts, terminal)
    job = prepared.job
    for sentence in (*opening(prepared, parts), *_course(prepared), *missing(baselines=bool(prepared.task.labels))):
        terminal.note(sentence)
    write_toml(folder.file(SETTINGS), job)  # again, now that every default is resolved
    with told_how_to_resume(folder, "tune", "tuning"):
        run = _tuned(job, prepared, parts, folder, terminal)
        if run.calibration is not None:
            job = _calibrated(job, run.calibration, folder)
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

    @property
    def judging(self) -> Judging:
        """How this run is judged, on validation and on test rows alike."""
        return self.job.judging(self.task, self.job.batch_tokens, self.job.group_by)


def prepare(job: TuneSettings, parts: Parts, terminal: Terminal) -> Prepared:
    """Load the model and place the prompt. Whatever could fail at the end is tried here: every row must fit."""
    from embedgrad.evaluation.judge import ROOM_FOR_WORDS, longest_target
    from embedgrad.layouts import check_lengths, lay_out_rows
    from embedgrad.placement import start

    everything = (*parts.train, *parts.validation, *parts.test)  # a label may occur among the test rows alone
    task = job.task_for(everything)
    if task.has_metric:
        check_special_tokens(everything, stored_special_tokens(job.model or "", job.revision))
    with terminal.working(f"loading {job.model}"):
        model = job.load(terminal.note)
    template = job.named_template(model.has_chat_template)
    first = start(
        model,
        job.prompt or "",
        template,
        kind=job.start,
        tokens=job.tokens,
        seed=job.seed,
        frozen=job.frozen_positions(),
        special_tokens_in_rows=job.special_tokens_in_rows,
        allow_mismatch=job.allow_mismatch,
        say=terminal.note,
    )
    special = job.special_tokens_in_rows
    text = first if job.start == "text" else start(model, job.prompt or "", template, special_tokens_in_rows=special)
    limit = job.max_new_tokens or longest_target(model, first, everything) + ROOM_FOR_WORDS
    rate = AUTO
    if job.learning_rate != AUTO:
        rate = repr(resolve_learning_rate(job.learning_rate, model.parameters, model.table_rms))
    asked = job.learning_rate if job.learning_rate and job.learning_rate.endswith("rms") else job.learning_rate_asked
    if asked and rate != repr(resolve_learning_rate(asked, model.parameters, model.table_rms)):
        asked = None  # of settings whose rate a flag has replaced since
    tuned_rows = len(parts.train)
    if job.overlong == "skip":
        tuned_rows -= lay_out_rows(model, first, parts.train, overlong="skip").count(None)
    if job.overlong == "error":
        for prompt in dict.fromkeys((text, first)):
            check_lengths(model, prompt, {"tuning": parts.train, "validation": parts.validation, "test": parts.test})
            check_lengths(model, prompt, {"validation": parts.validation, "test": parts.test}, answer_tokens=limit)
    # Labels that were told from the rows are told from them again: as a setting they would refuse removed duplicates.
    found = {"task": task.kind, "pattern": task.pattern, "decimal_mark": task.decimal_mark, "max_new_tokens": limit}
    found |= {"revision": model.identity.revision, "dtype": model.dtype_name}
    resolved = job.model_copy(update={**found, "learning_rate": rate, "learning_rate_asked": asked})
    return Prepared(resolved, model, first, text, task, tuned_rows)


def _tuned(job: TuneSettings, prepared: Prepared, parts: Parts, folder: RunFolder, terminal: Terminal) -> Run:
    from embedgrad.events import Calibrating, Validated, Validating, as_metrics
    from embedgrad.tuning.prepare import Setup
    from embedgrad.tuning.state import saved_record
    from embedgrad.tuning.trajectory import write_snapshot
    from embedgrad.tuning.tune import run_tuning

    saved = saved_record(folder.file(CHECKPOINT))
    first_step = -1 if saved is None else saved.step
    validated_after = [] if saved is None else [step for step, _, _ in saved.validations]
    total = job.total_steps(prepared.tuned_rows)
    with (
        MetricsFile(folder.file(METRICS), first_step, validated_after) as metrics,
        terminal.progress("tuning", total, max(first_step, 0)) as progress,
    ):
        validated = ""

        def listen(event: Event | Validating | Calibrating) -> None:
            nonlocal validated
            if isinstance(event, Calibrating):
                progress.update(0, f"choosing the learning rate {100 * event.done // event.total} %")
                return
            if isinstance(event, Validating):
                progress.update(event.step, f"validating {100 * event.done // event.total} %")
                return
            metrics.append(as_metrics(event))
            if isinstance(event, Validated):
                accuracy = "" if event.accuracy is None else f"{per_cent(event.accuracy)}, "
                validated = f"validation {accuracy}loss {event.loss:.3f} at step {event.step}"
            progress.update(event.step, validated)

        watch = Watch(
            event=listen,
            note=terminal.note,
            snapshot=lambda step, embeddings: write_snapshot(folder.file(TRAJECTORY), step, embeddings),
            before_save=metrics.sync,
        )
        options, test_sha256 = job.tuning(), data_sha256(parts.test)
        seen = parts.without_test()
        setup = Setup.prepare(prepared.model, prepared.start, seen, options, prepared.judging, test_sha256, watch)
        return run_tuning(setup, options, folder.file(CHECKPOINT), watch)


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
    before, after = judged_side_by_side(prepared.model, prompts, parts.test, prepared.judging, names, terminal)
    outcome = Outcome(run, before, after, prepared.model, prepared.baseline, parts, prepared.judging, job.recipe)
    show(write(outcome, folder), folder, job.model or "", parts.test[0], terminal)


def _calibrated(job: TuneSettings, calibration: Calibration, folder: RunFolder) -> TuneSettings:
    """The settings with what the short runs chose, which alone repeat the run, written down with all that they found.
    Until then a resumed run calibrates again, from the short runs' checkpoints."""
    from embedgrad.cli.grid import as_grid

    folder.write_json(CALIBRATION, as_grid(calibration.trials).model_dump(mode="json"))
    job = job.model_copy(update=calibration.chosen)
    write_toml(folder.file(SETTINGS), job)
    return job


def opening(prepared: Prepared, parts: Parts) -> Iterator[str]:
    """What is about to be tuned, in a few lines."""
    model, task = prepared.model, prepared.task
    removed = parts.removed_train + parts.removed_validation
    if found := prepared.job.named_data_set():
        split = prepared.job.split or LARGE
        yield f"{found.title}, target {prepared.job.target}, split {split}: {found.split_of(split).words}"
    yield (
        f"{counted(len(parts.train), 'row')} to tune on, {len(parts.validation):,} for validation, "
        f"{len(parts.test):,} for the test"
        + (f" ({parts.drawn})" if parts.drawn else "")
        + (f"; {removed:,} removed because a later part has their input too" if removed else "")
    )
    yield f"task: {task_words(task)}"
    yield (
        f"{model.identity.name}: {model.parameters:,} parameters, frozen, {model.dtype_name} on {model.device}; "
        f"prompt of {counted(len(prepared.start), 'token')}"
    )


def _course(prepared: Prepared) -> Iterator[str]:
    """How long it may take, how fast it goes, and how far."""
    job, table_rms = prepared.job, prepared.model.table_rms
    steps = job.total_steps(prepared.tuned_rows)
    rows = job.rows_per_step(prepared.tuned_rows)
    epochs = steps * rows / max(prepared.tuned_rows, 1)  # without any row, tune says so
    length = f"up to {counted(steps, 'step')} of {counted(rows, 'row')} ({epochs:.3g} epochs)"
    if job.learning_rate == AUTO:
        yield f"{length}, after short runs that choose the learning rate"
    else:
        rate = float(job.learning_rate or "nan")
        yield f"{length}, learning rate {rate:.3g} ({rate / table_rms:.2g}rms)"
    bounds = [f"at most {job.radius:g} times its length from its start"] if job.radius else []
    bounds += ["where its original token is the nearest"] if job.keep_nearest else []
    if bounds:
        yield f"every vector stays {' and '.join(bounds)}"
    if job.distance_penalty:
        yield f"the distance from the start is part of the loss, with weight {job.distance_penalty:g}"


def _show_again(folder: RunFolder, job: TuneSettings, terminal: Terminal) -> None:
    from embedgrad.cli.outcome import show
    from embedgrad.report.page import write_report
    from embedgrad.report.run_folder import read_run

    terminal.note(f"{folder.path} is finished; this is its result.")
    record = read_run(folder.path)
    if not folder.file(REPORT).exists():  # the result was written, then something stopped the report
        write_report(folder.path)
    show(record.result, folder, job.model or "", Example(record.predictions[0].input), terminal)
