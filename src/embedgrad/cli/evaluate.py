"""`embedgrad evaluate`: prompts side by side on labeled rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field

from embedgrad.cli.console import Terminal
from embedgrad.cli.data_set_settings import (
    DataSetSettings,
    check_groups,
    from_data_set,
    group_names,
)
from embedgrad.cli.flags import PROMPTS, RowsFile, merged, required
from embedgrad.cli.prompt_files import stored_record
from embedgrad.cli.settings import (
    JudgingSettings,
    ModelSettings,
    RowSettings,
    TemplateSettings,
    load_rows,
    shown_columns,
)
from embedgrad.data.example import Example
from embedgrad.data.records import written
from embedgrad.datasets.data_set import LARGE
from embedgrad.durable import write_file
from embedgrad.errors import FileMissing
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.settings import check_score_by
from embedgrad.evaluation.task_record import own_task, task_record, task_words
from embedgrad.events import Say
from embedgrad.model.special_tokens import stored_special_tokens
from embedgrad.prompt.naming import names_a_path
from embedgrad.settings import BATCH_TOKENS, BatchTokens, Seed
from embedgrad.tasks.targets import check_special_tokens
from embedgrad.tasks.task import Task
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.evaluation.result import Evaluation, Prediction
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.prompt.soft_prompt import SoftPrompt


class EvaluateSettings(JudgingSettings, RowSettings, DataSetSettings, TemplateSettings, ModelSettings):
    prompt: Annotated[tuple[str, ...], PROMPTS, Parameter(negative=(), show_default=False)] = Field(
        (),
        description="A prompt: text, @FILE, prompt file or PEFT folder; repeat the flag to compare several.",
    )
    data: RowsFile = Field(
        None,
        description="Labeled rows: JSONL, CSV, Parquet, or - for JSONL on stdin; with --dataset its file or folder.",
    )
    seed: Seed | None = Field(None, description="Seed of --dataset's split: the same as when tuning; default 0.")
    batch_tokens: BatchTokens = BATCH_TOKENS
    predictions: Path | None = Field(None, description="File to write every answer to, as JSONL.")


def evaluate(
    *,
    flags: Annotated[EvaluateSettings | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags go on top.")] = None,
    json: Annotated[bool, Parameter(help="Print one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="No progress, no notes; only the scores.", negative=())] = False,
) -> None:
    """Score prompts (texts and files, side by side) on labeled rows. Differences are against the first prompt."""
    terminal = Terminal(json, quiet, says_result=True)
    job = merged(flags, settings, EvaluateSettings)
    job = from_data_set(
        job, excluded=("encoding", "input_field", "target_field"), needed_for=("split", "target", "seed")
    )
    if data_set := job.named_data_set():
        job = job.model_copy(update={"prompt": job.prompt or (data_set.prompt,)})
    required(job, "model", "prompt", *(() if data_set else ("data",)))
    if job.predictions is not None and not job.predictions.absolute().parent.is_dir():
        raise FileMissing(f"There is no folder {job.predictions.parent} to write --predictions to.")
    rows = _rows(job, terminal.note)
    names_a_task = job.names_a_task
    own = None if names_a_task else _own_task(job.prompt, terminal)
    task = job.task_for(rows, own)
    check_score_by(task, job.score_by)
    if task.has_metric:
        check_special_tokens(rows, stored_special_tokens(job.model or "", job.revision))
    told_from = "settings" if names_a_task else "targets" if own is None else "prompt"
    terminal.note(f"task: {task_words(task)}{_TOLD_FROM[told_from]}")

    from embedgrad.evaluation.result import compare_accuracy, compare_loss
    from embedgrad.layouts import special_tokens_report
    from embedgrad.placement import start
    from embedgrad.report.tables import TABLE_NOTE, score_table
    from embedgrad.words import loss_difference_words

    with terminal.working(f"loading {job.model}"):
        model = job.load(terminal.note)
    template = job.named_template(model.has_chat_template)
    prompts = [
        start(
            model,
            prompt,
            template,
            special_tokens_in_rows=job.special_tokens_in_rows,
            allow_mismatch=job.allow_mismatch,
            say=terminal.note,
        )
        for prompt in job.prompt
    ]
    for sentence in dict.fromkeys(special_tokens_report(model, prompt, rows) for prompt in prompts):
        if sentence:
            terminal.note(sentence)
    names = _names(job.prompt, prompts)
    judging = job.judging(task, job.batch_tokens, job.group_by)
    found = judged_side_by_side(model, prompts, rows, judging, names, terminal)
    accuracy = [compare_accuracy(found[0], other) for other in found[1:]]
    losses = [compare_loss(found[0], other) for other in found[1:]]
    terminal.result(
        {
            "task": task_record(task) | {"told_from": told_from},
            "scores": [evaluation.score.model_dump(mode="json") for evaluation in found],
            "comparisons": [c.model_dump(mode="json") if c else None for c in accuracy],
            "loss_comparisons": [c.model_dump(mode="json") for c in losses],
            "skipped": found[0].skipped,
        }
    )
    terminal.table(score_table([evaluation.score for evaluation in found], accuracy))
    terminal.say(TABLE_NOTE)
    for name, comparison in zip(names[1:], losses, strict=True):
        terminal.say(f"loss of {name!r} against the first: {loss_difference_words(comparison)}")
    if job.predictions is not None:
        _write_predictions(job.predictions, names, found, rows, job.group_by)


_TOLD_FROM = {
    "settings": "",
    "prompt": ", as the prompt was tuned; --task names another",
    "targets": ", told from the targets",
}


def _own_task(prompts: Sequence[str], terminal: Terminal) -> Task | None:
    """The task that the first prompt file of `prompts` was tuned with."""
    records = [record for prompt in prompts if (record := stored_record(prompt)) is not None]
    tasks = list(dict.fromkeys(task for record in records if (task := own_task(record.settings)) is not None))
    if len(tasks) > 1:
        told = " and ".join(map(task_words, tasks))
        terminal.note(f"The prompts were tuned for different tasks, {told}: all are judged by the first.")
    return tasks[0] if tasks else None


def _rows(job: EvaluateSettings, say: Say) -> list[Example]:
    """The rows of --data, or the test rows of --dataset."""
    data_set = job.named_data_set()
    if data_set is None:
        aside = (job.group_by,) if job.group_by else ()
        columns = shown_columns(job, job.prompt)
        rows = load_rows(job.data or "", job, columns, job.labels, task=job.task, aside=aside, say=say)
    else:
        rows = data_set.test_rows(
            job.data_path, split_name=job.split or LARGE, seed=job.seed or 0, target=job.target, columns=job.columns()
        )
    check_groups(rows, job.group_by)
    return rows


def _write_predictions(
    path: Path, names: Sequence[str], found: Sequence[Evaluation], rows: Sequence[Example], group_by: str | None
) -> None:
    """Every answer of every prompt, as JSONL, each with the row that it answers as the row stood in its file."""
    from embedgrad.cli.records import answer

    groups = group_names(rows, group_by)
    own = {(row.line, row.input, row.target or ""): row.row for row in rows}

    def row(p: Prediction) -> dict[str, object]:
        key = (p.line, p.input, p.target)
        return {
            "line": p.line,
            "input": p.input,
            "target": p.target,
            **({"group": groups[key]} if key in groups else {}),
            **answer(p),
            "row": own.get(key, {}),
        }

    lines = [
        written({"prompt": name, **row(p)})
        for name, evaluation in zip(names, found, strict=True)
        for p in evaluation.predictions
    ]
    write_file(path, ("\n".join(lines) + "\n").encode())


def _names(given: Sequence[str], prompts: Sequence[SoftPrompt]) -> list[str]:
    """What the table calls each prompt: its text, or its file's name (its path where two files share a name)."""
    short = [Path(text).name if names_a_path(text) else p.name for text, p in zip(given, prompts, strict=True)]
    return [text if short.count(name) > 1 else name for text, name in zip(given, short, strict=True)]


def judged_side_by_side(
    model: FrozenModel,
    prompts: Sequence[SoftPrompt],
    examples: Sequence[Example],
    judging: Judging,
    names: Sequence[str],
    terminal: Terminal,
) -> list[Evaluation]:
    """Each prompt on the same rows with the same settings. Rows that do not fit behind the longest prompt are left
    out for all of them (with --overlong skip)."""
    from embedgrad.evaluation.result import undecided_words
    from embedgrad.evaluation.side_by_side import judges_side_by_side

    artifacts = [prompt.bind(model) for prompt in prompts]
    judges = judges_side_by_side(artifacts, examples, judging, Watch(note=terminal.note))
    found = []
    for judge, bound, name in zip(judges, artifacts, names, strict=True):
        with terminal.progress(f"evaluating {name[:40]!r}", judge.work) as progress:
            evaluation = judge.judge(bound, name, lambda done, total: progress.update(done))
            found.append(evaluation)
    if sentence := undecided_words(found):
        terminal.note(sentence)
    return found
