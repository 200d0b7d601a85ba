"""A file of rows, or standard input: opened, unpacked and decoded, and read as its ending says."""

from __future__ import annotations

import errno
import gzip
import io
import sys
import zlib
from dataclasses import replace
from pathlib import Path

from embedgrad.data.decoding import Decoded, UndecodableError, decode
from embedgrad.data.delimited import read_delimited
from embedgrad.data.json_rows import ShapeError, is_one_per_line, read_json, read_jsonl
from embedgrad.data.parquet import read_parquet
from embedgrad.data.records import Collected, Limits, Records, TooMuchError
from embedgrad.errors import DataError, FileMissing, did_you_mean
from embedgrad.faces import setting
from embedgrad.named_file import check_named, read_named

STDIN = "-"
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON = (".jsonl", ".ndjson", ".json")
_PARQUET = ".parquet"
KINDS = (*_JSON, *_DELIMITERS, _PARQUET)  # endings of files of rows
_PACKED = ".gz"
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")


def name_of(source: str | Path) -> str:
    """What messages call it."""
    return "standard input" if str(source) == STDIN else str(source)


def read_file(source: str | Path, rows_at: str | None, limits: Limits, encoding: str | None = None) -> Records:
    """The rows as they stand there, and in `notes` how they were read; text is in `encoding` where one is given. Raises
    FileMissing, DataError."""
    name = name_of(source)
    kind = ".jsonl" if str(source) == STDIN else _kind(Path(source))
    if rows_at is not None and kind not in _JSON:
        raise DataError(f'{name} is no JSON, so there is no list "{rows_at}" ({setting("rows_at")}) in it.')
    if encoding is not None and kind == _PARQUET:
        raise DataError(
            f"{name} is Parquet, which says itself how its texts are encoded: leave out {setting('encoding')}."
        )
    try:
        if kind == _PARQUET:
            _check(Path(source))
            return read_parquet(Path(source), limits)
        found = _decoded(source, limits, encoding)
        if kind in _DELIMITERS:
            records = read_delimited(found.text, _DELIMITERS[kind], limits)
        else:
            records = _read_json(found.text, kind, rows_at, limits)
    except (ShapeError, TooMuchError) as error:
        raise DataError(f"{name} {error}.") from error
    return replace(records, notes=_notes(found) + records.notes, is_guessed=found.guessed)


def read_lines(source: str | Path, limits: Limits, encoding: str | None = None) -> Records:
    """Each line that is not blank as a row with an `input`. Raises FileMissing, DataError."""
    try:
        found, collected = _decoded(source, limits, encoding), Collected(limits)
        for number, line in enumerate(io.StringIO(found.text, newline=""), start=1):
            if line.strip() and not collected.too_long(number, len(line)):
                collected.add(number, {"input": line.rstrip("\r\n")})
    except TooMuchError as error:
        raise DataError(f"{name_of(source)} {error}.") from error
    return collected.records(("input",), notes=_notes(found))


def _notes(found: Decoded) -> tuple[str, ...]:
    return (found.note,) if found.note else ()


def _read_json(text: str, kind: str, rows_at: str | None, limits: Limits) -> Records:
    is_one_object = kind == ".json" and "\n" not in text.strip()
    if rows_at is None and not is_one_object and is_one_per_line(text):
        return read_jsonl(text, limits)
    return read_json(text, rows_at, limits) or read_jsonl(text, limits)


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == _PACKED else (suffixes or [""])[-1]
    if kind in KINDS and (kind != _PARQUET or suffixes[-1] == _PARQUET):
        return kind
    _check(path)  # that it is not there is the more useful word
    if kind in _WORKBOOKS:
        raise DataError(f"{path} is a workbook; save its sheet as CSV, and give that.")
    raise DataError(
        f"{path} is of no known kind; expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, "
        "or - for JSONL from standard input."
    )


def _decoded(source: str | Path, limits: Limits, encoding: str | None) -> Decoded:
    is_stdin = str(source) == STDIN
    data = sys.stdin.buffer.read(limits.file_bytes + 1) if is_stdin else _bytes_of(Path(source), limits)
    if len(data) > limits.file_bytes:
        raise _too_large(limits)
    try:
        return decode(data, encoding)
    except UndecodableError as error:
        how = setting("encoding", of="load_examples")
        raise DataError(f"{name_of(source)} {error}. Save it as UTF-8, or name its encoding with {how}.") from error


def _bytes_of(path: Path, limits: Limits) -> bytes:
    _check(path, limits)
    data = read_named(path, limits.file_bytes)
    if path.suffix.lower() != _PACKED:
        return data
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(data)).read(limits.file_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}.") from error


def _check(path: Path, limits: Limits | None = None) -> None:
    """Raises FileMissing, DataError, TooMuchError unless there is an ordinary file."""
    try:
        check_named(path, limits.file_bytes if limits else sys.maxsize)
        path.open("rb").close()
    except FileNotFoundError:
        raise FileMissing(f"{path} is not there.{_near_file(path)}") from None
    except IsADirectoryError:
        raise FileMissing(f"{path} is a folder; expected a file of rows.") from None
    except (OSError, ValueError) as error:
        if limits and getattr(error, "errno", None) == errno.EFBIG:
            raise _too_large(limits) from error
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _too_large(limits: Limits) -> TooMuchError:
    bound = setting("max_file_megabytes", of="load_examples")
    return TooMuchError(f"has more than {limits.file_bytes // 1_000_000:,} MB; no more is read ({bound})")


def _near_file(path: Path) -> str:
    try:
        return did_you_mean(path.name, sorted(entry.name for entry in path.parent.iterdir() if entry.is_file()))
    except OSError:
        return ""
