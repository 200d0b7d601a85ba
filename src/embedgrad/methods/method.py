"""What the loop knows of a way of tuning: it begins, proposes the next point from a batch, and gives an artifact.

A method knows neither validations nor patience, files or flags. A new one is a file here with a class like `Method`;
one that goes by gradients has its step from `methods/descent.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue
from torch import Tensor

from embedgrad.artifacts.artifact import Artifact
from embedgrad.engine.plan import Engine
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.template.layout import Layout

Tensors = Mapping[str, Tensor]
"""By name, float32 or int64 each, of at least one dimension: what a checkpoint keeps."""


@dataclass(frozen=True, eq=False)
class Point:
    """Where a tuning is. Nothing in it is ever changed in place.

    step     steps taken so far
    tensors  what is tuned
    moments  what the method remembers from step to step
    """

    step: int
    tensors: Tensors
    moments: Tensors


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step goes by: rows, each with a target, the engine that takes them through the model, and the absolute
    learning rate, for methods that have one."""

    rows: Sequence[Layout]
    engine: Engine
    learning_rate: float


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a step came to: the point after it, and of the batch its loss before the step (nats per target token,
    without the distance penalty, which stands by itself where there is one), its target tokens, and the norm of the
    whole gradient before clipping, 0 where a method has none."""

    point: Point
    loss: float
    tokens: int
    gradient_norm: float = 0.0
    penalty: float | None = None


class Method(Protocol):
    """A way of tuning, prepared for one start on one model; one serves several runs.

    Whatever it draws is a function of its settings and the step: a resumed run goes on as if it had never stopped.
    """

    @property
    def depends_on(self) -> tuple[str, ...]:
        """What a resumed run must agree in besides model, rows, start and settings: the method's name, and settings of
        its own. Nothing for the published method as it is by default, which was the only one once."""

    def begin(self) -> Point:
        """The point before the first step, whose tensors stand for the start itself."""

    def propose(self, at: Point, batch: Batch) -> Proposal:
        """The point one step on. Raises NonFiniteLoss."""

    def artifact(
        self,
        tensors: Tensors,
        metrics: Mapping[str, JsonValue] | None = None,
        settings: Mapping[str, JsonValue] | None = None,
    ) -> Artifact:
        """What `tensors` of a point are to a user, with what is known of them. Rows laid out behind the start stand
        behind it, too."""


Prepare = Callable[[FrozenModel, SoftPrompt], Method]
"""A method for a placed start on a model. Raises PromptError where the start does not allow it."""
