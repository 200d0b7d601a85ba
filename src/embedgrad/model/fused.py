"""Norms and gated MLPs of a frozen model, forward and backward in few passes over memory.

Autograd takes a norm apart into a dozen small operations and keeps most of what they give; on a CPU, where each is a
pass over [N, D], they take as long as a matrix product. Weights that never change need less: the input is kept, all
else is computed again. Equals the module's own forward and gradient (tests/equivalence/test_fused.py); a module is
taken only if it has the parts named here, and on random input gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.nn import Linear, Module

from embedgrad.model import hooks
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.surgery.cuts import Forward, Wrapped

_TRIED_ROWS = 3
_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}  # relative, of a norm

_CUTS: WeakKeyDictionary[FrozenModel, tuple[Wrapped, ...]] = WeakKeyDictionary()


def in_use(model: FrozenModel, wanted: bool = True) -> AbstractContextManager[None]:
    """While this lasts, norms and MLPs of the model's layers that are of the kinds here run so, if `wanted`."""
    return model.surgery.change("fused norms and MLPs", *cuts(model)) if wanted else nullcontext()


def in_use_again(model: FrozenModel, wanted: bool) -> AbstractContextManager[None]:
    """The same for layers that a backward runs again, in whichever thread."""
    return model.surgery.again("fused norms and MLPs", *cuts(model)) if wanted else nullcontext()


def cuts(model: FrozenModel) -> tuple[Wrapped, ...]:
    """One for each norm and MLP that gives the same this way; tried at the first call. None on an accelerator, or where
    a part's forward is not its own any more (compiled, or set by another library)."""
    if model.device.type != "cpu":
        return ()
    with model.turns:  # in another thread's turn, they may be in use there
        if model not in _CUTS:
            parts = [part for layer in model.layers for part in layer.children()]
            _CUTS[model] = tuple(_tried(parts))
        return tuple(cut for cut in _CUTS[model] if not _is_set(cut.part))


def _is_set(part: Module) -> bool:
    """Whether its forward is not its own: compiled, set by another library, or in use here already."""
    return "forward" in vars(part)


def _tried(parts: list[Module]) -> Iterator[Wrapped]:
    for part in parts:
        fast = _norm(part) or _mlp(part)
        if fast is not None and _same(part, fast):
            yield Wrapped(part, partial(_instead, fast))


def _instead(fast: Callable[[Tensor], Tensor], own: Forward) -> Forward:
    """Where a gradient is asked for; otherwise the own forward."""

    def forward(hidden: Tensor) -> Tensor:
        found: Tensor = fast(hidden) if hidden.requires_grad and torch.is_grad_enabled() else own(hidden)
        return found

    return forward


def _norm(part: Module) -> Callable[[Tensor], Tensor] | None:
    weight = part._parameters.get("weight")
    epsilon = getattr(part, "variance_epsilon", getattr(part, "eps", None))
    if [*part._parameters] != ["weight"] or weight is None or weight.ndim != 1 or not isinstance(epsilon, float):
        return None

    def norm(hidden: Tensor) -> Tensor:
        found: Tensor = _RMSNorm.apply(hidden, part.weight, epsilon)  # type: ignore[no-untyped-call]
        return found

    return norm


def _mlp(part: Module) -> Callable[[Tensor], Tensor] | None:
    lines = [getattr(part, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    if any(type(line) is not Linear or line.bias is not None for line in lines):
        return None

    def mlp(hidden: Tensor) -> Tensor:
        weights = [line.weight for line in lines if line is not None]
        found: Tensor = _GatedMLP.apply(hidden, *weights)  # type: ignore[no-untyped-call]
        return found

    return mlp


def _same(part: Module, fast: Callable[[Tensor], Tensor]) -> bool:
    """Whether `fast` gives the output and the gradient of the part's own forward, on random input."""
    weight = next(part.parameters())
    width = weight.shape[-1]
    noise = torch.Generator().manual_seed(0)
    hidden, slope = (torch.randn(1, _TRIED_ROWS, width, generator=noise).to(weight) for _ in range(2))
    try:
        wanted, found = (_measured(forward, hidden, slope) for forward in (partial(type(part).forward, part), fast))
    except (RuntimeError, TypeError, ValueError, AttributeError):
        return False
    return all(
        float((a - b).float().norm()) <= _TOLERANCE[weight.dtype] * float(a.float().norm())
        for a, b in zip(wanted, found, strict=True)
    )


def _measured(forward: Callable[[Tensor], Tensor], hidden: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        at = hidden.detach().requires_grad_()
        found = forward(at)
        return found.detach(), torch.autograd.grad(found, at, slope)[0]


class _RMSNorm(torch.autograd.Function):
    """weight * (x / sqrt(mean(x^2) + epsilon)), in float32 up to the weight, as Llama's.

    Source: Zhang and Sennrich 2019, arXiv 1910.07467, Eq. 4; its gradient for a weight that has none of its own:
    r (w g) - x r^3 / D * sum(w g x), r being the reciprocal root.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        wide = hidden.float()
        scale = wide.square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
        ctx.save_for_backward(hidden, weight, scale)
        found = wide * scale
        if found.dtype == weight.dtype == hidden.dtype:
            return found.mul_(weight)
        return weight * found.to(hidden.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, scale = ctx.saved_tensors
        wide = hidden.float()
        slope = gradient.float() * weight.float()
        along = (slope * wide).sum(-1, keepdim=True).mul_(scale**3).div_(-wide.shape[-1])
        return slope.mul_(scale).addcmul_(wide, along).to(hidden.dtype), None, None


class _GatedMLP(torch.autograd.Function):
    """down(silu(gate(x)) * up(x)), Llama's. Kept are gate(x) and up(x).

    Trap: in `InFloat32`, a weight is wide only while its own part runs, so it is widened here.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
        gated, raised = (F.linear(hidden, weight.to(hidden.dtype)) for weight in (gate, up))
        ctx.save_for_backward(gated, raised, gate, up, down)
        return F.linear(F.silu(gated).mul_(raised), down.to(hidden.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gated, raised, *weights = ctx.saved_tensors
        gate, up, down = (weight.to(gradient.dtype) for weight in weights)
        d_product = gradient.flatten(0, -2) @ down
        gated, raised = gated.flatten(0, -2), raised.flatten(0, -2)
        d_raised = F.silu(gated).mul_(d_product)
        d_gated = hooks.silu_backward_(d_product.mul_(raised), gated)
        found = (d_raised @ up).addmm_(d_gated, gate)
        return found.view(gradient.shape), None, None, None
