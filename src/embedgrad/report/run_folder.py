"""A finished run folder, read and checked: what was written there, as frozen objects.

Knows the files of a run and their keys; knows nothing of models, figures or pages.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from embedgrad.errors import EmbedgradError, FileMissing, did_you_mean
from embedgrad.named_file import read_named
from embedgrad.report.files import broken, numbered_lines, parsed, parsed_file, unreadable
from embedgrad.report.found import Found, read_found
from embedgrad.runs import METRICS, PREDICTIONS, PROMPT, RESULT
from embedgrad.shapes import Baselines, Comparison, EngineUsed, Score, Sha256, Shape
from embedgrad.strict_json import shown


class StepMetrics(Shape):
    """One optimizer step, counted from 1. `loss` in nats per target token."""

    event: Literal["step"]
    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    tokens: int
    penalty: float | None = None  # distance penalty, where there is one


class ValidationMetrics(Shape):
    """The prompt after `step` steps (0: the start) on the validation rows; `best`: best so far."""

    event: Literal["validation"]
    step: int
    loss: float
    accuracy: float | None
    best: bool


class Answer(Shape):
    """What one prompt made of one test row: `prediction` and `correct` (strict) are None without a metric, `meant`
    is the label a person would read, `likeliest` the label of highest likelihood where labels were scored."""

    output: str
    prediction: str | None
    correct: bool | None
    meant: str | None = None
    likeliest: str | None = None
    truncated: bool
    loss: float


class PredictedRow(Shape):
    """One test row under the prompt text (`before`) and the tuned prompt (`after`); `group` is what it is counted
    under (`--group-by`), such as a problem's level."""

    line: int
    input: str
    target: str
    group: str | None = None
    before: Answer
    after: Answer


class RowCounts(Shape):
    """How many rows went where; test rows that also were training rows had been removed."""

    train: int
    validation: int
    test: int
    removed_duplicates: int


class Result(Shape):
    """`result.json`: what a run gained, on rows it never saw, and what it cost.

    `comparison` is in accuracy (fractions), None where the task has no metric; `loss_comparison` in nats per
    target token. Both are after minus before.
    """

    before: Score
    after: Score
    comparison: Comparison | None
    loss_comparison: Comparison
    prompt_file: str
    steps: int
    seconds: float
    peak_bytes: int
    engine: EngineUsed | None = None  # how rows went through the model; older runs do not say
    versions: dict[str, str]
    rows: RowCounts
    model: str
    recipe: str | None = None
    prompt_text: str | None
    best_step: int
    stopped: str
    baselines: Baselines | None = None  # where the task is labels
    drift: float | None = None  # median over the prompt's tokens of the distance moved / the row's norm at the start
    files: dict[str, Sha256] | None = None  # SHA-256 of those that this result was made from


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder tells it. Steps and validations are in order, each step once."""

    folder: Path
    settings: str  # settings.toml, word for word
    steps: tuple[StepMetrics, ...]
    validations: tuple[ValidationMetrics, ...]
    predictions: tuple[PredictedRow, ...]
    result: Result
    found: Found
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
    result, is_sealed = parsed_file(folder / "result.json", _read(folder, "result.json"), _RESULT)
    _check_files(folder, result)
    steps: dict[int, StepMetrics] = {}
    validations: dict[int, ValidationMetrics] = {}
    for event in _events(folder):
        if isinstance(event, StepMetrics):
            steps[event.step] = event
        else:
            validations[event.step] = event
    predictions = tuple(
        parsed(folder / "predictions.jsonl", line, _ROW, line=number)
        for number, line in numbered_lines(_read(folder, "predictions.jsonl"))
    )
    if len(predictions) != result.rows.test:
        raise broken(
            str(folder / "predictions.jsonl"),
            f"rows: {len(predictions)}, where result.json counts {result.rows.test} test rows",
        )
    return RunRecord(
        folder=folder,
        settings=_settings(folder),
        steps=tuple(steps[step] for step in sorted(steps)),
        validations=tuple(validations[step] for step in sorted(validations)),
        predictions=predictions,
        result=result,
        found=read_found(folder),
        is_sealed=is_sealed,
    )


def _check_files(folder: Path, result: Result) -> None:
    """Raises EmbedgradError where a file is not the one that the result was made from. The prompt file may be gone."""
    for name, wanted in (result.files or {}).items():
        if name not in (PREDICTIONS, METRICS, PROMPT):
            raise broken(str(folder / RESULT), f"files: there is no file {shown(name)}")
        if name == PROMPT and not (folder / name).exists():
            continue
        found = hashlib.sha256(_read(folder, name)).hexdigest()
        if found != wanted:
            raise broken(
                str(folder / name),
                f"its SHA-256 starts with {found[:12]}, that of the file that result.json was made from with "
                f"{wanted[:12]}",
            )


def _events(folder: Path) -> Iterator[StepMetrics | ValidationMetrics]:
    content = _read(folder, "metrics.jsonl")
    whole, _, rest = content.rpartition(b"\n")
    for number, line in numbered_lines(whole):
        yield parsed(folder / "metrics.jsonl", line, _EVENT, line=number)
    if rest.strip():
        try:
            yield _EVENT.validate_json(rest)
        except ValidationError:
            return  # the line that was being written when the run was killed


def _settings(folder: Path) -> str:
    try:
        text = _read(folder, "settings.toml").decode("utf-8")
        values = tomllib.loads(text)
    except RecursionError:
        raise broken(str(folder / "settings.toml"), "it is nested too deep") from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise broken(str(folder / "settings.toml"), str(error)) from error
    if not values:
        raise broken(str(folder / "settings.toml"), "it has no settings")
    return text


def _read(folder: Path, name: str) -> bytes:
    try:
        return read_named(folder / name)
    except FileNotFoundError as error:
        if name == "result.json":
            problem = "has no result.json: the run has not finished. Continue it with --resume first."
        else:
            problem = f"has no {name}. Put it back if it was moved, else repeat the run."
        raise EmbedgradError(f"The run folder {folder} {problem}") from error
    except OSError as error:
        raise unreadable(folder / name, error) from error


def _nearest_folder(folder: Path) -> str:
    parent = folder.parent
    known = [entry.name for entry in parent.iterdir() if entry.is_dir()] if parent.is_dir() else []
    return did_you_mean(folder.name, known)
