"""How greedy answers begin, told by the pass that gives the targets' losses: nothing is generated for it.

The logits that predict a target's tokens are those of greedy decoding as long as that says the same tokens, and at the
first other one too. So one pass tells each greedy answer up to where it leaves the target, that token included, and
whole where it does not leave it.

Trap: the pass and step-by-step decoding add up the same sums in other orders, so of two tokens that are nearly as
likely either may come first. A token counts as told only where its lead is beyond what rounding does (LEAD).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from embedgrad.engine.objective import Extras, Objective
from embedgrad.engine.plan import Engine
from embedgrad.template.layout import Layout

LEAD = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}
"""By how much the likeliest token must lead the second, in standard deviations of a position's logits. Between the pass
and decoding that lead differed by up to 1.4e-5 in float32 and 0.15 in bfloat16, and decoding said another token up to a
lead of 0.06 (docs/log.md); float16 has eight times bfloat16's precision."""


@dataclass(frozen=True)
class Opening:
    """How the greedy answer to a row begins.

    ids      its first tokens: those of the target as far as it follows it, what ends it included, and then the first
             other one
    is_open  whether two tokens are so close behind `ids` that rounding may choose
    """

    ids: tuple[int, ...]
    is_open: bool


def read_openings(
    engine: Engine, prompt: Tensor, layouts: Sequence[Layout], progress: Callable[[int], None] = lambda rows: None
) -> tuple[Tensor, list[Opening]]:
    """`engine.row_nats` of these rows, bit for bit, and how the greedy answer to each begins."""
    noting = _Noting(engine.objective, LEAD[engine.model.dtype])
    nats = replace(engine, objective=noting).row_nats(prompt, layouts, progress)
    return nats, noting.openings(layouts, engine.model.switch_tokens)


@dataclass
class _Noting:
    """An Objective: the losses of `objective`. Besides, it notes the likeliest token at each place, and whether that
    leads by `lead`."""

    objective: Objective
    lead: float
    order: list[Layout] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    leads: list[bool] = field(default_factory=list)

    def extras(self, layouts: Sequence[Layout]) -> Extras:
        self.order.extend(layouts)
        return self.objective.extras(layouts)

    def losses(self, logits: Tensor, targets: Tensor, extras: Extras) -> Tensor:
        highest, ids = logits.detach().topk(2)
        self.ids.extend(ids[:, 0].tolist())
        self.leads.extend((highest[:, 0] - highest[:, 1] > self.lead * logits.detach().std(1)).tolist())
        return self.objective.losses(logits, targets, extras)

    def openings(self, layouts: Sequence[Layout], switch_tokens: int) -> list[Opening]:
        """Of `layouts`, in whatever order they were read."""
        found: dict[Layout, Opening] = {}
        start = 0
        for layout in self.order:
            place = slice(start, start := start + len(layout.target))
            target = layout.ids[layout.target.start : layout.target.stop]
            # Trap: a row that its answer takes over the model's rotary switch is decoded with factors of both sides.
            is_switched = layout.target.start <= switch_tokens < len(layout)
            found[layout] = Opening((), True) if is_switched else _opening(target, self.ids[place], self.leads[place])
        return [found[layout] for layout in layouts]


def _opening(target: Sequence[int], likeliest: Sequence[int], leads: Sequence[bool]) -> Opening:
    ids: list[int] = []
    for wanted, token, is_told in zip(target, likeliest, leads, strict=True):
        if not is_told:
            return Opening(tuple(ids), True)
        ids.append(token)
        if token != wanted:
            break
    return Opening(tuple(ids), False)
