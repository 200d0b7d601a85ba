"""From hidden states to nats, without a [N, V] matrix of logits where that would be large.

Chunk by chunk, each chunk's gradient is computed at once from its logits, which are then dropped: all rows' losses
are independent, and the backward only scales them. Equals cross-entropy of the whole (tests/equivalence/test_head.py).
Source: the idea of Cut Cross-Entropy (Wijmans et al. 2024, arXiv 2411.09009), with a frozen head, in plain torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

LOGITS_AT_ONCE = 1 << 23  # elements; 32 MiB in float32

Head = Callable[[Tensor], Tensor]  # [N, D] -> [N, V]


def token_nats(head: Head, hidden: Tensor, targets: Tensor, vocabulary: int) -> Tensor:
    """[N] float32 cross-entropy in nats of `targets` [N] after `hidden` [N, D]; differentiable in `hidden`."""
    chunk = max(1, LOGITS_AT_ONCE // vocabulary)
    found: Tensor = _ChunkedNats.apply(hidden, targets, head, chunk)  # type: ignore[no-untyped-call]
    return found


class _ChunkedNats(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, targets: Tensor, head: Head, chunk: int) -> Tensor:
        nats = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        wants_gradient = ctx.needs_input_grad[0]
        slopes = torch.empty_like(hidden) if wants_gradient else None
        for start in range(0, len(hidden), chunk):
            piece = slice(start, start + chunk)
            with torch.set_grad_enabled(wants_gradient):
                states = hidden[piece].detach().requires_grad_(wants_gradient)
                found = F.cross_entropy(head(states).float(), targets[piece], reduction="none")
                nats[piece] = found.detach()
                if slopes is not None:
                    (slopes[piece],) = torch.autograd.grad(found.sum(), states)
        ctx.save_for_backward(slopes)
        return nats

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return (None if slopes is None else slopes * gradient[:, None].to(slopes.dtype)), None, None, None
