"""`embedgrad generate`: answers under a prompt, or several, for arguments or for rows or lines from stdin."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import PROMPT, WITH_ESCAPES, Typed, absolute, merged, required
from embedgrad.cli.next_command import rows_command, shown_path
from embedgrad.cli.settings import ModelSettings, RowSettings, TemplateSettings, load_rows, shown_columns
from embedgrad.data.example import Example
from embedgrad.data.files import KINDS
from embedgrad.data.sources import load_lines
from embedgrad.errors import BadRows, DataError, UsageError, did_you_mean
from embedgrad.prompt.naming import names_a_path
from embedgrad.settings import BATCH_TOKENS, BatchTokens, PositiveCount
from embedgrad.template.layout import Overlong
from embedgrad.units import counted
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.evaluation.answering import Answering, Generation

_ROWS_AT_ONCE = 64
_STOPS = Typed(lambda texts: tuple(map(WITH_ESCAPES.read, texts)))


class GenerateSettings(RowSettings, TemplateSettings, ModelSettings):
    prompt: Annotated[str | None, PROMPT] = Field(
        None, description="The prompt: a text, @FILE with a text, a prompt file, a run folder or a PEFT folder."
    )
    prompt_field: str | None = Field(
        None, description="Column in which a row on stdin may name its own prompt file; other rows use --prompt."
    )
    lines: Annotated[bool, Parameter(negative=())] = Field(
        False, description="Treat each line on stdin as one input, not as JSON."
    )
    max_new_tokens: PositiveCount = Field(128, description="Maximum tokens per answer.")
    stop: Annotated[tuple[str, ...], _STOPS, Parameter(negative=(), show_default=False)] = Field(
        (), description=r"End the answer before this text (\n is a newline); repeat for several."
    )
    batch_tokens: BatchTokens = BATCH_TOKENS
    overlong: Overlong = Field("error", description="What to do with rows longer than the model's context.")


def generate(
    *inputs: Annotated[str, Parameter(help="Inputs to answer; without any, JSONL rows are read from stdin.")],
    flags: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags override it.")] = None,
    stream: Annotated[
        bool, Parameter(help="Print a single answer as it is generated, even if stdout is not a terminal.", negative=())
    ] = False,
    json: Annotated[
        bool, Parameter(help="Print one JSON object per answer, with the entropy of every step.", negative=())
    ] = False,
    quiet: Annotated[bool, Parameter(help="Print no notes.", negative=())] = False,
) -> None:
    """Answer inputs with a prompt, greedily. JSONL rows on stdin become JSONL answers on stdout, in order: each row
    unchanged, with the answer's fields appended."""
    terminal = Terminal(json, quiet)
    job = merged(flags, settings, GenerateSettings)
    required(job, "model") if job.prompt_field else required(job, "model", "prompt")
    if stream and (json or len(inputs) != 1):
        raise UsageError("--stream shows one answer as it comes: give one input as an argument, without --json.")
    if job.prompt_field and inputs:
        raise UsageError("--prompt-field names a column of the rows on stdin; with inputs as arguments use --prompt.")
    if job.lines and (inputs or job.prompt_field):
        raise UsageError(
            f"--lines reads inputs from stdin: leave out {'--prompt-field' if not inputs else 'the others'}."
        )
    for text in inputs:
        if text.endswith(KINDS) and len(text.split()) == 1:
            raise UsageError(
                f"The input {text!r} looks like a file of rows; an argument is a text. Rows come as JSONL through "
                'stdin: embedgrad generate ... < FILE. The word itself as an input is the row {"input": ...}.'
            )
    rows = _rows(inputs, job, terminal)
    prompts = _prompts(rows, job)

    from embedgrad.evaluation.answering import Answering, Asking
    from embedgrad.placement import Placing

    with terminal.working(f"loading {job.model}"):
        model = job.load(terminal.note)
    template = job.named_template(model.has_chat_template)
    asking = Asking(job.max_new_tokens, job.stop, job.overlong, job.batch_tokens)
    placing = Placing(template, job.special_tokens_in_rows, job.allow_mismatch)
    answering = Answering.prepare(model, prompts, rows, asking, placing, Watch(note=terminal.note))
    if stream or (len(inputs) == 1 and sys.stdout.isatty() and not json):
        _stream(answering, rows, terminal)
    else:
        _answer(answering, rows, json or not inputs, terminal)


def _rows(inputs: Sequence[str], job: GenerateSettings, terminal: Terminal) -> list[Example]:
    """The inputs given as arguments, or what comes through stdin."""
    columns = () if job.lines else shown_columns(job, [job.prompt or ""])
    if inputs:
        _check_columns(inputs[0], columns, job)
        return [Example(text, line=number, row={"input": text}) for number, text in enumerate(inputs, start=1)]
    if job.lines:
        return load_lines("-", encoding=job.encoding, limits=job.limits, say=terminal.note)
    aside = (job.prompt_field,) if job.prompt_field else ()
    try:
        return load_rows("-", job, columns, labels=None, needs_target=False, aside=aside, say=terminal.note)
    except BadRows as error:
        if not error.problems[0].problem.startswith("not JSON"):
            raise
        raise DataError(f"{error} If each line is an input by itself, add --lines.") from error


def _check_columns(text: str, columns: Sequence[str], job: GenerateSettings) -> None:
    """Raises UsageError where the template shows more of a row than an input given as an argument has."""
    if columns:
        row = {"input": text, **dict.fromkeys(columns, "...")}
        command = [
            "embedgrad",
            "generate",
            "--model",
            shown_path(job.model or ""),
            "--prompt",
            shown_path(job.prompt or ""),
        ]
        raise UsageError(
            f"The template shows {' and '.join(f'{{{name}}}' for name in columns)} besides the input, which an input "
            f"on the command line lacks. Give whole rows through stdin: {rows_command(row, command)}"
        )


def _prompts(rows: Sequence[Example], job: GenerateSettings) -> list[str]:
    """Each row's prompt. Raises DataError naming the lines that have none, or name no file."""
    field = job.prompt_field
    if field is None:
        return [job.prompt or ""] * len(rows)
    known = sorted({name for row in rows for name in row.columns})
    if field not in known:
        raise DataError(
            f'No row has a text in a column "{field}" (--prompt-field) besides its input and its target.'
            f"{did_you_mean(field, known)}"
        )
    named = [row.columns.get(field) or None for row in rows]
    strange = [row for row, name in zip(rows, named, strict=True) if name is not None and not names_a_path(name)]
    if strange:
        raise DataError(
            f'{len(strange)} of {counted(len(rows), "row")} {"has" if len(strange) == 1 else "have"} a "{field}" where '
            f"there is no file, the first at line {strange[0].line}: {strange[0].columns[field]!r}. Name a prompt "
            "file, a run folder or a PEFT folder."
        )
    without = [row for row, name in zip(rows, named, strict=True) if name is None]
    if without and not job.prompt:
        raise DataError(
            f"{len(without)} of {counted(len(rows), 'row')} {'names' if len(without) == 1 else 'name'} no prompt in "
            f'"{field}", the first at line {without[0].line}. '
            "Give --prompt for these."
        )
    return [absolute(name) if name is not None else job.prompt or "" for name in named]


def _stream(answering: Answering, rows: Sequence[Example], terminal: Terminal) -> None:
    if answering.requests[0] is None:
        _tell_overlong(rows[0], terminal)
        return
    for piece in answering.stream(0):
        terminal.answer(piece, end="")
        sys.stdout.flush()
    terminal.answer("")
    sys.stdout.flush()


def _answer(answering: Answering, rows: Sequence[Example], as_lines: bool, terminal: Terminal) -> None:
    watched = Terminal(
        terminal.as_json, terminal.quiet or sys.stdout.isatty()
    )  # a bar and answers on one terminal would mix
    names = _answer_names(rows, terminal.as_json) if as_lines else {}
    if taken := [f'"{own}" as "{name}"' for own, name in names.items() if own != name]:
        terminal.note(f"The rows have columns of these names, so an answer has its {', its '.join(taken)}.")
    with watched.progress("answering", len(rows)) as progress:
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            last = min(first + _ROWS_AT_ONCE, len(rows))
            for row, answer in zip(rows[first:last], answering.answers(first, last), strict=True):
                if answer is None:
                    _tell_overlong(row, terminal)
                if as_lines:
                    named = {names[own]: value for own, value in _fields(answer, terminal.as_json).items()}
                    terminal.line({**row.row, **named})
                elif answer is not None:
                    terminal.answer(answer.text)
            sys.stdout.flush()
            progress.update(last)


def _answer_names(rows: Sequence[Example], in_full: bool) -> dict[str, str]:
    """What each field of an answer is called in the output: its name, unless a row has a value of its own there, which
    must stay."""
    taken = {name for row in rows for name, value in row.row.items() if value not in (None, "")}
    names = {}
    for own in _fields(None, in_full):
        name = own
        while name in taken:
            name = f"embedgrad_{name}"
        names[own] = name
    return names


def _fields(answer: Generation | None, in_full: bool) -> dict[str, object]:
    """An answer's fields; null where there is no answer."""
    fields: dict[str, object] = {
        "output": answer.text if answer else None,
        "truncated": answer.truncated if answer else None,
        "tokens": len(answer.tokens) if answer else None,
    }
    if in_full:
        fields["loops"] = answer.loops if answer else None
        fields["entropies_bits"] = [round(bits, 4) for bits in answer.entropies_bits] if answer else None
    return fields


def _tell_overlong(row: Example, terminal: Terminal) -> None:
    terminal.note(f"line {row.line} is longer than the model's context and has no answer")
