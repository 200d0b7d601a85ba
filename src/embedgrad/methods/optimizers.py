"""How gradients move what is tuned. An optimizer is a value: all that it remembers is in the moments of the point that
it is given, and in those of the one that it gives."""

from __future__ import annotations

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


ADAM_W = AdamW()
