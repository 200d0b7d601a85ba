"""All that resumes a tuning: one frozen State, saved as one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy.typing as npt
import torch
from pydantic import Field

from embedgrad.durable import make_folder, write_file
from embedgrad.errors import CannotResume, NonFiniteLoss, UsageError
from embedgrad.json_shape import FirstError, Sha256, Shape
from embedgrad.methods.method import Point, Tensors
from embedgrad.named_file import read_named
from embedgrad.prompt.container import METADATA, Limits, find_tensors, float_rows, parse_header
from embedgrad.prompt.container import Tensor as Stored
from embedgrad.prompt.sealed import record_of, record_text, sealed, without_digest
from embedgrad.strict_json import MalformedError, MostOf, shown

Arrays = dict[str, npt.NDArray[Any]]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Validation:
    """What a validation found: nats per target token, and the task's metric where it has one."""

    loss: float
    accuracy: float | None

    def beats(self, other: Validation) -> bool:
        """Accuracy first, ties (or no metric) by loss."""
        if self.accuracy is None or other.accuracy is None or self.accuracy == other.accuracy:
            return self.loss < other.loss
        return self.accuracy > other.accuracy


@dataclass(frozen=True, eq=False)
class Best:
    """The best so far by validation: `tensors` as a point has them."""

    tensors: Tensors
    step: int
    found: Validation

    @property
    def loss(self) -> float:
        return self.found.loss

    @property
    def accuracy(self) -> float | None:
        return self.found.accuracy


@dataclass(frozen=True, eq=False)
class State(Point):
    """A tuning after `step` optimizer steps. Nothing in it is ever changed in place, so that whichever State is at
    hand when something stops the run can be saved as it is.

    stale              validations since the best one
    validations        all of them, with their steps
    seconds            spent so far, over all sessions
    finished           why tuning ended; None while it goes on
    """

    best: Best | None = None
    stale: int = 0
    validations: tuple[tuple[int, Validation], ...] = ()
    seconds: float = 0.0
    finished: str | None = None

    @classmethod
    def start(cls, point: Point) -> State:
        return cls(point.step, point.tensors, point.moments)

    def moved(self, point: Point) -> State:
        """At the next point. Raises ValueError for any other."""
        if point.step != self.step + 1:
            raise ValueError(f"a step led from step {self.step} to step {point.step}")
        return replace(self, step=point.step, tensors=point.tensors, moments=point.moments)

    def judged(self, found: Validation) -> State:
        """After a validation: the current point becomes the best, or patience wears."""
        noted = self.noted(found)
        if self.best is None or found.beats(self.best.found):
            return replace(noted, best=Best(self.tensors, self.step, found), stale=0)
        return replace(noted, stale=self.stale + 1)

    def noted(self, found: Validation) -> State:
        """After a validation out of turn, which neither chooses nor wears patience."""
        return replace(self, validations=(*self.validations, (self.step, found)))


class _BestRecord(Shape):
    step: Count
    loss: float
    accuracy: float | None


class StateRecord(Shape):
    """What a checkpoint says besides its tensors; `inputs_sha256` names what the run depends on: data, model, settings.

    Its `content_sha256` covers the whole file (prompt/sealed.py), as that of a prompt file does.
    """

    format_version: Literal[1, 2] = 2
    step: Count
    stale: Count
    seconds: Annotated[float, Field(ge=0)]
    finished: str | None
    inputs_sha256: Sha256
    validations: FirstError[tuple[tuple[Count, float, float | None], ...]]
    best: _BestRecord | None


_TENSORS, _MOMENTS, _BEST = "tensors/", "moments/", "best/"
_VERSION_1 = {
    "embeddings": f"{_TENSORS}embeddings",
    "mean": f"{_MOMENTS}embeddings.mean",
    "mean_square": f"{_MOMENTS}embeddings.mean_square",
    "best_embeddings": f"{_BEST}embeddings",
}
"""What its tensors were called when there was one method, all of one shape."""
_MOST_DIMENSIONS = 8
_LIMITS = Limits(file_bytes=300_000_000, header_bytes=100_000_000, json=MostOf(values=10_000_000, keys=100))


def kinds(point: Point) -> list[dict[str, tuple[torch.Size, torch.dtype]]]:
    """Names, shapes and dtypes of what a point holds."""
    return [{name: (at.shape, at.dtype) for name, at in tensors.items()} for tensors in (point.tensors, point.moments)]


def check_point(now: Point, before: Point) -> None:
    """Raises NonFiniteLoss where a step made something NaN or infinite, which no checkpoint may hold, and UsageError
    where a method gave tensors of other names, shapes or dtypes than it began with."""
    if kinds(now) != kinds(before):
        raise UsageError(
            f"At step {now.step} the method gave tensors of other names, shapes or dtypes than before. A method keeps "
            "those that it began with."
        )
    for name, tensor in (*now.tensors.items(), *now.moments.items()):
        if not bool(tensor.isfinite().all()):
            raise NonFiniteLoss(f"{name} became NaN or infinite at step {now.step}. Nothing of that step was kept.")


def save_state(path: Path, state: State, inputs_sha256: str) -> None:
    """Write the checkpoint, atomically. `inputs_sha256` names what the run depends on: data, model, settings."""
    record = StateRecord(
        step=state.step,
        stale=state.stale,
        seconds=state.seconds,
        finished=state.finished,
        inputs_sha256=inputs_sha256,
        validations=tuple((step, found.loss, found.accuracy) for step, found in state.validations),
        best=None
        if state.best is None
        else _BestRecord(step=state.best.step, loss=state.best.loss, accuracy=state.best.accuracy),
    )
    parts = {_TENSORS: state.tensors, _MOMENTS: state.moments, _BEST: state.best.tensors if state.best else {}}
    tensors = {f"{part}{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
    _check_kept(tensors)
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    make_folder(path.parent)
    write_file(path, sealed(record.model_dump(mode="json"), arrays))


def _check_kept(tensors: Tensors) -> None:
    """Raises TypeError for a tensor that would not come back as it is."""
    for name, tensor in tensors.items():
        is_kept = tensor.dtype in (torch.float32, torch.int64) and 1 <= tensor.ndim <= _MOST_DIMENSIONS
        if not is_kept or not tensor.numel():
            dtype = str(tensor.dtype).removeprefix("torch.")
            raise TypeError(
                f"{name} is a {dtype} tensor {list(tensor.shape)}; a checkpoint keeps float32 and int64, "
                f"of 1 to {_MOST_DIMENSIONS} dimensions, none of them 0."
            )


def load_state(path: Path, inputs_sha256: str, device: torch.device) -> State:
    """Read a checkpoint. Raises CannotResume where it is damaged or altered, or belongs to other data, model or
    settings."""
    record, arrays = _read(path)
    if record.inputs_sha256 != inputs_sha256:
        raise CannotResume(
            f"The checkpoint {path} belongs to other rows, another model or other settings than are here now. "
            "Restore them as they were, or start a new run."
        )
    tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    best = None
    if record.best is not None:
        found = Validation(record.best.loss, record.best.accuracy)
        best = Best(_under(_BEST, tensors), record.best.step, found)
    return State(
        step=record.step,
        tensors=_under(_TENSORS, tensors),
        moments=_under(_MOMENTS, tensors),
        best=best,
        stale=record.stale,
        validations=tuple((step, Validation(loss, accuracy)) for step, loss, accuracy in record.validations),
        seconds=record.seconds,
        finished=record.finished,
    )


def saved_step(path: Path) -> int:
    """Step of the checkpoint at `path`; -1 where there is none yet (not even the start has been validated). Raises
    CannotResume where it is damaged or altered."""
    record = saved_record(path)
    return -1 if record is None else record.step


def saved_record(path: Path) -> StateRecord | None:
    """What the checkpoint at `path` says besides its tensors; None where there is none yet. Raises CannotResume."""
    return _read(path)[0] if path.exists() else None


def _read(path: Path) -> tuple[StateRecord, Arrays]:
    try:
        return decode_state(read_named(path, _LIMITS.file_bytes))
    except OSError as error:
        problem = str(error.strerror or error)
    except (MalformedError, RecursionError) as error:
        problem = str(error)
    raise CannotResume(f"The checkpoint {path} cannot be used: {problem}. Start the run anew.")


def decode_state(data: bytes) -> tuple[StateRecord, Arrays]:
    """What is in the bytes of a checkpoint; its arrays by what they belong to and their names, as version 2 has them.
    Raises MalformedError only."""
    header, start = parse_header(data, _LIMITS)
    metadata = header.get(METADATA)
    if isinstance(metadata, dict) and set(metadata) == {"state"}:
        raise MalformedError("an earlier embedgrad wrote it, without a checksum, so that no damage would be noticed")
    text, version = record_text(header, _LIMITS)
    if version not in (1, 2):
        raise MalformedError(f"it has the format version {shown(version)}; this embedgrad reads versions 1 and 2")
    names = _VERSION_1 if version == 1 else _names(header)
    needed = [*_VERSION_1][:3] if version == 1 else ()
    dtypes = dict.fromkeys(names, ("F32",) if version == 1 else ("F32", "I64"))
    found = find_tensors(header, start, len(data), dtypes, needed, _MOST_DIMENSIONS)
    record = record_of(StateRecord, without_digest(data, header, text))
    _check_fit(record, {names[name]: tensor.shape for name, tensor in found.items()})
    return record, {names[name]: _array(data, tensor, name) for name, tensor in found.items()}


def _names(header: Mapping[str, object]) -> dict[str, str]:
    """Of the tensors in a file of version 2, as in `_VERSION_1`."""
    names = [name for name in header if name != METADATA]
    known = [name for name in names if name.startswith((_TENSORS, _MOMENTS, _BEST))]
    if known != names or not _under(_TENSORS, header):
        raise MalformedError(
            f"it holds the tensors {shown(names)}; expected {_TENSORS}NAME and perhaps {_MOMENTS}NAME and {_BEST}NAME"
        )
    return {name: name for name in names}


def _under(part: str, named: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(part): value for name, value in named.items() if name.startswith(part)}


def _array(data: bytes, tensor: Stored, name: str) -> npt.NDArray[Any]:
    return float_rows(data, tensor, name) if tensor.dtype == "F32" else tensor.array(data).copy()


def _check_fit(record: StateRecord, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """The record and the tensors tell of one tuning."""
    best = _under(_BEST, shapes)
    if (record.best is None) != (not best):
        raise MalformedError("its record and its tensors do not agree on whether there is a best prompt")
    is_one = record.format_version != 1 or len(set(shapes.values())) == 1
    if not is_one or (best and best != _under(_TENSORS, shapes)):
        raise MalformedError("its tensors have different shapes")
    steps = [step for step, _, _ in record.validations]
    if steps != sorted(steps) or max([0, *steps, record.best.step if record.best else 0]) > record.step:
        raise MalformedError("its validations are not in order, or later than its step")
