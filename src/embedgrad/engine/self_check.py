"""Whether a fast path gives the plain path's loss and gradient, tried on two rows: a wrong path is told from rounding.

In half precision two orders of the same sums differ: by 0.05 to 0.2 of the gradient in a model of 30 layers, where in
float32 they differ by 1e-5 (docs/performance.md). A tolerance for the one lets a wrong path through, one for the other
refuses a right one. So path and techniques are compared in float32, whatever the model's dtype, where the same sums
agree and a wrong path does not; and in the model's own dtype no more is asked than that they differ by what rounding
does: how far the plain path itself is from float32. Only where float32 does not fit or fails, that is told from how far
the plain path moves when the prompt does by its last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques
from embedgrad.engine.plain import Plain
from embedgrad.engine.row_path import RowPath
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.in_float32 import InFloat32, extra_bytes
from embedgrad.model.memory import free_bytes

Nudge = float  # the prompt is moved by so much, relative, before it is measured

SAME_LOSSES, SAME_GRADIENT = 1e-4, 1e-3
"""Largest relative differences in float32. A right path is at 1e-7 (2 layers) to 3e-6 (30 layers) in the losses, and at
1e-6 to 1e-5 in the gradient."""

ROUNDING = {torch.bfloat16: 0.1, torch.float16: 0.05}
"""What rounding may come to in a dtype where the plain path on the two rows happens to show less."""

_LEAST_NATS = 0.1  # of a row that is all but right, float32 keeps few digits
_TWO_ROUNDINGS = 3.0  # the fast path's and the plain one's: sqrt(2) if both are alike and independent, and a little
_LAST_BIT = {torch.bfloat16: 2.0**-9, torch.float16: 2.0**-12}
_MOST = 0.5  # beyond which nothing can be said without float32


class Apart(NamedTuple):
    """Relative differences: the larger of two rows' losses, and the gradient's."""

    losses: float
    gradient: float

    @property
    def most(self) -> float:
        """The larger one; NaN where either is."""
        return math.nan if math.isnan(self.losses + self.gradient) else max(self)

    @property
    def is_same(self) -> bool:
        """As two orders of the same sums in float32 are."""
        return self.losses <= SAME_LOSSES and self.gradient <= SAME_GRADIENT


@dataclass(frozen=True)
class Measured:
    """Of two rows: `nats` [2] each one's loss, `gradient` [P, D], or of length 0 without."""

    nats: Tensor
    gradient: Tensor

    def apart(self, other: Measured, least_nats: float) -> Apart:
        """From `other`; losses under `least_nats` count as if they were that much."""
        losses = float(((self.nats - other.nats).abs() / other.nats.abs().clamp_min(least_nats)).max())
        gradient = float((self.gradient - other.gradient).norm() / other.gradient.norm().clamp_min(1e-12))
        return Apart(losses, gradient)


Measure = Callable[[FrozenModel, type[RowPath], Techniques, Nudge], Measured]


@dataclass(frozen=True)
class Kind:
    """What rows have to have in common for the same code to run: `longest` tokens at most, padded or not."""

    longest: int
    is_padded: bool
    with_gradient: bool


@dataclass(frozen=True)
class _Proof:
    """That a path was right in float32, and by how much the plain one was rounded there."""

    path: type[RowPath]
    techniques: Techniques
    kind: Kind
    rounding: float

    def covers(self, path: type[RowPath], techniques: Techniques, kind: Kind) -> bool:
        same = (self.path, self.techniques, self.kind.is_padded) == (path, techniques, kind.is_padded)
        return same and self.kind.with_gradient >= kind.with_gradient and self.kind.longest >= kind.longest


_PROOFS: WeakKeyDictionary[FrozenModel, list[_Proof]] = WeakKeyDictionary()  # once a model, not at every generation


@dataclass
class SelfCheck:
    """Of one model on two rows of `kind`, which `measure` knows."""

    model: FrozenModel
    kind: Kind
    measure: Measure

    def problem(self, path: type[RowPath], techniques: Techniques) -> str | None:
        """What is wrong with this path by these techniques, in words; None if nothing is. Raises what they raise."""
        if self.model.dtype not in ROUNDING:
            apart = self._measured(path, techniques).apart(self._plain, _LEAST_NATS)
            return None if apart.is_same else f"loss or gradient differ by {apart.most:.1e} relative"
        proofs = _PROOFS.setdefault(self.model, [])
        proof = next((proof for proof in proofs if proof.covers(path, techniques, self.kind)), None)
        if proof is not None and self._beyond(path, techniques, _TWO_ROUNDINGS * proof.rounding) is None:
            return None  # else these rows may round more than those of the proof
        if self._exact_plain is None:
            return self._beyond(path, techniques, min(_MOST, _TWO_ROUNDINGS * self._nudged))
        apart = self._exact(path, techniques).apart(self._exact_plain, _LEAST_NATS)
        if not apart.is_same:
            return f"in float32 loss or gradient differ by {apart.most:.1e} relative"
        rounding = self._plain.apart(self._exact_plain, 1.0).most
        problem = self._beyond(path, techniques, _TWO_ROUNDINGS * rounding)
        if problem is None:
            proofs.append(_Proof(path, techniques, self.kind, rounding))
        return problem

    @property
    def wide(self) -> InFloat32 | None:
        """The model in float32, where it has been computed so."""
        return self._wide if _PROOFS.get(self.model) or self._exact_plain is not None else None

    def _beyond(self, path: type[RowPath], techniques: Techniques, rounding: float) -> str | None:
        """What is more than `rounding` in the model's dtype. Of rows that are all but right, rounding is most of the
        loss; so losses under a nat are not looked at more closely than one of a nat."""
        apart = self._measured(path, techniques).apart(self._plain, 1.0).most
        limit = max(ROUNDING[self.model.dtype], rounding)
        return None if apart <= limit else f"loss or gradient differ by {apart:.1e} relative, rounding by {limit:.1e}"

    @cached_property
    def _plain(self) -> Measured:
        return self._measured(Plain, PLAIN_TECHNIQUES)

    @cached_property
    def _nudged(self) -> float:
        """How far the plain path moves when the prompt does by its last bit."""
        return (
            self.measure(self.model, Plain, PLAIN_TECHNIQUES, _LAST_BIT[self.model.dtype]).apart(self._plain, 1.0).most
        )

    def _measured(self, path: type[RowPath], techniques: Techniques) -> Measured:
        return self.measure(self.model, path, techniques, 0.0)

    @cached_property
    def _wide(self) -> InFloat32:
        with self.model.turns:  # nothing of it is patched meanwhile
            return InFloat32(self.model)

    def _exact(self, path: type[RowPath], techniques: Techniques) -> Measured:
        keeps: AbstractContextManager[None] = self._wide.differentiable() if self.kind.with_gradient else nullcontext()
        with keeps:
            return self.measure(self._wide.model, path, techniques, 0.0)

    @cached_property
    def _exact_plain(self) -> Measured | None:
        """The plain path in float32; None where the model cannot be computed so."""
        if extra_bytes(self.model) > free_bytes(self.model.device) // 2:
            return None
        try:
            return self._exact(Plain, PLAIN_TECHNIQUES)
        except (RuntimeError, TypeError, ValueError, AttributeError, LookupError):  # quantised, or kernels of one dtype
            return None
