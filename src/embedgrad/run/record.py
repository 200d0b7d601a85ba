"""A finished run folder, read and checked: what was written there, as frozen objects.

Knows the files of a run and their keys; knows nothing of models, figures or pages.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from embedgrad.errors import EmbedgradError, FileMissing, did_you_mean
from embedgrad.faces import command
from embedgrad.named_file import read_named
from embedgrad.run.grid import Grid, read_grid
from embedgrad.run.json_files import (
    broken,
    numbered_lines,
    parsed,
    parsed_file,
    unreadable,
)
from embedgrad.run.metrics import StepMetrics, ValidationMetrics
from embedgrad.run.names import CALIBRATION, METRICS, PREDICTIONS, PROMPT_FILE, RESTARTS, RESULT, SETTINGS
from embedgrad.run.predictions import PredictedRow
from embedgrad.run.restarts import RestartsRecord, read_restarts
from embedgrad.run.result import Result
from embedgrad.strict_json import shown
from embedgrad.units import counted


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder tells it. Steps and validations are in order, each step once."""

    folder: Path
    settings: str  # settings.toml, word for word
    steps: tuple[StepMetrics, ...]
    validations: tuple[ValidationMetrics, ...]
    predictions: tuple[PredictedRow, ...]
    result: Result
    calibration: Grid | None
    restarts: RestartsRecord | None
    is_sealed: bool  # whether `result.json` says what the files must be; those of an earlier embedgrad do not


_EVENT: TypeAdapter[StepMetrics | ValidationMetrics] = TypeAdapter(
    Annotated[StepMetrics | ValidationMetrics, Field(discriminator="event")]
)
_ROW = TypeAdapter(PredictedRow)
_RESULT = TypeAdapter(Result)


def read_run(folder: Path) -> RunRecord:
    """Everything the report needs from a finished run.

    A half-written last line of `metrics.jsonl` (a crash) is passed over; where a resumed run did a step
    again, the later line counts. Raises FileMissing if there is no such folder, EmbedgradError if one of its
    files is missing or is not what embedgrad writes.
    """
    if not folder.is_dir():
        raise FileMissing(f"There is no run folder {folder}.{_nearest_folder(folder)}")
    result, is_sealed = parsed_file(folder / RESULT, _read(folder, RESULT), _RESULT)
    _check_files(folder, result)
    steps: dict[int, StepMetrics] = {}
    validations: dict[int, ValidationMetrics] = {}
    for event in _events(folder):
        if isinstance(event, StepMetrics):
            steps[event.step] = event
        else:
            validations[event.step] = event
    predictions = tuple(
        parsed(folder / PREDICTIONS, line, _ROW, line=number)
        for number, line in numbered_lines(_read(folder, PREDICTIONS))
    )
    if len(predictions) != result.rows.test:
        raise broken(
            str(folder / PREDICTIONS),
            f"rows: {len(predictions)}, where result.json counts {result.rows.test} test rows",
        )
    return RunRecord(
        folder=folder,
        settings=_settings(folder),
        steps=tuple(steps[step] for step in sorted(steps)),
        validations=tuple(validations[step] for step in sorted(validations)),
        predictions=predictions,
        result=result,
        calibration=read_grid(folder / CALIBRATION),
        restarts=read_restarts(folder / RESTARTS),
        is_sealed=is_sealed,
    )


def _check_files(folder: Path, result: Result) -> None:
    """Raises EmbedgradError where a file is not the one that the result was made from. The prompt file may be gone."""
    for name, wanted in (result.files or {}).items():
        if name not in (PREDICTIONS, METRICS, PROMPT_FILE):
            raise broken(str(folder / RESULT), f"files: there is no file {shown(name)}")
        if name == PROMPT_FILE and not (folder / name).exists():
            continue
        found = hashlib.sha256(_read(folder, name)).hexdigest()
        if found != wanted:
            raise broken(
                str(folder / name),
                f"its SHA-256 starts with {found[:12]}, that of the file that result.json was made from with "
                f"{wanted[:12]}",
            )


def _events(folder: Path) -> Iterator[StepMetrics | ValidationMetrics]:
    content = _read(folder, METRICS)
    whole, _, rest = content.rpartition(b"\n")
    for number, line in numbered_lines(whole):
        yield parsed(folder / METRICS, line, _EVENT, line=number)
    if rest.strip():
        try:
            yield _EVENT.validate_json(rest)
        except ValidationError:
            return  # the line that was being written when the run was killed


def _settings(folder: Path) -> str:
    try:
        text = _read(folder, SETTINGS).decode("utf-8")
        values = tomllib.loads(text)
    except RecursionError:
        raise broken(str(folder / SETTINGS), "it is nested too deep") from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise broken(str(folder / SETTINGS), str(error)) from error
    if not values:
        raise broken(str(folder / SETTINGS), "it has no settings")
    return text


def _read(folder: Path, name: str) -> bytes:
    try:
        return read_named(folder / name)
    except FileNotFoundError as error:
        if inside := _runs_inside(folder):
            raise EmbedgradError(
                f"{folder} holds {counted(len(inside), 'run')} and is none itself. Give one of them, such as "
                f"{inside[0]}."
            ) from error
        if name == RESULT:
            resume = command("tune", resume=str(folder))
            problem = f"has no {RESULT}: the run has not finished. First continue it: {resume}"
        else:
            problem = f"has no {name}. Put it back if it was moved, else repeat the run."
        raise EmbedgradError(f"The run folder {folder} {problem}") from error
    except OSError as error:
        raise unreadable(folder / name, error) from error


def _runs_inside(folder: Path) -> list[Path]:
    """Of a folder of seeds, sizes, cells or tasks."""
    return sorted(path.parent for path in folder.glob(f"*/{SETTINGS}"))


def _nearest_folder(folder: Path) -> str:
    parent = folder.parent
    known = [entry.name for entry in parent.iterdir() if entry.is_dir()] if parent.is_dir() else []
    return did_you_mean(folder.name, known)
