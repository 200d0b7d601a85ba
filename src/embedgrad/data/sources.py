"""Labeled rows from files: JSONL, CSV, TSV, Parquet, or JSONL from standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

from embedgrad.arguments import checked, path, text, texts
from embedgrad.data.example import Example
from embedgrad.data.fields import Fields, choose_fields
from embedgrad.data.parquet import read_parquet
from embedgrad.data.records import Records, Row, read_delimited, read_jsonl, read_task_json
from embedgrad.data.rows import RowError, RowReader
from embedgrad.errors import BadRows, DataError, FileMissing, RowProblem, did_you_mean

STDIN = "-"
_ADVICE = "Correct these lines or take them out: a file is used whole or not at all."
_LABEL_ADVICE = "Correct these lines, take them out, or name other labels: a file is used whole or not at all."
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSONL = (".jsonl", ".ndjson", ".json")
_PARQUET = ".parquet"
KINDS = (*_JSONL, *_DELIMITERS, _PARQUET)  # endings of files of rows


@checked(source=path, input_field=text, target_field=text, labels=texts, columns=texts)
def load_examples(
    source: str | Path,
    *,
    input_field: str | None = None,
    target_field: str | None = None,
    labels: Sequence[str] | None = None,
    needs_target: bool = True,
    columns: Sequence[str] = (),
) -> list[Example]:
    """The rows of a `.jsonl`, `.ndjson`, `.json` (one object per line), `.csv`, `.tsv` or `.parquet` file; `-` is
    JSONL from standard input. UTF-8, with or without a byte-order mark; blank lines are skipped.

    Fields: input/output, prompt/completion, question/answer, text/label or messages (a list of
    {role, content}; the last assistant message is the target, the user message before it the input, earlier
    ones the history), else those named by `input_field` and `target_field`. Strings are taken as they are,
    numbers as written. All other texts and numbers of a row are its `columns`; those named in `columns` (a
    template's slots) must be there. With `labels`, every target must be one of them. Without `needs_target`
    a row may lack its target, or have null or an empty text for it.

    Errors: FileMissing; DataError for a file without rows or of an unknown kind, for unknown or ambiguous
    fields and for a column that is the target or in no row; BadRows with every row that cannot be used.
    """
    name = "standard input" if str(source) == STDIN else str(source)
    records = load_records(source)
    fields = choose_fields(
        name, records.columns, input_field=input_field, target_field=target_field, needs_target=needs_target
    )
    reader = RowReader(
        fields=fields,
        labels=frozenset(labels) if labels is not None else None,
        needs_target=needs_target,
        columns=_template_columns(name, columns, fields, records.columns),
    )
    return make_examples(name, records, reader)


def load_records(source: str | Path) -> Records:
    """The rows of a file as they stand there. Raises FileMissing, DataError, BadRows; one row at least is a row."""
    name = "standard input" if str(source) == STDIN else str(source)
    records = _records(source, name)
    if not records.rows:
        if records.problems:
            raise BadRows(name, records.problems, _ADVICE)
        raise DataError(
            f'{name} has no rows. Expected one per line, like {{"input": "...", "output": "..."}} in JSONL, '
            "or a header and rows in CSV."
        )
    return records


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
        raise BadRows(name, everything, _LABEL_ADVICE if reader.labels is not None else _ADVICE)
    return examples


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


def _records(source: str | Path, name: str) -> Records:
    if str(source) == STDIN:
        return read_jsonl(sys.stdin.buffer.read())
    path = Path(source)
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            if suffix not in KINDS:
                raise DataError(
                    f"{path} is of no known kind; expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, "
                    "or - for JSONL from standard input."
                )
            data = file.read() if suffix != _PARQUET else b""
    except FileNotFoundError:
        raise FileMissing(f"{path} is not there.{_near_file(path)}") from None
    except IsADirectoryError:
        raise FileMissing(f"{path} is a folder; expected a file of rows.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if suffix == _PARQUET:
        return read_parquet(path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} is UTF-16; expected UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 {quote(str(path))}")
    if suffix in _DELIMITERS:
        return read_delimited(data, _DELIMITERS[suffix])
    if suffix == ".json" and data.lstrip()[:1] == b"[":
        raise DataError(
            f"{path} is one JSON list; expected one object per line. Convert it: "
            f"jq -c '.[]' {quote(str(path))} > {quote(str(path.with_suffix('.jsonl')))}"
        )
    return (read_task_json(data) if suffix == ".json" else None) or read_jsonl(data)


def _near_file(path: Path) -> str:
    try:
        return did_you_mean(path.name, sorted(entry.name for entry in path.parent.iterdir() if entry.is_file()))
    except OSError:
        return ""
