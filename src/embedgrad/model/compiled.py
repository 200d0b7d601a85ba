"""torch.compile for the parts of a model where it pays: norms and MLPs, whose many small passes become one.

Attention is left as it is (its shapes change with every batch, and its time goes into matrix products). Compiled
code gives the same numbers up to rounding; the engine's self-check runs on it.
"""

from __future__ import annotations

from typing import Literal

import torch

from embedgrad.model.anatomy import decoder_layers
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.surgery.cuts import Forward, Wrapped

Compile = Literal["auto", "on", "off"]

_NAME = "compiled norms and MLPs"

PAYS_BACK_FLOPS = 5e15
"""Arithmetic of a run from which on compiling saves more than it takes on a CPU: about 3 % of 4 hours at 350 GFLOP/s
against half a minute (docs/performance.md)."""


def is_worth_it(wanted: Compile, run_flops: float, model: FrozenModel) -> bool:
    """Whether a run of so much arithmetic is to be compiled. On a GPU `auto` is off: nobody has measured it."""
    if wanted == "auto":
        return model.device.type == "cpu" and run_flops >= PAYS_BACK_FLOPS
    return wanted == "on"


def compile_parts(model: FrozenModel) -> None:
    """Compile every norm and MLP of the model's layers, for any number of rows and tokens, once; they stay compiled.
    The work is done at their first use, and fails there where no compiler is installed."""
    if _NAME not in model.surgery.names:
        parts = (pair for layer in decoder_layers(model.lm) for pair in layer.named_children())
        model.surgery.keep(_NAME, *(Wrapped(part, _compiled) for name, part in parts if _pays(name, part)))


def uncompile(model: FrozenModel) -> None:
    """Undo `compile_parts`."""
    if _NAME in model.surgery.names:
        model.surgery.undo(_NAME)


def _compiled(forward: Forward) -> Forward:
    return torch.compile(forward, dynamic=True)


def _pays(name: str, part: torch.nn.Module) -> bool:
    """A norm or an MLP whose forward is its own: one that another library has set is left alone."""
    return "attention" not in type(part).__name__.lower() and "forward" not in vars(part) and _has_work(name, part)


def _has_work(name: str, part: torch.nn.Module) -> bool:
    """Not dropout, and no mixture of experts, whose routing cannot be compiled as one piece."""
    kind = type(part).__name__.lower()
    return any(True for _ in part.parameters()) and not any(word in kind + name for word in ("moe", "sparse", "expert"))
