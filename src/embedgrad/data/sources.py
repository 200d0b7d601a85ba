"""Labeled rows from files: JSON, CSV, Parquet, or JSON from standard input."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from embedgrad.arguments import checked, expected, path, text, texts
from embedgrad.data.contradictions import contradiction_words
from embedgrad.data.decoding import IS_NOT_UTF8, encoding_problem
from embedgrad.data.example import Example
from embedgrad.data.fields import Fields, choose_fields
from embedgrad.data.files import STDIN, name_of, read_file, read_lines
from embedgrad.data.records import LIMITS, Limits, Records, Row
from embedgrad.data.row_reader import RowError, RowReader
from embedgrad.data.target_form import target_form
from embedgrad.data.unused import space_words, unused_words
from embedgrad.errors import BadRows, DataError, Guessed, RowProblem, did_you_mean
from embedgrad.events import Say
from embedgrad.faces import setting

_ADVICE = "Correct these lines or take them out: a file is used whole or not at all."
_LABEL_ADVICE = "Correct these lines, take them out, or name other labels: a file is used whole or not at all."


def nobody(sentence: str) -> None:
    """A `say` for those who gave none: what was guessed of a file becomes a Python warning (`Guessed`)."""


def _encoding(name: str, value: object) -> None:
    text(name, value)
    if problem := encoding_problem(str(value)):
        raise expected(name, value, 'the name of an encoding, such as "cp1252"', f"{problem}.")


@checked(source=path, encoding=_encoding, input_field=text, target_field=text, labels=texts, columns=texts)
def load_examples(
    source: str | Path,
    *,
    encoding: str | None = None,
    input_field: str | None = None,
    target_field: str | None = None,
    labels: Sequence[str] | None = None,
    needs_target: bool = True,
    columns: Sequence[str] = (),
    json_targets: bool = False,
    rows_at: str | None = None,
    limits: Limits = LIMITS,
    aside: Sequence[str] = (),
    say: Say = nobody,
) -> list[Example]:
    """The rows of a `.jsonl`, `.ndjson`, `.json`, `.csv`, `.tsv` or `.parquet` file; `-` is JSON from standard input.
    All but Parquet may be packed (`.gz`).

    JSON is one object per line, a list of objects, or one object with a list of them (`rows_at` names it where there
    are several). CSV may be cut by commas, semicolons, tabs or bars, told from the file. Text is what its
    byte-order mark says, else in `encoding`; where none is given, UTF-8 or a guess. Blank lines and rows are skipped.
    What was guessed goes to `say`; without one, a guessed encoding is a warning (`errors.Guessed`).

    Fields: input/output, prompt/completion, question/answer, text/label, instruction/input/output (instruction, a
    blank line, and the input where there is one), messages or conversations (a list of {role, content} or {from,
    value}; the last assistant message is the target, the user message before it the input, earlier ones the history),
    else those named by `input_field` and `target_field`. Strings are taken as they are, targets in
    their one form (`target_form`), numbers as written, booleans as
    `true` and `false`, or as the one of `labels` that is written so in other letters. All other texts, numbers and
    booleans of a row are its `columns`; those named in `columns` (a template's slots) must be there. Long texts in
    columns that neither these name nor `aside` are told to `say`. With `labels`, every target must be one of them.
    With `json_targets` a target may be an object or a list. Without `needs_target` a row may lack its target, or have
    null or an empty text for it.

    Errors: FileMissing; DataError for a file without rows or of an unknown kind, for unknown or ambiguous fields, for a
    column that is the target or in no row, and for more than the `limits`; BadRows with every row that cannot be used.
    """
    name = name_of(source)
    records = load_records(
        source, encoding=encoding, rows_at=rows_at, needs_target=needs_target, limits=limits, say=say
    )
    fields = choose_fields(
        name,
        records.columns,
        input_field=input_field,
        target_field=target_field,
        needs_target=needs_target,
        columns=columns,
    )
    reader = RowReader(
        fields=fields,
        labels=frozenset(map(target_form, labels)) if labels is not None else None,
        needs_target=needs_target,
        columns=_template_columns(name, columns, fields, records.columns),
        json_targets=json_targets,
    )
    examples = make_examples(name, records, reader)
    for sentence in (
        *unused_words(records, fields, reader.columns, aside),
        space_words(examples, fields),
        contradiction_words(name, examples, reader.columns, records.unit),
    ):
        if sentence:
            say(sentence)
    return examples


def load_lines(
    source: str | Path, *, encoding: str | None = None, limits: Limits = LIMITS, say: Say = lambda message: None
) -> list[Example]:
    """Each line of a text file, or of standard input (`-`), as an input by itself; blank lines are skipped.

    Raises what `load_examples` raises.
    """
    name = name_of(source)
    records = read_lines(source, limits, encoding)
    _tell_notes(name, records, say)
    if not records.rows and not records.problems:
        raise DataError(f"{name} has no lines. Expected an input on each.")
    return make_examples(name, records, RowReader(Fields("input", None), None, needs_target=False, columns=()))


def load_records(
    source: str | Path,
    *,
    encoding: str | None = None,
    rows_at: str | None = None,
    needs_target: bool = True,
    limits: Limits = LIMITS,
    say: Say = lambda message: None,
) -> Records:
    """The rows of a file as they stand there. Raises FileMissing, DataError, BadRows; one row at least is a row."""
    name = name_of(source)
    records = read_file(source, rows_at, limits, encoding)
    _tell_notes(name, records, say)
    if not records.rows:
        if records.problems:
            raise BadRows(name, records.problems, _advice(records.problems), records.unit)
        row = '{"input": "...", "output": "..."}' if needs_target else '{"input": "..."}'
        kinds = "" if str(source) == STDIN else " in JSONL, or a header and rows in CSV"
        raise DataError(f"{name} has no rows. Expected one per line, like {row}{kinds}.")
    return records


def _tell_notes(name: str, records: Records, say: Say) -> None:
    if not records.notes:
        return
    sentence = f"{name} is read {' and '.join(records.notes)}."
    if say is nobody and records.is_guessed:
        warnings.warn(sentence, Guessed, stacklevel=_depth_outside())
    say(sentence)


def _depth_outside() -> int:
    """How many frames below the caller the code of somebody else is, for which a warning is meant."""
    depth, frame = 0, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "embedgrad":
        depth, frame = depth + 1, frame.f_back
    return depth + 1


def make_examples(
    name: str, records: Records, reader: RowReader, converted: Callable[[Row], Row] = lambda row: row
) -> list[Example]:
    """One Example per row, each row `converted` first. Raises BadRows with every row of `name` that cannot be used."""
    examples: list[Example] = []
    problems: list[RowProblem] = []
    for line, row in records.rows:
        try:
            examples.append(reader.example(line, converted(row)))
        except RowError as error:
            # Looking for near words takes longer than reading: only for rows that will be shown.
            hint = did_you_mean(error.word, error.known) if len(problems) < BadRows.shown else ""
            problems.append(RowProblem(line, f"{error.problem}.{hint}" if hint else error.problem))
    if problems or records.problems:
        everything = sorted([*records.problems, *problems], key=lambda problem: problem.line)
        raise BadRows(name, everything, _advice(everything, has_labels=reader.labels is not None), records.unit)
    return examples


def _advice(problems: Sequence[RowProblem], *, has_labels: bool = False) -> str:
    """What to do about them."""
    advice = _LABEL_ADVICE if has_labels else _ADVICE
    if any(f"{IS_NOT_UTF8}:" in problem.problem for problem in problems):
        return f"{advice} If the file is in another encoding, name it: {setting('encoding', 'cp1252')}."
    return advice


def _template_columns(name: str, asked: Sequence[str], fields: Fields, found: Sequence[str]) -> tuple[str, ...]:
    """The columns a template asks for besides the input; refused where no row can have them."""
    needed = tuple(column for column in asked if column != "input")
    for column in needed:
        if column == fields.target:
            raise DataError(
                f"The template shows {{{column}}}, the target of {name}: the model would only have to copy it."
            )
        if column not in found:
            raise DataError(
                f"The template asks for {{{column}}}, but no row of {name} has that field.{did_you_mean(column, found)}"
            )
    return needed
