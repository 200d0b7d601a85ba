"""`embedgrad analyze --diagnose`: a starting prompt on labeled rows, before it is tuned."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from embedgrad.analysis.diagnosis import DIAGNOSIS
from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import PROMPT, RowsFile, required
from embedgrad.cli.settings import (
    JudgingSettings,
    ModelSettings,
    RowSettings,
    TemplateSettings,
    load_rows,
    shown_columns,
)
from embedgrad.model.special_tokens import stored_special_tokens
from embedgrad.settings import BATCH_TOKENS, BatchTokens
from embedgrad.tasks.targets import check_special_tokens
from embedgrad.watch import Watch


class DiagnoseSettings(JudgingSettings, RowSettings, TemplateSettings, ModelSettings):
    """What --diagnose needs; a run has all of it in its settings."""

    prompt: Annotated[str | None, PROMPT] = Field(None, description="With --diagnose: the prompt to start from.")
    data: RowsFile = Field(
        None, description="With --diagnose: labeled rows as JSONL, CSV, Parquet, or - for JSONL on stdin."
    )
    batch_tokens: BatchTokens = BATCH_TOKENS


def judge_start(job: DiagnoseSettings, rows: int, terminal: Terminal) -> None:
    """Measure the prompt on at most `rows` of its rows, and print what that says."""
    required(job, "model", "prompt", "data")
    examples = load_rows(
        job.data or "", job, shown_columns(job, [job.prompt or ""]), job.labels, task=job.task, say=terminal.note
    )
    task = job.task_for(examples)
    if task.has_metric:
        check_special_tokens(examples, stored_special_tokens(job.model or "", job.revision))

    from embedgrad.analysis.diagnosis.measure import diagnosis
    from embedgrad.analysis.study import spread
    from embedgrad.placement import start

    with terminal.working(f"loading {job.model}"):
        model = job.load(terminal.note)
    template = job.named_template(model.has_chat_template)
    prompt = start(
        model,
        job.prompt or "",
        template,
        special_tokens_in_rows=job.special_tokens_in_rows,
        allow_mismatch=job.allow_mismatch,
        say=terminal.note,
    )
    with terminal.progress("diagnosis", 100) as line:
        found = diagnosis(
            model,
            prompt,
            spread(examples, rows),
            job.judging(task, job.batch_tokens),
            Watch(note=terminal.note, progress=line.part),
        )
    terminal.result({"analyses": {"diagnosis": found.model_dump(mode="json")}, "left_out": {}})
    terminal.section("diagnosis", DIAGNOSIS.sentences(found))
