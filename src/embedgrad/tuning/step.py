"""One optimizer step: the gradient of a batch, clipped, AdamW, and back into the trust region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from embedgrad.engine.plan import Engine
from embedgrad.errors import NonFiniteLoss
from embedgrad.faces import setting
from embedgrad.prompt.trust_region import TrustRegion, distance_penalty
from embedgrad.template.layout import Layout
from embedgrad.tuning.state import State
from embedgrad.units import line_words


@dataclass(frozen=True)
class Stepped:
    """What a step came to: the State after it, and of the batch its loss (nats per target token, without the distance
    penalty, which stands by itself where there is one), its target tokens, and the norm of the whole gradient before
    clipping."""

    state: State
    loss: float
    tokens: int
    gradient_norm: float
    penalty: float | None


@dataclass(frozen=True, eq=False)
class GradientStep:
    """How a batch moves the prompt.

    learning_rate  absolute, the same for every step
    clip_norm      largest norm of the gradient
    trainable      [P] True where a row may move; None: all may
    region         where the prompt may be: its penalty is part of the gradient, its bounds hold after every step
    """

    engine: Engine
    learning_rate: float
    clip_norm: float
    trainable: Tensor | None = None
    region: TrustRegion | None = None

    def step(self, state: State, rows: Sequence[Layout]) -> Stepped:
        """The State after a step on `rows`, each with a target. Raises NonFiniteLoss."""
        found = self.engine.loss_and_gradient(state.embeddings, rows)
        _check_finite(found.row_nats, found.gradient, rows, state.step + 1)
        gradient, penalty = found.gradient, None
        if self.region is not None and self.region.penalty:
            penalty, outward = distance_penalty(state.embeddings, self.region.start, self.region.penalty)
            gradient = gradient + outward
        if self.trainable is not None:
            gradient = torch.where(self.trainable[:, None], gradient, 0.0)
        norm = float(gradient.norm())
        if norm > self.clip_norm:
            gradient = gradient * (self.clip_norm / norm)
        moved = adam_step(state, gradient, self.learning_rate)
        if self.region is not None:
            moved = replace(moved, embeddings=self.region.project(moved.embeddings))
        return Stepped(moved, found.loss, found.tokens, norm, penalty)


def adam_step(state: State, gradient: Tensor, learning_rate: float) -> State:
    """The State after one step of torch's AdamW without weight decay (decay would pull towards zero, not towards
    the text). Rows with a gradient of zero from the start do not move at all."""
    parameter = state.embeddings.clone().requires_grad_()
    parameter.grad = gradient
    optimizer = torch.optim.AdamW([parameter], lr=learning_rate, weight_decay=0.0)
    optimizer.state[parameter] = {
        "step": torch.tensor(float(state.step), dtype=torch.float32),
        "exp_avg": state.mean.clone(),
        "exp_avg_sq": state.mean_square.clone(),
    }
    optimizer.step()
    moments = optimizer.state[parameter]
    return replace(
        state,
        step=state.step + 1,
        embeddings=parameter.detach(),
        mean=moments["exp_avg"],
        mean_square=moments["exp_avg_sq"],
    )


def _check_finite(row_nats: Tensor, gradient: Tensor, rows: Sequence[Layout], step: int) -> None:
    if bool(row_nats.isfinite().all()) and bool(gradient.isfinite().all()):
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
