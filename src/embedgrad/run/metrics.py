"""`metrics.jsonl`: a line per step and per validation, written as they happen and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Container, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from embedgrad.durable import output_error, write_file
from embedgrad.errors import CannotResume
from embedgrad.events import Event, StepDone, Validated
from embedgrad.json_shape import Shape
from embedgrad.named_file import read_named


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


def as_line(event: Event) -> StepMetrics | ValidationMetrics:
    """The event as the file keeps it."""
    told = asdict(event)
    if isinstance(event, StepDone):
        told.pop("total_steps")
        return StepMetrics(event="step", **told)
    return ValidationMetrics(event="validation", **told)


def read_events(path: Path, total_steps: int) -> list[Event]:
    """What a whole `metrics.jsonl` tells, of a run of at most `total_steps`. Raises CannotResume."""
    found: list[Event] = []
    for _, line in _lines_until(path, total_steps):
        told = json.loads(line)
        is_step = told.pop("event") == "step"
        found.append(StepDone(total_steps=total_steps, **told) if is_step else Validated(**told))
    return found


class MetricsFile:
    """`metrics.jsonl`, appended a line at a time; `sync` before a checkpoint, so that none claims more than is here."""

    def __init__(self, path: Path, last_step: int, validated: Sequence[int] = ()) -> None:
        """Continue after `last_step`, -1 for a start: later lines, and what a crash left behind them, are removed.
        Raises CannotResume where a line of a step until then, or of a validation after the steps `validated`, is gone
        or cannot be read."""
        self._path = path
        kept = _lines_until(path, last_step)
        _check_whole(path, last_step, validated, {event for event, _ in kept})
        if path.exists():
            write_file(path, b"".join(line + b"\n" for _, line in kept))
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise output_error(path, error) from error

    def append(self, event: Event) -> None:
        line = as_line(event).model_dump(exclude_none=isinstance(event, StepDone))  # penalty: where there is one
        self._guarded(lambda: self._file.write(json.dumps(line) + "\n"))

    def sync(self) -> None:
        self._guarded(self._file.flush)
        self._guarded(lambda: os.fsync(self._file.fileno()))

    def __enter__(self) -> MetricsFile:
        return self

    def __exit__(self, *failure: object) -> None:
        self._guarded(self._file.close)

    def _guarded(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            raise output_error(self._path, error) from error


_Event = tuple[str, int]  # what a line tells of, and after which step


def _lines_until(path: Path, last_step: int) -> list[tuple[_Event, bytes]]:
    """The lines of `metrics.jsonl` that tell of steps until `last_step`. Raises CannotResume."""
    try:
        lines = read_named(path).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _damaged(path, f"cannot be read: {error.strerror or error}") from error
    kept: list[tuple[_Event, bytes]] = []
    unreadable = None
    for number, line in enumerate(lines, start=1):
        event = _event(line)
        if event is None:
            unreadable = unreadable or (number if line.strip() else None)
        elif event[1] <= last_step:
            if unreadable is not None:
                raise _damaged(
                    path,
                    f"has a line {unreadable} that embedgrad does not write, before others that it does: it was "
                    "damaged or changed",
                )
            kept.append((event, line))
    return kept


def _event(line: bytes) -> _Event | None:
    try:
        found = json.loads(line.decode())
        name, step = found["event"], found["step"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return (name, step) if isinstance(name, str) and type(step) is int else None


def _check_whole(path: Path, last_step: int, validated: Sequence[int], found: Container[_Event]) -> None:
    """Raises CannotResume where `found` lacks what was there when the checkpoint was saved."""
    wanted = [("step", step, f"step {step}") for step in range(1, last_step + 1)]
    wanted += [("validation", step, f"the validation after step {step}") for step in validated]
    for name, step, words in wanted:
        if (name, step) not in found:
            raise _damaged(
                path,
                f"has no line of {words}, and the checkpoint is of step {last_step}: it was damaged or changed",
            )


def _damaged(path: Path, problem: str) -> CannotResume:
    return CannotResume(f"{path} {problem}. Restore it, or start the run anew.")
