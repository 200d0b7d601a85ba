"""`embedgrad generate`: answers under a prompt, or several, for arguments or for rows or lines from stdin."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import flags_of, merged
from embedgrad.cli.next_command import rows_command, shown_path
from embedgrad.data.example import Example
from embedgrad.data.files import KINDS
from embedgrad.errors import UsageError
from embedgrad.jobs.generate import GenerateJob, GenerateSettings
from embedgrad.jobs.model_settings import required

if TYPE_CHECKING:
    from embedgrad.evaluation.answering import Answering, Generation

_ROWS_AT_ONCE = 64

if TYPE_CHECKING:
    GenerateFlags = GenerateSettings
else:
    GenerateFlags = flags_of(GenerateSettings)


def generate(
    *inputs: Annotated[str, Parameter(help="Inputs to answer; without any, JSONL rows are read from stdin.")],
    flags: Annotated[GenerateFlags | None, Parameter(name="*")] = None,
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
    asked = merged(flags, settings, GenerateSettings)
    required(asked, "model") if asked.prompt_field else required(asked, "model", "prompt")
    if stream and (json or len(inputs) != 1):
        raise UsageError("--stream shows one answer as it comes: give one input as an argument, without --json.")
    if asked.prompt_field and inputs:
        raise UsageError("--prompt-field names a column of the rows on stdin; with inputs as arguments use --prompt.")
    if asked.lines and (inputs or asked.prompt_field):
        raise UsageError(
            f"--lines reads inputs from stdin: leave out {'--prompt-field' if not inputs else 'the others'}."
        )
    for text in inputs:
        if text.endswith(KINDS) and len(text.split()) == 1:
            raise UsageError(
                f"The input {text!r} looks like a file of rows; an argument is a text. Rows come as JSONL through "
                'stdin: embedgrad generate ... < FILE. The word itself as an input is the row {"input": ...}.'
            )
    if inputs:
        _check_columns(inputs[0], asked)
    job = GenerateJob.of(asked, inputs, terminal.watch)
    rows, answering = job.rows, job.answering(terminal.watch)
    if stream or (len(inputs) == 1 and sys.stdout.isatty() and not json):
        _stream(answering, rows, terminal)
    else:
        _answer(answering, rows, json or not inputs, terminal)


def _check_columns(text: str, settings: GenerateSettings) -> None:
    """Raises UsageError where the template shows more of a row than an input given as an argument has."""
    if columns := settings.columns:
        row = {"input": text, **dict.fromkeys(columns, "...")}
        command = [
            "embedgrad",
            "generate",
            "--model",
            shown_path(settings.model.model or ""),
            "--prompt",
            shown_path(settings.prompt or ""),
        ]
        raise UsageError(
            f"The template shows {' and '.join(f'{{{name}}}' for name in columns)} besides the input, which an input "
            f"on the command line lacks. Give whole rows through stdin: {rows_command(row, command)}"
        )


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
