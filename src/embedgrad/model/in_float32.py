"""A half-precision model computed in float32: for a look at what it would give without rounding, and for steps on a
processor that only emulates its dtype.

Weights are shared with the model and widened one at a time, while the part that owns them runs, so that this takes the
memory of the embedding table and of the largest weight, not of a second model.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.surgery.cuts import take_off

_HALF = (torch.bfloat16, torch.float16)
_Widened = dict[int, Tensor]  # the address of a weight in float32 -> the weight it was made of


class InFloat32:
    """The same model in float32, as `model`.

    It has modules of its own, as transformers made them: nothing that is patched or compiled in the other is in it, and
    nothing done to it reaches the other. What it computes with gradient belongs into `differentiable`.
    """

    def __init__(self, half: FrozenModel) -> None:
        self._widened: _Widened = {}
        lm = _with_shared_weights(half.lm)
        take_off(lm)
        for part in lm.modules():
            weights = {name: weight for name, weight in part._parameters.items() if weight is not None}
            if narrow := {name: weight for name, weight in weights.items() if weight.dtype in _HALF}:
                part.register_forward_pre_hook(partial(_widen, narrow, self._widened))
                part.register_forward_hook(partial(_narrow, narrow, self._widened), always_call=True)
        self.model = FrozenModel(lm, half.tokenizer, half.identity, half.context_tokens)

    @contextmanager
    def differentiable(self) -> Iterator[None]:
        """For forward and backward: what autograd keeps of a widened weight is how to make it again."""
        with torch.autograd.graph.saved_tensors_hooks(self.packed, self.unpacked):
            yield

    def is_widened(self, tensor: Tensor) -> bool:
        """Whether it is a widened weight, or a view of one."""
        return tensor.untyped_storage().data_ptr() in self._widened

    def packed(self, saved: Tensor) -> Tensor | Callable[[], Tensor]:
        """What autograd is to keep for the backward: of a widened weight, how to make it again."""
        weight = self._widened.get(saved.untyped_storage().data_ptr())
        if weight is None:
            return saved
        place = saved.size(), saved.stride(), saved.storage_offset()
        return lambda: weight.detach().float().as_strided(*place)

    def unpacked(self, kept: Tensor | Callable[[], Tensor]) -> Tensor:
        """The tensor that was packed."""
        return kept if isinstance(kept, Tensor) else kept()


def _with_shared_weights(lm: Any) -> Any:
    """A second module tree over the same weights; the table and half-precision buffers in float32."""
    table = lm.get_input_embeddings().weight
    shared = {id(weight): weight for weight in lm.parameters() if weight is not table}
    buffers = {id(buffer): buffer.float() for buffer in lm.buffers() if buffer.dtype in _HALF}
    wide = torch.nn.Parameter(table.detach().float(), requires_grad=False)
    return copy.deepcopy(lm, {**shared, **buffers, id(table): wide})


def _widen(half: dict[str, Tensor], widened: _Widened, part: Module, inputs: object) -> None:
    for name, weight in half.items():
        if (left := part._parameters[name]) is not None:  # by a forward that Ctrl-C ended, whose hooks did not run
            widened.pop(left.untyped_storage().data_ptr(), None)
        wide = weight.detach().float()
        part._parameters[name] = wide  # type: ignore[assignment]  # a plain tensor will do for a forward
        widened[wide.untyped_storage().data_ptr()] = weight


def _narrow(half: dict[str, Tensor], widened: _Widened, part: Module, inputs: object, output: object) -> None:
    for name, weight in half.items():
        wide = part._parameters[name]
        assert wide is not None
        widened.pop(wide.untyped_storage().data_ptr(), None)
        part._parameters[name] = weight  # type: ignore[assignment]


def extra_bytes(model: FrozenModel) -> int:
    """What `InFloat32` takes at most beside the model: the table, and the largest weight twice."""
    largest = max(int(weight.numel()) for weight in model.lm.parameters())
    return 4 * (int(model.lm.get_input_embeddings().weight.numel()) + 2 * largest)
