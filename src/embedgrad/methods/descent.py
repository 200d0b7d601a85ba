"""The step that methods with gradients share: what is not finite is refused, the rest clipped, and the optimizer moves.

A method gives the gradients, and may take what was moved back to where it has to be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from embedgrad.errors import NonFiniteLoss
from embedgrad.faces import setting
from embedgrad.methods.method import Point, Tensors
from embedgrad.methods.optimizers import ADAM_W, Optimizer
from embedgrad.template.layout import Layout
from embedgrad.units import line_words


@dataclass(frozen=True)
class Descent:
    """clip_norm  largest norm of all gradients together"""

    clip_norm: float
    optimizer: Optimizer = ADAM_W

    def begin(self, tensors: Tensors) -> Point:
        """The point before the first step."""
        return Point(0, tensors, self.optimizer.begin(tensors))

    def step(self, at: Point, gradients: Tensors, learning_rate: float) -> tuple[Point, float]:
        """The point one step on, and the norm of `gradients`, one for each tensor, before they are clipped."""
        norm = math.hypot(*(float(gradient.norm()) for gradient in gradients.values()))
        if norm > self.clip_norm:
            gradients = {name: gradient * (self.clip_norm / norm) for name, gradient in gradients.items()}
        return self.optimizer.step(at, gradients, learning_rate), norm


def check_finite(row_nats: Tensor, gradients: Iterable[Tensor], rows: Sequence[Layout], step: int) -> None:
    """Raises NonFiniteLoss, which names the step and its rows. `row_nats` [rows] are their losses."""
    if bool(row_nats.isfinite().all()) and all(bool(gradient.isfinite().all()) for gradient in gradients):
        return
    lines = [row.line for row, nats in zip(rows, row_nats.tolist(), strict=True) if not math.isfinite(nats)]
    where = (
        f"{'rows' if len(lines) > 1 else 'the row'} at {line_words(lines)}"
        if lines
        else "the gradient, not in any single row's loss"
    )
    raise NonFiniteLoss(
        f"The loss became NaN or infinite at step {step}, in {where}. Nothing of that step was kept. "
        f"Try a smaller {setting('learning_rate')} or {setting('dtype', 'float32', of='load_model')}, and look at "
        "these rows."
    )
