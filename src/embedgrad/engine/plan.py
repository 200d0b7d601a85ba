"""Chooses the path for rows and checks the fast one against the plain one before it is relied on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from embedgrad.data.batches import micro_batches
from embedgrad.engine import plain, shared_prefix
from embedgrad.engine.rows import LossAndGradient
from embedgrad.engine.shared_prefix import CannotShare
from embedgrad.errors import NotEnoughMemory
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout

BATCH_TOKENS = 8192

# Largest relative difference of gradient and loss at which two orders of the same sums count as the same.
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.05}


@dataclass(frozen=True)
class Engine:
    """Loss and gradient of rows through a frozen model.

    shares        whether the shared prefix may be used (rows that have none still take the plain path)
    reason        in one line, why
    batch_tokens  upper bound of rows x longest row in one forward pass
    """

    model: FrozenModel
    shares: bool
    reason: str
    batch_tokens: int = BATCH_TOKENS

    def loss_and_gradient(self, prompt: Tensor, layouts: Sequence[Layout]) -> LossAndGradient:
        """Over all `layouts`, in micro-batches of similar length; `row_nats` in the order of `layouts`."""
        order = self._micro_batches(layouts)
        batches = [[layouts[i] for i in indices] for indices in order]
        with memory_told(self.batch_tokens):
            path = plain if self._shared_head(layouts) is None else shared_prefix
            found = path.loss_and_gradient(self.model, prompt, batches)
        nats = torch.empty_like(found.row_nats)
        nats[torch.tensor([i for indices in order for i in indices])] = found.row_nats
        return LossAndGradient(found.loss, found.gradient, nats, found.tokens)

    def row_nats(
        self, prompt: Tensor, layouts: Sequence[Layout], progress: Callable[[int], None] = lambda rows: None
    ) -> Tensor:
        """[rows] float64 on the CPU: each row's loss in nats, summed over its targets, without gradient. `progress`
        is told how many rows each micro-batch had."""
        nats = torch.empty(len(layouts), dtype=torch.float64)
        with torch.no_grad(), memory_told(self.batch_tokens):
            head = self._shared_head(layouts)
            prefix = None if head is None else shared_prefix.prefill(self.model, prompt, head)
            for indices in self._micro_batches(layouts):
                rows = [layouts[i] for i in indices]
                if prefix is None:
                    found = plain.row_nats(self.model, prompt, rows)
                else:
                    found = shared_prefix.row_nats(self.model, prefix, rows)
                nats[torch.tensor(indices)] = found.double().cpu()
                progress(len(indices))
        return nats

    def _shared_head(self, layouts: Sequence[Layout]) -> tuple[int, ...] | None:
        try:
            return shared_prefix.shared_head(layouts) if self.shares else None
        except CannotShare:
            return None

    def _micro_batches(self, layouts: Sequence[Layout]) -> list[list[int]]:
        return micro_batches([len(layout) for layout in layouts], self.batch_tokens)


def choose(
    model: FrozenModel,
    prompt: Tensor,
    layouts: Sequence[Layout],
    batch_tokens: int = BATCH_TOKENS,
    say: Callable[[str], None] = lambda message: None,
    *,
    with_gradient: bool = True,
) -> Engine:
    """The engine for `layouts`: the shared prefix where the prompt comes before everything that varies and two
    rows give the plain path's loss and gradient; else the plain path. A model whose fast path fails is told to
    `say`, once. Rows that are only to be judged need no gradient, nor its memory. Raises NotEnoughMemory."""
    try:
        shared_prefix.shared_head(layouts)
        with memory_told(batch_tokens):
            rows = _shortest_and_longest(layouts)
            difference = (_difference if with_gradient else _loss_difference)(model, prompt, rows)
    except CannotShare as error:
        return Engine(model, False, f"plain path: {error}", batch_tokens)
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
        # Whatever a model's cache does when it is not made for this: the plain path stays right.
        problem = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}"
    else:
        if difference <= _TOLERANCE[model.dtype]:
            return Engine(model, True, "shared prefix: the prompt goes through the model once a step", batch_tokens)
        problem = f"loss or gradient differ by {difference:.1e} relative"
    reason = f"plain path: the shared prefix does not fit this model ({problem})"
    say(reason)
    return Engine(model, False, reason, batch_tokens)


def _shortest_and_longest(layouts: Sequence[Layout]) -> list[Layout]:
    """Two rows of unequal length where there are any, so that padding is part of the check."""
    ordered = sorted(layouts, key=len)
    return [ordered[0], ordered[-1]]


def _difference(model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout]) -> float:
    """Largest relative difference of loss and gradient between the shared prefix and the plain path."""
    fast = shared_prefix.loss_and_gradient(model, prompt, [layouts])
    slow = plain.loss_and_gradient(model, prompt, [layouts])
    gradient = float((fast.gradient - slow.gradient).norm() / slow.gradient.norm().clamp_min(1e-12))
    return max(gradient, abs(fast.loss - slow.loss) / max(abs(slow.loss), 1e-12))


def _loss_difference(model: FrozenModel, prompt: Tensor, layouts: Sequence[Layout]) -> float:
    """As `_difference`, of the rows' losses alone."""
    with torch.no_grad():
        prefix = shared_prefix.prefill(model, prompt, shared_prefix.shared_head(layouts))
        fast = shared_prefix.row_nats(model, prefix, layouts)
        slow = plain.row_nats(model, prompt, layouts)
    return float(((fast - slow).abs() / slow.abs().clamp_min(1e-12)).max())


@contextmanager
def memory_told(batch_tokens: int) -> Iterator[None]:
    """The GPU's out-of-memory error as a NotEnoughMemory that says what to change."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise NotEnoughMemory(
            f"A forward pass of up to {batch_tokens} tokens does not fit the GPU's memory. Pass a smaller "
            f"--batch-tokens, for example {max(256, batch_tokens // 4)}; results stay the same."
        ) from error
