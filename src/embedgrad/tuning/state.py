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
from embedgrad.tuning.choice import Validation, is_better, kept, may_be_kept

Arrays = dict[str, npt.NDArray[Any]]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A validated point that may be the one to keep: `tensors` as a point has them."""

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

    candidates         those validated points that may be the one to keep, in order
    stale              validations in a row that found neither a lower loss nor a higher accuracy
    validations        all of them, with their steps
    seconds            spent so far, over all sessions
    finished           why tuning ended; None while it goes on
    """

    candidates: tuple[Candidate, ...] = ()
    stale: int = 0
    validations: tuple[tuple[int, Validation], ...] = ()
    seconds: float = 0.0
    finished: str | None = None

    @property
    def best(self) -> Candidate | None:
        """The point to keep (`choice.kept`); None before the first validation."""
        return self.candidates[kept([one.found for one in self.candidates])] if self.candidates else None

    @classmethod
    def start(cls, point: Point) -> State:
        return cls(point.step, point.tensors, point.moments)

    def moved(self, point: Point) -> State:
        """At the next point. Raises ValueError for any other."""
        if point.step != self.step + 1:
            raise ValueError(f"a step led from step {self.step} to step {point.step}")
        return replace(self, step=point.step, tensors=point.tensors, moments=point.moments)

    def judged(self, found: Validation) -> State:
        """After a validation of the current point: it may be the one to keep, and where it is better in nothing,
        patience wears."""
        candidates = (*self.candidates, Candidate(self.tensors, self.step, found))
        remaining = may_be_kept([one.found for one in candidates])
        return replace(
            self,
            candidates=tuple(candidates[index] for index in remaining),
            stale=0 if is_better(found, [one for _, one in self.validations]) else self.stale + 1,
            validations=(*self.validations, (self.step, found)),
        )


class _CandidateRecord(Shape):
    step: Count
    loss: float
    accuracy: float | None


class StateRecord(Shape):
    """What a checkpoint says besides its tensors; `inputs_sha256` names what the run depends on: data, model, settings.

    Its `content_sha256` covers the whole file (prompt/sealed.py), as that of a prompt file does.
    """

    format_version: Literal[1, 2, 3] = 3
    step: Count
    stale: Count
    seconds: Annotated[float, Field(ge=0)]
    finished: str | None
    inputs_sha256: Sha256
    validations: FirstError[tuple[tuple[Count, float, float | None], ...]]
    validation_rows: Count = 0
    candidates: FirstError[tuple[_CandidateRecord, ...]] = ()
    best: _CandidateRecord | None = None  # in versions 1 and 2, which kept one

    @property
    def kept(self) -> tuple[_CandidateRecord, ...]:
        """Those whose tensors are in the file, in order."""
        return self.candidates if self.best is None else (self.best,)


_TENSORS, _MOMENTS, _CANDIDATES, _BEST = "tensors/", "moments/", "candidates/", "best/"
_VERSION_1 = {
    "embeddings": f"{_TENSORS}embeddings",
    "mean": f"{_MOMENTS}embeddings.mean",
    "mean_square": f"{_MOMENTS}embeddings.mean_square",
    "best_embeddings": f"{_CANDIDATES}0/embeddings",
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
        validation_rows=state.validations[-1][1].rows if state.validations else 0,
        candidates=tuple(
            _CandidateRecord(step=one.step, loss=one.loss, accuracy=one.accuracy) for one in state.candidates
        ),
    )
    parts = {_TENSORS: state.tensors, _MOMENTS: state.moments}
    parts |= {f"{_CANDIDATES}{number}/": one.tensors for number, one in enumerate(state.candidates)}
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
    rows = record.validation_rows
    candidates = tuple(
        Candidate(_under(f"{_CANDIDATES}{number}/", tensors), one.step, Validation(one.loss, one.accuracy, rows))
        for number, one in enumerate(record.kept)
    )
    return State(
        step=record.step,
        tensors=_under(_TENSORS, tensors),
        moments=_under(_MOMENTS, tensors),
        candidates=candidates,
        stale=record.stale,
        validations=tuple((step, Validation(loss, accuracy, rows)) for step, loss, accuracy in record.validations),
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
    if version not in (1, 2, 3):
        raise MalformedError(f"it has the format version {shown(version)}; this embedgrad reads versions 1, 2 and 3")
    names = _VERSION_1 if version == 1 else _names(header, _BEST if version == 2 else _CANDIDATES)
    needed = [*_VERSION_1][:3] if version == 1 else ()
    dtypes = dict.fromkeys(names, ("F32",) if version == 1 else ("F32", "I64"))
    found = find_tensors(header, start, len(data), dtypes, needed, _MOST_DIMENSIONS)
    record = record_of(StateRecord, without_digest(data, header, text))
    _check_fit(record, {names[name]: tensor.shape for name, tensor in found.items()})
    return record, {names[name]: _array(data, tensor, name) for name, tensor in found.items()}


def _names(header: Mapping[str, object], kept: str) -> dict[str, str]:
    """Of the tensors in a file of version 2 or 3, as in `_VERSION_1`; those that may be kept begin with `kept`."""
    names = [name for name in header if name != METADATA]
    known = [name for name in names if name.startswith((_TENSORS, _MOMENTS, kept))]
    if known != names or not _under(_TENSORS, header):
        raise MalformedError(
            f"it holds the tensors {shown(names)}; expected {_TENSORS}NAME and perhaps {_MOMENTS}NAME and "
            f"{kept}{'' if kept == _BEST else 'NUMBER/'}NAME"
        )
    return {name: name.replace(_BEST, f"{_CANDIDATES}0/", 1) if name.startswith(_BEST) else name for name in names}


def _under(part: str, named: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(part): value for name, value in named.items() if name.startswith(part)}


def _array(data: bytes, tensor: Stored, name: str) -> npt.NDArray[Any]:
    return float_rows(data, tensor, name) if tensor.dtype == "F32" else tensor.array(data).copy()


def _check_fit(record: StateRecord, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """The record and the tensors tell of one tuning."""
    numbered = {name.partition("/")[0] for name in _under(_CANDIDATES, shapes)}
    if numbered != {str(number) for number in range(len(record.kept))}:
        raise MalformedError("its record and its tensors do not agree on which prompts may be kept")
    is_one = record.format_version != 1 or len(set(shapes.values())) == 1
    are_alike = all(_under(f"{_CANDIDATES}{number}/", shapes) == _under(_TENSORS, shapes) for number in numbered)
    if not is_one or not are_alike:
        raise MalformedError("its tensors have different shapes")
    for steps in ([step for step, _, _ in record.validations], [one.step for one in record.kept]):
        if steps != sorted(steps) or max([0, *steps]) > record.step:
            raise MalformedError("its validations are not in order, or later than its step")
