"""From hidden states to losses, without a [N, V] matrix of logits where that would be large.

Chunk by chunk, each chunk's gradient is computed at once from its logits, which are then dropped: all tokens' losses
are independent, and the backward only scales them. Equals the objective on the whole
(tests/equivalence/test_lm_head.py).
Source: the idea of Cut Cross-Entropy (Wijmans et al. 2024, arXiv 2411.09009), with a frozen head, in plain torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from embedgrad.engine.objective import CROSS_ENTROPY, Extras, Objective

LOGITS_AT_ONCE = 1 << 23  # elements; 32 MiB in float32

LMHead = Callable[[Tensor], Tensor]  # [N, D] -> [N, V]


def token_losses(
    head: LMHead,
    hidden: Tensor,
    targets: Tensor,
    vocabulary: int,
    objective: Objective = CROSS_ENTROPY,
    extras: Extras | None = None,
) -> Tensor:
    """[N] float32 losses of `targets` [N] after `hidden` [N, D]; differentiable in `hidden`. Of `extras` [N, ...] each
    chunk is given its own tokens'."""
    chunk = max(1, LOGITS_AT_ONCE // vocabulary)
    found: Tensor = _ChunkedLosses.apply(hidden, targets, head, chunk, objective, extras or {})  # type: ignore[no-untyped-call]
    return found


class _ChunkedLosses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, targets: Tensor, head: LMHead, chunk: int, objective: Objective, extras: Extras
    ) -> Tensor:
        losses = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        wants_gradient = ctx.needs_input_grad[0]
        slopes = torch.empty_like(hidden) if wants_gradient else None
        for start in range(0, len(hidden), chunk):
            piece = slice(start, start + chunk)
            theirs = {name: values[piece] for name, values in extras.items()}
            with torch.set_grad_enabled(wants_gradient):
                states = hidden[piece].detach().requires_grad_(wants_gradient)
                found = objective.losses(head(states).float(), targets[piece], theirs)
                losses[piece] = found.detach()
                if slopes is not None:
                    (slopes[piece],) = torch.autograd.grad(found.sum(), states)
        ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        scaled = None if slopes is None else slopes * gradient[:, None].to(slopes.dtype)
        return scaled, None, None, None, None, None
