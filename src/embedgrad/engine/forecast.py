"""What a tuning will cost, before it begins: arithmetic against the naive way, and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from embedgrad.engine.plan import Engine
from embedgrad.engine.row_path import MeanRow
from embedgrad.errors import NotEnoughMemory
from embedgrad.faces import setting
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.in_float32 import InFloat32, extra_bytes
from embedgrad.model.memory import free_bytes
from embedgrad.template.layout import Layout
from embedgrad.units import bytes_words, flops_words

_DEAR = 1.25


@dataclass(frozen=True)
class Forecast:
    """Of one tuning.

    step_flops      multiplications and additions of a step, attention's own products left out
    naive_flops     the same where prompt and header go through the model for every row and position (PEFT)
    weights_bytes   the model
    pass_bytes      what a step keeps for its backward, at most
    inputs_bytes    keys and values of all distinct inputs, where the path keeps them
    """

    step_flops: float
    naive_flops: float
    weights_bytes: int
    pass_bytes: int
    inputs_bytes: int

    @property
    def least_bytes(self) -> int:
        """Without any kept input."""
        return self.weights_bytes + self.pass_bytes

    @property
    def total_bytes(self) -> int:
        return self.least_bytes + self.inputs_bytes

    def arithmetic(self) -> str:
        """In words, against the naive way."""
        return (
            f"{self.naive_flops / self.step_flops:.2g} times less arithmetic than with prompt and header for every row "
            f"({flops_words(self.step_flops)} instead of {flops_words(self.naive_flops)} a step)"
        )

    def memory(self) -> str:
        """In words."""
        kept = f", kept inputs {bytes_words(self.inputs_bytes)}" if self.inputs_bytes else ""
        return (
            f"memory: {bytes_words(self.total_bytes)} predicted at most, beside Python and its libraries "
            f"(weights {bytes_words(self.weights_bytes)}, a step {bytes_words(self.pass_bytes)}{kept})"
        )


def forecast(engine: Engine, prompt: Tensor, layouts: Sequence[Layout], batch_size: int) -> Forecast:
    """Of steps of `batch_size` of `layouts`. What a step keeps is measured on two of them."""
    model = engine.model
    step, naive = step_flops(engine, layouts, batch_size), naive_flops(model, layouts, batch_size)
    weights = sum(tensor.nbytes for tensor in (*model.lm.parameters(), *model.lm.buffers()))
    weights += extra_bytes(model) if engine.wide else 0
    kept = _pass_bytes(engine, prompt, layouts, batch_size)
    return Forecast(step, naive, weights, kept, engine.path.kept_bytes(prompt, layouts))


def fitted(
    engine: Engine,
    prompt: Tensor,
    layouts: Sequence[Layout],
    batch_size: int,
    limit_bytes: int | None,
    say: Callable[[str], None] = lambda message: None,
) -> tuple[Engine, Forecast]:
    """`engine` with what keeps it under `limit_bytes` in all (default: what is free now): activation checkpointing
    where a step would exceed it, and a budget for kept inputs. Tells `say` what does not fit. Raises NotEnoughMemory
    where a given limit cannot be kept."""
    expected = forecast(engine, prompt, layouts, batch_size)
    room = limit_bytes or expected.weights_bytes + free_bytes(engine.model.device)
    if expected.least_bytes > room and not engine.techniques.checkpoints:
        engine = engine.through(type(engine.path), replace(engine.techniques, checkpoints=True))
        expected = forecast(engine, prompt, layouts, batch_size)
        say(f"layers are computed again in the backward, to stay under {bytes_words(room)}; this takes longer")
    if expected.least_bytes > room:
        problem = f"A step is predicted to need {bytes_words(expected.least_bytes)} with the weights"
        smaller = max(256, engine.batch_tokens // 4)
        advice = f"Pass a smaller {setting('batch_tokens')}, for example {smaller}; results stay the same"
        if limit_bytes:
            raise NotEnoughMemory(f"{problem}, more than {setting('memory_limit')} {bytes_words(room)}. {advice}.")
        say(f"{problem}; {bytes_words(room)} are free. {advice}.")
    budget = max(0, room - expected.least_bytes)
    budget = budget if limit_bytes else budget // 2  # others want some of what is free
    if expected.inputs_bytes > budget:
        say(
            f"the inputs' keys and values take {bytes_words(expected.inputs_bytes)}, more than the "
            f"{bytes_words(budget)} there are for them: what does not fit is computed again at each step"
        )
    return engine.through(type(engine.path), engine.techniques, budget), expected


def naive_flops(model: FrozenModel, layouts: Sequence[Layout], rows: int) -> float:
    """Of a step of `rows` of `layouts` where everything goes through the model for every row: 4 per weight and token,
    forward and backward to the inputs, no weight having a gradient."""
    tokens = sum(map(len, layouts)) / len(layouts)
    return 4 * (model.body_parameters + model.head_rows * model.width) * rows * tokens


def dear_fallback(engine: Engine, layouts: Sequence[Layout], rows: int) -> str | None:
    """A warning where the faster path does not fit the model, and a step takes more than a quarter more without it."""
    if engine.refused is None:
        return None
    refused = engine.through(engine.refused, engine.techniques)
    more = step_flops(engine, layouts, rows) / step_flops(refused, layouts, rows)
    if more <= _DEAR:
        return None
    return (
        f"Warning: a step takes {more:.2g} times the arithmetic of the {engine.refused.name}. If transformers runs "
        "this model right, please report it, with the model's name and this line."
    )


def step_flops(engine: Engine, layouts: Sequence[Layout], rows: int) -> float:
    """Multiplications and additions of a step of `rows` of `layouts`, attention's own products left out."""
    row, model = MeanRow.of(layouts), engine.model
    through = model.body_parameters * engine.path.step_tokens(row, rows)
    return 4 * (through + model.head_rows * model.width * rows * row.target)


def _pass_bytes(engine: Engine, prompt: Tensor, layouts: Sequence[Layout], batch_size: int) -> int:
    """What the largest forward keeps for its backward: measured on the two longest rows, scaled by tokens."""
    rows = sorted(layouts, key=len)[-2:]
    longest = max(map(engine.path.row_tokens, layouts))
    most_rows = min(batch_size, max(1, engine.batch_tokens // longest))
    shared = engine.path.shared_tokens(rows[-1])
    with kept_bytes(engine.model, engine.wide) as kept:
        replace(engine, wide=None).loss_and_gradient(prompt, rows)
    measured = shared + sum(map(engine.path.row_tokens, rows)) - shared * len(rows)
    return int(kept.total / measured * (shared + most_rows * (longest - shared)))


@dataclass
class Kept:
    """Bytes of distinct tensors that were kept for a backward, the model's own left out."""

    total: int = 0
    seen: dict[int, int] = field(default_factory=dict)


@contextmanager
def kept_bytes(model: FrozenModel, wide: InFloat32 | None = None) -> Iterator[Kept]:
    """Counts while it lasts what autograd keeps, each storage at its largest. Of a model in float32 (`wide`) it keeps
    no weight, as `wide.differentiable` does, which must not be entered as well: of two hooks only the inner counts."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.lm.parameters(), *model.lm.buffers())}
    kept = Kept()

    def pack(tensor: Tensor) -> Any:
        if wide is not None and wide.is_widened(tensor):
            return wide.packed(tensor)
        storage = tensor.untyped_storage()
        address = storage.data_ptr()
        if address not in own and storage.nbytes() > kept.seen.get(address, 0):
            kept.total += storage.nbytes() - kept.seen.get(address, 0)
            kept.seen[address] = storage.nbytes()
        return tensor

    def unpack(packed: Any) -> Any:
        return packed if wide is None else wide.unpacked(packed)

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield kept
