"""What happens while tuning, told to whoever listens: the progress bar, `metrics.jsonl`, a notebook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StepDone:
    """One optimizer step. `step` counts from 1; loss in nats per target token, without the distance penalty, which
    stands by itself where there is one; norm of the whole gradient before clipping."""

    step: int
    total_steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    seconds: float
    penalty: float | None = None


@dataclass(frozen=True)
class Validated:
    """The prompt after `step` steps on the validation rows; `best` where it is the best so far."""

    step: int
    loss: float
    accuracy: float | None
    best: bool


@dataclass(frozen=True)
class Validating:
    """A validation on its way; `done` counts up to `total`. For a progress bar, not written down."""

    step: int
    done: int
    total: int


@dataclass(frozen=True)
class Calibrating:
    """The short runs of `learning_rate="auto"` on their way; `done` of `total` steps. For a progress bar."""

    done: int
    total: int


@dataclass(frozen=True)
class Restarting:
    """The short runs of `restarts` on their way; `done` of `total` steps. For a progress bar."""

    done: int
    total: int


Event = StepDone | Validated
Underway = Validating | Calibrating | Restarting
Listener = Callable[[Event | Underway], None]
Say = Callable[[str], None]  # a sentence worth knowing
Progress = Callable[[int, int], None]  # done, in all
