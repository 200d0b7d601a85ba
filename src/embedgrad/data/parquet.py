"""Rows of a Parquet file, as `Records`. Needs pyarrow (the extra `hub`)."""

from __future__ import annotations

import math
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from embedgrad.data.records import LIMITS, Collected, Limits, Number, Records, TooMuchError
from embedgrad.errors import DataError
from embedgrad.extras import lacking
from embedgrad.faces import setting

_ROWS_AT_ONCE = 4096


def read_parquet(path: Path, limits: Limits = LIMITS) -> Records:
    """All rows of one file; a row's line is its number, from 1. Numbers become the text that JSON has for them.

    Raises DataError where pyarrow is missing or the file cannot be read, and TooMuchError before more is unpacked than
    the limits allow: a few bytes may stand for gigabytes.
    """
    if said := lacking("hub", f"{path} is Parquet, which"):
        raise DataError(said)
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    try:
        # Trap: read_table would take `key=value` in the folder's name for a column.
        schema = parquet.ParquetFile(path).schema_arrow
        texts = [one.name for one in schema if pyarrow.types.is_string(one.type) or pyarrow.types.is_binary(one.type)]
        file = parquet.ParquetFile(path, read_dictionary=texts)  # repeated texts stay packed until they are counted
        return _records(file, limits, pyarrow)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _records(file: Any, limits: Limits, pyarrow: Any) -> Records:
    metadata = file.metadata
    if metadata.num_rows > limits.rows:
        bound = setting("max_rows", of="load_examples")
        raise TooMuchError(f"has {metadata.num_rows:,} rows; at most {limits.rows:,} are read ({bound})")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    _check_size(sum(group.total_byte_size for group in groups), limits)
    single = {one.name for one in file.schema_arrow if one.type in (pyarrow.float32(), pyarrow.float16())}
    collected, unpacked, number = Collected(limits), 0, 0
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
        unpacked += sum(_unpacked_bytes(column, pyarrow) for column in batch.columns)
        _check_size(unpacked, limits)
        for found in batch.to_pylist():
            number += 1
            row = {
                name: _as_json(np.float32(v) if name in single and v is not None else v) for name, v in found.items()
            }
            if not collected.too_long(number, sum(len(value) for value in row.values() if isinstance(value, str))):
                collected.add(number, row)
    return collected.records(tuple(file.schema_arrow.names), unit="row")


def _unpacked_bytes(column: Any, pyarrow: Any) -> int:
    if not isinstance(column, pyarrow.DictionaryArray):
        return int(column.nbytes)
    compute = import_module("pyarrow.compute")
    try:
        lengths = compute.binary_length(column.dictionary)
    except pyarrow.ArrowException:  # categories that are no texts
        return int(column.nbytes)
    return int(compute.sum(lengths.take(column.indices.drop_null())).as_py() or 0)


def _check_size(unpacked_bytes: int, limits: Limits) -> None:
    if unpacked_bytes > limits.file_bytes:
        bound = setting("max_file_megabytes", of="load_examples")
        raise TooMuchError(f"unpacks to more than {limits.file_bytes // 1_000_000:,} MB; no more is read ({bound})")


def _as_json(value: object) -> object:
    """What the JSON reader would have given: numbers with their text, and texts for all that JSON has no form for."""
    if isinstance(value, dict):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="surrogateescape")
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return float(value)
    if isinstance(value, int | float | Decimal | np.floating) and not isinstance(value, bool):
        return Number(value)
    return value if value is None or isinstance(value, bool | str) else str(value)
