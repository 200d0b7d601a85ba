"""`embedgrad generate`: answers under a prompt, for arguments or for JSONL from stdin."""

from __future__ import annotations

import json as json_lines
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field, PositiveInt

from embedgrad.cli.console import Terminal
from embedgrad.cli.settings import (
    PROMPT,
    ModelSettings,
    RowSettings,
    TemplateSettings,
    load_rows,
    merged,
    required,
)
from embedgrad.data.example import Example
from embedgrad.template.layout import Overlong

if TYPE_CHECKING:
    from embedgrad.evaluation.evaluate import Generation

_ROWS_AT_ONCE = 64


class GenerateSettings(RowSettings, TemplateSettings, ModelSettings):
    prompt: Annotated[str | None, PROMPT] = Field(
        None, description="The prompt: a text, @FILE with a text, a prompt file, a run folder, a PEFT folder."
    )
    max_new_tokens: PositiveInt = Field(128, description="Longest answer in tokens.")
    batch_tokens: PositiveInt = Field(8192, description="Most tokens in one forward pass; changes memory, not results.")
    overlong: Overlong = Field("error", description="What to do with rows longer than the model's context.")


def generate(
    *inputs: Annotated[str, Parameter(help="Inputs to answer; without any, JSONL rows are read from stdin.")],
    flags: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags go on top.")] = None,
    json: Annotated[bool, Parameter(help="Print one JSON object per answer.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="No notes.", negative=())] = False,
) -> None:
    """Answer inputs under a prompt, greedily. JSONL rows on stdin become JSONL answers on stdout, in order."""
    terminal = Terminal(json, quiet)
    job = merged(flags, settings, GenerateSettings)
    required(job, "model", "prompt")
    rows = [Example(text, line=number) for number, text in enumerate(inputs, start=1)]
    if not inputs:
        rows = load_rows("-", job, job.columns(), labels=None, needs_target=False)

    from embedgrad.evaluation.evaluate import generate as answers_to
    from embedgrad.model.load import load_model
    from embedgrad.placement import start

    with terminal.working(f"loading {job.model}"):
        model = load_model(job.model or "", job.dtype, job.device, job.revision)
    template = job.named_template(model.has_chat_template)
    prompt = start(model, job.prompt or "", template, allow_mismatch=job.allow_mismatch, say=terminal.note)
    watched = Terminal(json, quiet or sys.stdout.isatty())  # a bar and answers on one terminal would mix
    with watched.progress("answering", len(rows)) as progress:
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            piece = rows[first : first + _ROWS_AT_ONCE]
            answers = answers_to(
                model,
                prompt,
                piece,
                max_new_tokens=job.max_new_tokens,
                overlong=job.overlong,
                batch_tokens=job.batch_tokens,
                say=terminal.note,
            )
            _print(piece, answers, json or not inputs, terminal)
            progress.update(first + len(piece))


def _print(rows: Sequence[Example], answers: Sequence[Generation | None], as_json: bool, terminal: Terminal) -> None:
    for row, answer in zip(rows, answers, strict=True):
        if answer is None:
            terminal.note(f"line {row.line} is longer than the model's context and has no answer")
        if as_json:
            line = {
                **row.columns,
                "input": row.input,
                "output": answer.text if answer else None,
                "truncated": answer.truncated if answer else None,
                "tokens": len(answer.tokens) if answer else None,
            }
            print(json_lines.dumps(line, ensure_ascii=False))
        elif answer is not None:
            print(answer.text)
    sys.stdout.flush()
