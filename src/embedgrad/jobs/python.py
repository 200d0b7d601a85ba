"""`eg.tune`: from a prompt and labeled rows to a better prompt, and with `output` a whole run folder."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from embedgrad.arguments import absolute, home_path
from embedgrad.data.example import Example
from embedgrad.data.records import written
from embedgrad.data.sources import load_examples, nobody
from embedgrad.durable import write_file
from embedgrad.errors import DataError, UsageError
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.evaluation.task_record import task_record
from embedgrad.events import Listener, Say
from embedgrad.jobs.resuming import discarding
from embedgrad.jobs.tune import TuneJob
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.naming import marked_as_text, names_a_path
from embedgrad.prompt.place import PromptLike, start
from embedgrad.prompt.public import public
from embedgrad.prompt.rows import template_of
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import ROWS, SETTINGS, START, TEST_ROWS, VALIDATION_ROWS
from embedgrad.settings import BATCH_TOKENS, checked, write_toml
from embedgrad.tasks.task import Task
from embedgrad.template.layout import Overlong
from embedgrad.template.template import Template
from embedgrad.tuning.learning_rate import OptimizerName
from embedgrad.tuning.prepare import Rows, Setup, tuning_parts
from embedgrad.tuning.settings import BatchOrder, Compile, TuningSettings
from embedgrad.tuning.tune import Run, run_tuning
from embedgrad.watch import Snapshot, Watch


@public()
def tune(
    model: FrozenModel,
    prompt: PromptLike,
    examples: Rows,
    *,
    validation: Rows | None = None,
    test: Rows | None = None,
    output: str | Path | None = None,
    template: Template | None = None,
    task: Task | None = None,
    score_by: ScoreBy = "generation",
    max_new_tokens: int | None = None,
    overlong: Overlong = "error",
    special_tokens_in_rows: bool | None = None,
    checkpoint: str | Path | None = None,
    learning_rate: float | str | None = None,
    optimizer: OptimizerName = "muon",
    warmup_steps: int = 10,
    decay: float = 0.8,
    epochs: float = 10.0,
    min_steps: int = 200,
    batch_size: int = 16,
    batch_order: BatchOrder = "stratified",
    batch_tokens: int = BATCH_TOKENS,
    memory_limit: str | int | None = None,
    compile: Compile = "auto",  # noqa: A002 - the setting's name
    clip_norm: float = 1.0,
    evaluate_every: int | None = None,
    patience: int = 5,
    radius: float | None = None,
    distance_penalty: float = 0.0,
    keep_nearest: bool = False,
    seed: int = 0,
    run_seed: int | None = None,
    restarts: int = 1,
    checkpoint_seconds: float = 5.0,
    listen: Listener = lambda event: None,
    snapshot: Snapshot = lambda step, embeddings: None,
    say: Say = nobody,
) -> Run:
    """Tune the embeddings of `prompt` on `examples`, the model frozen.

    prompt       a text, a file, or a SoftPrompt from `start` (which offers other starts and frozen tokens)
    examples     labeled rows or their file; `validation` rows choose the best prompt, by default 20 % of `examples`
    output       run folder to make: the same files and report as `embedgrad tune` writes, and the gain on `test` rows
                 (by default 20 % of `examples`, drawn before validation); what is no file is kept in it
    task         what a right answer is; default inferred from the targets
    checkpoint   file to save to and, where it exists, to resume from; a calibration's are beside it
    learning_rate ... checkpoint_seconds   as TuningSettings says; learning_rate "auto" is chosen by `calibrate`
    listen       told of every step (StepDone) and validation (Validated), and on the way of how far a validation, a
                 calibration or the restarts are, in events of other classes; `say` of what is worth knowing, in words
    snapshot     given the step and the prompt [P, D] at every validation, the start included

    Raises SettingsError, DataError, OverlongRows, CannotResume, FolderExists, FolderInUse, OutputError,
    NotEnoughMemory and what `start` raises; NonFiniteLoss, and Interrupted after Ctrl-C, with the best prompt so far
    as their `prompt`.
    """
    given = locals()
    options = checked(TuningSettings, {name: given[name] for name in TuningSettings.model_fields}, "tune")
    watch = Watch(event=listen, note=say, snapshot=snapshot)
    judging = Judging(task, score_by, max_new_tokens, overlong, options.batch_tokens)
    if output is not None:
        if checkpoint is not None:
            raise UsageError("output and checkpoint exclude each other: a run folder has a checkpoint of its own.")
        rows = {"train": examples, "validation": validation, "test": test}
        asked = _Asked(model, prompt, rows, template, special_tokens_in_rows, judging, options)
        return _in_a_folder(asked, home_path(output), watch)
    if test is not None:
        raise UsageError("test rows are for a run folder: give output, too, or judge both prompts with eg.evaluate.")
    placed = start(
        model, prompt, template, seed=options.seed_of_run, special_tokens_in_rows=special_tokens_in_rows, say=say
    )
    parts = tuning_parts(examples, validation, options.seed, template_of(placed).source.columns[1:], say)
    setup = Setup.prepare(model, placed, parts, options, judging, watch=watch)
    return run_tuning(setup, options, None if checkpoint is None else Path(checkpoint), watch)


@dataclass(frozen=True)
class _Asked:
    """A tuning as Python asks for it."""

    model: FrozenModel
    prompt: PromptLike
    rows: Mapping[str, Rows | None]
    template: Template | None
    special_tokens_in_rows: bool | None
    judging: Judging
    options: TuningSettings


def _in_a_folder(asked: _Asked, path: Path, watch: Watch) -> Run:
    """The command's job, with settings that alone repeat it: what is here in memory only is written beside them."""
    spoken = _speaking(asked.model, asked.template)
    start(  # what is wrong with the prompt is said before a folder is made, and as it is without one
        spoken,
        asked.prompt,
        asked.template,
        seed=asked.options.seed_of_run,
        special_tokens_in_rows=asked.special_tokens_in_rows,
    )
    with RunFolder.create(path) as folder, discarding(folder):
        settings = _settings(asked, spoken, folder).resolved()
        parts = settings.read_parts(watch.note)
        write_toml(folder.file(SETTINGS), settings)
        outcome = TuneJob(settings, folder, parts, spoken).run(watch)
    return replace(outcome.run, folder=outcome.folder, result=outcome.result)


def _speaking(model: FrozenModel, template: Template | None) -> FrozenModel:
    """`model` as if it had been loaded with the chat template and the arguments that `template` chooses."""
    if template is None:
        return model
    name, arguments = template.chat_template, template.template_arguments
    return replace(
        model,
        chat_template=name or model.chat_template,
        template_arguments=arguments or model.template_arguments,
    )


def _settings(asked: _Asked, spoken: FrozenModel, folder: RunFolder) -> TuneSettings:
    judging, arguments = asked.judging, spoken.template_arguments
    values: dict[str, Any] = {
        "model": spoken.source or spoken.identity.name,
        "dtype": spoken.dtype_name,
        "device": str(spoken.device),
        "revision": spoken.identity.revision,
        "chat_template": spoken.chat_template,
        "template_argument": tuple(f"{name}={json.dumps(value)}" for name, value in arguments.items()) or None,
        "prompt": _kept_prompt(asked.prompt, folder),
        "special_tokens_in_rows": asked.special_tokens_in_rows,
        "score_by": judging.score_by,
        "max_new_tokens": judging.max_new_tokens,
        "overlong": judging.overlong,
        **_named_template(asked.template),
        **(task_record(judging.task) if judging.task else {}),
        **asked.options.model_dump(),
    }
    in_memory = [rows for rows in asked.rows.values() if rows is not None and not isinstance(rows, str | Path)]
    are_all = len(in_memory) == sum(rows is not None for rows in asked.rows.values())
    fields = _fields([row for rows in in_memory for row in rows]) if are_all else {}  # a file has columns of its own
    for (name, rows), file in zip(asked.rows.items(), (ROWS, VALIDATION_ROWS, TEST_ROWS), strict=True):
        if isinstance(rows, str | Path):
            values[name] = absolute(str(rows))
        elif rows is not None:
            values[name] = absolute(str(kept_rows(rows, folder.file(file), fields, name)))
    return checked(
        TuneSettings, {name: value for name, value in (values | fields).items() if value is not None}, "tune"
    )


def _kept_prompt(prompt: PromptLike, folder: RunFolder) -> str:
    if isinstance(prompt, SoftPrompt):
        prompt.save(folder.file(START))
        return absolute(str(folder.file(START)))
    if isinstance(prompt, Path) or names_a_path(prompt):
        return absolute(str(prompt))
    return marked_as_text(prompt)


def _named_template(template: Template | None) -> dict[str, Any]:
    """The settings that name this template."""
    if template is None:
        return {}
    if template.plain is not None:
        return {"template": template.plain, "layout": "text"}
    return {"messages": [turn.model_dump() for turn in template.turns]}


def _fields(rows: Sequence[Example]) -> dict[str, str]:
    """Names for the columns of input and target that no column of `rows` has. Rows with earlier turns are written as
    messages and need none."""
    if any(row.history for row in rows):
        return {}
    taken = {name for row in rows for name in row.columns}
    return {setting: _free(name, taken) for setting, name in (("input_field", "input"), ("target_field", "output"))}


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name = f"_{name}"
    return name


def kept_rows(rows: Sequence[Example], path: Path, fields: Mapping[str, str], argument: str) -> Path:
    """`rows` as JSONL at `path`, input and target in the columns that `fields` names. Raises DataError and its kin for
    what is wrong with them, and UsageError where they would not be the same rows when read again; both name the
    `argument` and the row."""
    as_turns = any(row.history for row in rows)
    write_file(path, "".join(written(_as_row(row, fields, as_turns)) + "\n" for row in rows).encode())
    try:
        again = load_examples(path, input_field=fields.get("input_field"), target_field=fields.get("target_field"))
    except DataError as error:
        raise DataError(str(error).replace(str(path), argument)) from error
    for number, (row, kept) in enumerate(zip(rows, again, strict=True), start=1):
        if _said(row) != _said(kept):
            raise UsageError(
                f"Row {number} of {len(rows)} in {argument} would not be the same when the run folder is read again. "
                "Write the rows to a file as your tools write them, and give its path."
            )
    return path


def _said(row: Example) -> tuple[object, ...]:
    return row.input, row.target, dict(row.columns), [tuple(turn) for turn in row.history]


def _as_row(row: Example, fields: Mapping[str, str], as_turns: bool) -> dict[str, object]:
    if not as_turns:
        names = fields.get("input_field", "input"), fields.get("target_field", "output")
        return {**dict(zip(names, (row.input, row.target), strict=True)), **row.columns}
    turns = [*row.history, ("user", row.input), ("assistant", row.target)]
    return {"messages": [{"role": role, "content": text} for role, text in turns], **row.columns}
