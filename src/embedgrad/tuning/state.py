"""All that resumes a tuning: one frozen State, saved as one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from embedgrad.durable import make_folder, write_file
from embedgrad.errors import CannotResume
from embedgrad.json_shape import FirstError, Sha256, Shape
from embedgrad.named_file import read_named
from embedgrad.prompt.container import METADATA, Limits, find_tensors, float_rows, parse_header
from embedgrad.prompt.container import Tensor as Stored
from embedgrad.prompt.sealed import record_of, record_text, sealed, without_digest
from embedgrad.strict_json import MalformedError, MostOf, shown

Arrays = dict[str, npt.NDArray[np.float32]]
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
    """The best prompt so far by validation."""

    embeddings: Tensor
    step: int
    found: Validation

    @property
    def loss(self) -> float:
        return self.found.loss

    @property
    def accuracy(self) -> float | None:
        return self.found.accuracy


@dataclass(frozen=True, eq=False)
class State:
    """A tuning after `step` optimizer steps. Nothing in it is ever changed in place, so that whichever State is at
    hand when something stops the run can be saved as it is.

    embeddings         [P, D] float32
    mean, mean_square  [P, D] Adam's running moments
    stale              validations since the best one
    validations        all of them, with their steps
    seconds            spent so far, over all sessions
    finished           why tuning ended; None while it goes on
    """

    step: int
    embeddings: Tensor
    mean: Tensor
    mean_square: Tensor
    best: Best | None = None
    stale: int = 0
    validations: tuple[tuple[int, Validation], ...] = ()
    seconds: float = 0.0
    finished: str | None = None

    @classmethod
    def start(cls, embeddings: Tensor) -> State:
        first = embeddings.detach().float().clone()
        return cls(0, first, torch.zeros_like(first), torch.zeros_like(first))

    def judged(self, found: Validation) -> State:
        """After a validation: the current prompt becomes the best, or patience wears."""
        noted = self.noted(found)
        if self.best is None or found.beats(self.best.found):
            return replace(noted, best=Best(self.embeddings, self.step, found), stale=0)
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

    format_version: Literal[1] = 1
    step: Count
    stale: Count
    seconds: Annotated[float, Field(ge=0)]
    finished: str | None
    inputs_sha256: Sha256
    validations: FirstError[tuple[tuple[Count, float, float | None], ...]]
    best: _BestRecord | None


_DTYPES = dict.fromkeys(("embeddings", "mean", "mean_square", "best_embeddings"), ("F32",))
_NEEDED = ("embeddings", "mean", "mean_square")
_LIMITS = Limits(file_bytes=300_000_000, header_bytes=100_000_000, json=MostOf(values=10_000_000, keys=100))


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
    tensors = {"embeddings": state.embeddings, "mean": state.mean, "mean_square": state.mean_square}
    if state.best is not None:
        tensors["best_embeddings"] = state.best.embeddings
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    make_folder(path.parent)
    write_file(path, sealed(record.model_dump(mode="json"), arrays))


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
        best = Best(tensors["best_embeddings"], record.best.step, found)
    return State(
        step=record.step,
        embeddings=tensors["embeddings"],
        mean=tensors["mean"],
        mean_square=tensors["mean_square"],
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
    """What is in the bytes of a checkpoint, [P, D] float32 each. Raises MalformedError only."""
    header, start = parse_header(data, _LIMITS)
    metadata = header.get(METADATA)
    if isinstance(metadata, dict) and set(metadata) == {"state"}:
        raise MalformedError("an earlier embedgrad wrote it, without a checksum, so that no damage would be noticed")
    text, version = record_text(header, _LIMITS)
    if version != 1:
        raise MalformedError(f"it has the format version {shown(version)}; this embedgrad reads version 1")
    tensors = find_tensors(header, start, len(data), _DTYPES, _NEEDED)
    record = record_of(StateRecord, without_digest(data, header, text))
    _check_fit(record, tensors)
    return record, {name: float_rows(data, tensor, name) for name, tensor in tensors.items()}


def _check_fit(record: StateRecord, tensors: Mapping[str, Stored]) -> None:
    """The record and the tensors tell of one tuning."""
    if (record.best is None) != ("best_embeddings" not in tensors):
        raise MalformedError("its record and its tensors do not agree on whether there is a best prompt")
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        raise MalformedError("its tensors have different shapes")
    steps = [step for step, _, _ in record.validations]
    if steps != sorted(steps) or max([0, *steps, record.best.step if record.best else 0]) > record.step:
        raise MalformedError("its validations are not in order, or later than its step")
