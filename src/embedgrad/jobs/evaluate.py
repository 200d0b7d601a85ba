"""Prompts side by side on labeled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from embedgrad.composed import Composed
from embedgrad.data.example import Example
from embedgrad.data.records import written
from embedgrad.datasets.data_set import LARGE
from embedgrad.durable import write_file
from embedgrad.errors import FileMissing
from embedgrad.evaluation.settings import check_score_by
from embedgrad.evaluation.task_record import own_task, task_words
from embedgrad.events import Say
from embedgrad.faces import setting
from embedgrad.jobs.data_set_settings import DataSetSettings, from_data_set
from embedgrad.jobs.judging_settings import GroupedJudging, check_groups, group_names
from embedgrad.jobs.model_settings import ModelSettings, TemplateSettings, required
from embedgrad.jobs.prompt_files import stored_record
from embedgrad.jobs.row_settings import RowSettings, load_rows, shown_columns
from embedgrad.jobs.seen_rows import seen_rows
from embedgrad.model.special_tokens import stored_special_tokens
from embedgrad.prompt.naming import names_a_path
from embedgrad.run.score import Comparison
from embedgrad.settings import BATCH_TOKENS, BatchTokens, Seed
from embedgrad.tasks.targets import check_special_tokens
from embedgrad.tasks.task import Task
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.evaluation.result import Evaluation, Prediction
    from embedgrad.prompt.soft_prompt import SoftPrompt

Source = Literal["settings", "prompt", "targets"]


class EvaluationRows(RowSettings, DataSetSettings):
    data: str | None = Field(
        None,
        description="Labeled rows: JSONL, CSV, Parquet, or - for JSONL on stdin; with --dataset, its file or folder.",
    )
    seed: Seed | None = Field(None, description="Seed of --dataset's split; use the same as for tuning; default: 0.")


class EvaluationJudging(GroupedJudging):
    batch_tokens: BatchTokens = BATCH_TOKENS


class EvaluateSettings(Composed):
    """What prompts are evaluated with."""

    prompt: tuple[str, ...] = Field(
        (), description="A prompt: text, @FILE, prompt file, run folder or PEFT folder; repeat to compare several."
    )
    predictions: Path | None = Field(None, description="Write every answer to this file, as JSONL.")
    model: ModelSettings = Field(default_factory=ModelSettings)
    rows: EvaluationRows = Field(default_factory=EvaluationRows)
    template: TemplateSettings = Field(default_factory=TemplateSettings)
    judging: EvaluationJudging = Field(default_factory=EvaluationJudging)


@dataclass(frozen=True)
class Evaluated:
    """What every prompt did on the same rows; comparisons are against the first. `task_from` says where the task came
    from: from the settings, from the prompt, which was tuned for it, or inferred from the targets."""

    task: Task
    task_from: Source
    names: Sequence[str]
    evaluations: Sequence[Evaluation]
    comparisons: Sequence[Comparison | None]
    loss_comparisons: Sequence[Comparison]


@dataclass(frozen=True)
class EvaluateJob:
    """An evaluation, with every setting that its data set decides."""

    settings: EvaluateSettings

    @classmethod
    def of(cls, asked: EvaluateSettings) -> EvaluateJob:
        """Raises SettingsError, FileMissing."""
        own = ("encoding", "input_field", "target_field")
        settings = from_data_set(asked, excluded=own, needed_for=("split", "target", "seed"))
        if data_set := settings.rows.named_data_set():
            settings = settings.changed(prompt=settings.prompt or (data_set.prompt,))
        required(settings, "model", "prompt", *(() if data_set else ("data",)))
        if settings.predictions is not None and not settings.predictions.absolute().parent.is_dir():
            raise FileMissing(f"There is no folder {settings.predictions.parent} to write {setting('predictions')} to.")
        return cls(settings)

    def run(self, watch: Watch = Watch()) -> Evaluated:
        """Every prompt on all rows; the answers are written where the settings say. Raises DataError and its kin, and
        what `eg.evaluate` raises."""
        settings = self.settings
        rows = _rows(settings, watch.note)
        for said in seen_rows(settings.prompt, rows):
            watch.note(said)
        task, task_from = _task(settings, rows, watch.note)

        from embedgrad.evaluation.result import compare_accuracy, compare_loss
        from embedgrad.jobs.judged import judged_side_by_side
        from embedgrad.prompt.rows import special_tokens_report

        model = settings.model.loaded(watch)
        prompts = [settings.template.place(model, prompt, watch.note) for prompt in settings.prompt]
        for sentence in dict.fromkeys(special_tokens_report(model, prompt, rows) for prompt in prompts):
            if sentence:
                watch.note(sentence)
        names = _names(settings.prompt, prompts)
        judging = settings.judging.judging(task, settings.judging.batch_tokens)
        found = judged_side_by_side([prompt.bind(model) for prompt in prompts], rows, judging, names, watch)
        if settings.predictions is not None:
            _write_predictions(settings.predictions, names, found, rows, settings.judging.group_by)
        return Evaluated(
            task=task,
            task_from=task_from,
            names=names,
            evaluations=found,
            comparisons=[compare_accuracy(found[0], other) for other in found[1:]],
            loss_comparisons=[compare_loss(found[0], other) for other in found[1:]],
        )


_TASK_FROM = {
    "settings": "",
    "prompt": ", as the prompt was tuned; {} names another",
    "targets": ", told from the targets",
}


def _task(settings: EvaluateSettings, rows: Sequence[Example], say: Say) -> tuple[Task, Source]:
    """What a right answer is, and where that comes from."""
    judging = settings.judging
    own = None if judging.names_a_task else _own_task(settings.prompt, say)
    task = judging.task_for(rows, own)
    check_score_by(task, judging.score_by)
    if task.has_metric:
        check_special_tokens(rows, stored_special_tokens(settings.model.model or "", settings.model.revision))
    source: Source = "settings" if judging.names_a_task else "targets" if own is None else "prompt"
    say(f"task: {task_words(task)}{_TASK_FROM[source].format(setting('task'))}")
    return task, source


def _own_task(prompts: Sequence[str], say: Say) -> Task | None:
    """The task that the first prompt file of `prompts` was tuned with."""
    records = [record for prompt in prompts if (record := stored_record(prompt)) is not None]
    tasks = list(dict.fromkeys(task for record in records if (task := own_task(record.settings)) is not None))
    if len(tasks) > 1:
        words = " and ".join(map(task_words, tasks))
        say(f"The prompts were tuned for different tasks, {words}: all are judged by the first.")
    return tasks[0] if tasks else None


def _rows(settings: EvaluateSettings, say: Say) -> list[Example]:
    """The rows of a file, or the test rows of a data set."""
    source, group_by = settings.rows, settings.judging.group_by
    data_set = source.named_data_set()
    if data_set is None:
        aside = (group_by,) if group_by else ()
        columns, judging = shown_columns(settings.template, settings.prompt), settings.judging
        rows = load_rows(source.data or "", source, columns, judging.labels, task=judging.task, aside=aside, say=say)
    else:
        rows = data_set.test_rows(
            source.data_path,
            split_name=source.split or LARGE,
            seed=source.seed or 0,
            target=source.target,
            columns=settings.template.columns(),
        )
    check_groups(rows, group_by)
    return rows


def _write_predictions(
    path: Path, names: Sequence[str], found: Sequence[Evaluation], rows: Sequence[Example], group_by: str | None
) -> None:
    """Every answer of every prompt, as JSONL, each with the row that it answers as the row stood in its file."""
    from embedgrad.jobs.prediction_lines import answer

    groups = group_names(rows, group_by)
    own = {(row.line, row.input, row.target or ""): row.row for row in rows}

    def row(p: Prediction) -> dict[str, object]:
        key = (p.line, p.input, p.target)
        return {
            "line": p.line,
            "input": p.input,
            "target": p.target,
            **({"group": groups[key]} if key in groups else {}),
            **answer(p).model_dump(),
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
