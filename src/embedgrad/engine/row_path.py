"""What a way of rows through the model has to know: `plain.py` is the oracle, the others give the same numbers faster.

A path ends at the positions that predict a target. What is made of them (`losses.py`), which rows share a forward pass,
and which path is taken (`plan.py`) is not its business. A new path is a file with a class like these, and its name in
`plan.FASTER`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor

from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques
from embedgrad.engine.padded_rows import Predicting
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout


@dataclass(frozen=True)
class MeanRow:
    """Tokens of a row, mean over many: in all, `before` the prompt, of the prompt, of the target."""

    tokens: float
    before: float
    prompt: int
    target: float

    @classmethod
    def of(cls, layouts: Sequence[Layout]) -> MeanRow:
        def mean(tokens: Sequence[int]) -> float:
            return sum(tokens) / len(layouts)

        return cls(
            tokens=mean([len(layout) for layout in layouts]),
            before=mean([layout.prompt.start for layout in layouts]),
            prompt=len(layouts[0].prompt),
            target=mean([len(layout.target) for layout in layouts]),
        )


class RowPath(Protocol):
    """Rows through a frozen model.

    name    as `result.json` and the report have it
    saves   what goes through the model less often, in words
    shares  whether keys and values up to the prompt's end are the same for all rows, in generation too
    techniques   how it runs the model; the plain path knows checkpoints alone
    """

    name: ClassVar[str]
    saves: ClassVar[str]
    shares: ClassVar[bool]
    model: FrozenModel
    techniques: Techniques

    def __init__(self, model: FrozenModel, techniques: Techniques = PLAIN_TECHNIQUES, budget_bytes: int = 0) -> None:
        """`budget_bytes` is for what grows with the rows and is kept from step to step."""

    @classmethod
    def problem(cls, layouts: Sequence[Layout]) -> str | None:
        """Why these rows cannot go this way, in words; None where they can."""

    def once(self, prompt: Tensor, layouts: Sequence[Layout]) -> Sequence[Tensor]:
        """All that rows need of `prompt` [P, D] and what is equal in all `layouts`: computed once for any number of
        forward passes, differentiable in `prompt`."""

    def predict(self, once: Sequence[Tensor], layouts: Sequence[Layout], batch_tokens: int = 0) -> Predicting:
        """`layouts` through the model in one forward pass, behind what `once` gave for all; differentiable in that.
        What is read and kept of each row goes by itself, or together with others' up to `batch_tokens`."""

    def step_tokens(self, row: MeanRow, rows: int) -> float:
        """Cost: tokens through the model, forward and backward, in a step of so many rows like `row`."""

    def row_tokens(self, layout: Layout) -> int:
        """Cost: what a row adds to the memory of its forward pass, in tokens, `shared_tokens` counted in."""

    def shared_tokens(self, layout: Layout) -> int:
        """Cost: how many of `row_tokens` are there once for all rows of a step."""

    def kept_bytes(self, prompt: Tensor, layouts: Sequence[Layout]) -> int:
        """Cost: what an unlimited budget would hold of all `layouts`."""
