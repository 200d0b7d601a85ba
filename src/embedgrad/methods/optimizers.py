"""How gradients move what is tuned. An optimizer is a value: all that it remembers is in the moments of the point that
it is given, and in those of the one that it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from embedgrad.methods.method import Point, Tensors

_MOMENTS = {"mean": "exp_avg", "mean_square": "exp_avg_sq"}  # ours, torch's


class Optimizer(Protocol):
    """Moments before the first step, and the step."""

    def begin(self, tensors: Tensors) -> Tensors:
        """The moments of `tensors` that have not moved yet, by names of the optimizer's choice."""

    def step(self, at: Point, gradients: Tensors, learning_rate: float) -> Point:
        """The point one step on. `gradients` has one for each of the tensors."""


@dataclass(frozen=True)
class AdamW:
    """torch's, without weight decay: decay would pull towards zero, not towards the text. Rows with a gradient of zero
    from the start do not move at all."""

    def begin(self, tensors: Tensors) -> Tensors:
        return {f"{name}.{kind}": torch.zeros_like(tensor) for name, tensor in tensors.items() for kind in _MOMENTS}

    def step(self, at: Point, gradients: Tensors, learning_rate: float) -> Point:
        tensors, moments = dict[str, Tensor](), dict[str, Tensor]()
        for name, tensor in at.tensors.items():
            parameter = tensor.clone().requires_grad_()
            parameter.grad = gradients[name]
            optimizer = torch.optim.AdamW([parameter], lr=learning_rate, weight_decay=0.0)
            own = {torchs: at.moments[f"{name}.{kind}"].clone() for kind, torchs in _MOMENTS.items()}
            optimizer.state[parameter] = {"step": torch.tensor(float(at.step), dtype=torch.float32), **own}
            optimizer.step()
            tensors[name] = parameter.detach()
            moments |= {f"{name}.{kind}": optimizer.state[parameter][torchs] for kind, torchs in _MOMENTS.items()}
        return Point(at.step + 1, tensors, moments)


@dataclass(frozen=True)
class Muon:
    """Momentum, orthogonalised: every direction in which the tokens move together gets the same length, so that a few
    strong ones do not drown the rest. A step moves each token by about sqrt(D) times the learning rate.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers" (with Nesterov's momentum, and its five
    Newton-Schulz iterations). There a matrix of weights; here the [P, D] embeddings.
    """

    momentum: float = 0.9

    def begin(self, tensors: Tensors) -> Tensors:
        return {f"{name}.momentum": torch.zeros_like(tensor) for name, tensor in tensors.items()}

    def step(self, at: Point, gradients: Tensors, learning_rate: float) -> Point:
        tensors, moments = dict[str, Tensor](), dict[str, Tensor]()
        for name, tensor in at.tensors.items():
            momentum = self.momentum * at.moments[f"{name}.momentum"] + gradients[name]
            direction = self.direction(gradients[name] + self.momentum * momentum)
            tensors[name] = tensor - learning_rate * tensor.shape[1] ** 0.5 * direction
            moments[f"{name}.momentum"] = momentum
        return Point(at.step + 1, tensors, moments)

    def direction(self, momentum: Tensor) -> Tensor:
        """Where a step goes: [P, D], its rows of length 1, about, or in the mean where there are more rows than D."""
        rows, width = momentum.shape
        return orthogonalised(momentum) * math.sqrt(max(1.0, rows / width))


def orthogonalised(matrix: Tensor) -> Tensor:
    """U V^T of the [P, D] matrix U S V^T, roughly: singular values between about 0.7 and 1.2, where they were not
    nearly zero; rows of zeros stay so. Source: Jordan et al. 2024, with their coefficients."""
    found: Tensor = matrix / matrix.norm().clamp_min(1e-12)
    is_tall = found.shape[0] > found.shape[1]
    found = found.mT if is_tall else found
    for _ in range(5):
        square = found @ found.mT
        found = 3.4445 * found + (-4.7750 * square + 2.0315 * square @ square) @ found
    return found.mT if is_tall else found


ADAM_W = AdamW()
OPTIMIZERS: dict[str, Optimizer] = {"muon": Muon(), "adamw": ADAM_W}
