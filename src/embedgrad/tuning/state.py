"""All that resumes a tuning: one frozen State, saved as one file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from embedgrad.durable import make_folder, write_file
from embedgrad.errors import CannotResume


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


def save_state(path: Path, state: State, inputs_sha256: str) -> None:
    """Write the checkpoint, atomically. `inputs_sha256` names what the run depends on: data, model, settings."""
    tensors = {"embeddings": state.embeddings, "mean": state.mean, "mean_square": state.mean_square}
    if state.best is not None:
        tensors["best_embeddings"] = state.best.embeddings
    numbers = {
        "step": state.step,
        "stale": state.stale,
        "seconds": state.seconds,
        "finished": state.finished,
        "inputs_sha256": inputs_sha256,
        "validations": [[step, found.loss, found.accuracy] for step, found in state.validations],
        "best": None
        if state.best is None
        else {"step": state.best.step, "loss": state.best.loss, "accuracy": state.best.accuracy},
    }
    stored = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    make_folder(path.parent)
    write_file(path, safetensors.torch.save(stored, {"state": json.dumps(numbers)}))


def load_state(path: Path, inputs_sha256: str, device: torch.device) -> State:
    """Read a checkpoint. Raises CannotResume where it is damaged or belongs to other data, model or settings."""
    try:
        with safetensors.safe_open(path, framework="pt", device=str(device)) as file:
            numbers = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        best = numbers["best"]
        state = State(
            step=int(numbers["step"]),
            embeddings=tensors["embeddings"],
            mean=tensors["mean"],
            mean_square=tensors["mean_square"],
            best=None
            if best is None
            else Best(tensors["best_embeddings"], best["step"], Validation(best["loss"], best["accuracy"])),
            stale=int(numbers["stale"]),
            validations=tuple((step, Validation(loss, accuracy)) for step, loss, accuracy in numbers["validations"]),
            seconds=float(numbers["seconds"]),
            finished=numbers["finished"],
        )
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CannotResume(f"The checkpoint {path} cannot be read: {error}. Start the run anew.") from error
    if numbers["inputs_sha256"] != inputs_sha256:
        raise CannotResume(
            f"The checkpoint {path} belongs to other rows, another model or other settings than are here now. "
            "Restore them as they were, or start a new run."
        )
    return state


def saved_step(path: Path) -> int:
    """Step of the checkpoint at `path`; -1 where there is none yet (not even the start has been validated)."""
    if not path.exists():
        return -1
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return int(json.loads(file.metadata()["state"])["step"])
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CannotResume(f"The checkpoint {path} cannot be read: {error}. Start the run anew.") from error
