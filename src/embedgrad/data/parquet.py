"""Rows of a Parquet file, as `Records`. Needs pyarrow (the extra `hub`)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from embedgrad.data.records import Records
from embedgrad.errors import DataError


def read_parquet(path: Path) -> Records:
    """All rows of one file; a row's line is its number, from 1. Numbers become the text that JSON has for them.

    Raises DataError where pyarrow is missing or the file cannot be read.
    """
    try:
        pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise DataError(f"{path} is Parquet, which needs pyarrow. Install it: pip install 'embedgrad[hub]'") from error
    try:
        # Trap: read_table would take `key=value` in the folder's name for a column.
        table = parquet.ParquetFile(path).read()
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    columns: list[str] = table.column_names
    rows = [
        (number, {name: _as_json(value) for name, value in row.items()})
        for number, row in enumerate(table.to_pylist(), start=1)
    ]
    return Records(rows, tuple(columns), [])


def _as_json(value: object) -> object:
    """What the JSON reader would have given: texts for numbers, and for all else that JSON has no form for."""
    if isinstance(value, dict):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="surrogateescape")
    return value if value is None or isinstance(value, bool | str) else str(value)
