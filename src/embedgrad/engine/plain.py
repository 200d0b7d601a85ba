"""The plain path, the oracle: every row in full through the model, nothing shared, nothing cached.

Works wherever the prompt stands, for every model that takes `inputs_embeds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques, checkpointed
from embedgrad.engine.padded_rows import Predicting, pad_rows, target_logits
from embedgrad.engine.row_path import MeanRow
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout


def join(model: FrozenModel, prompt: Tensor, ids: Tensor, layouts: Sequence[Layout]) -> Tensor:
    """[B, T, D] embeddings of `ids` [B, T] with `prompt` [P, D] in each row's prompt span; differentiable."""
    embeds = model.embed(ids)
    starts = torch.tensor([layout.prompt.start for layout in layouts], device=ids.device)
    columns = starts[:, None] + torch.arange(len(prompt), device=ids.device)
    rows = torch.arange(len(layouts), device=ids.device)[:, None].expand_as(columns)
    return embeds.index_put((rows, columns), prompt.to(embeds.dtype).expand(len(layouts), -1, -1))


@dataclass(eq=False)
class Plain:
    """A `RowPath`. Of its techniques it uses checkpoints alone."""

    name: ClassVar[str] = "plain"
    saves: ClassVar[str] = "nothing"
    shares: ClassVar[bool] = False
    model: FrozenModel
    techniques: Techniques = PLAIN_TECHNIQUES
    budget_bytes: int = 0

    @classmethod
    def problem(cls, layouts: Sequence[Layout]) -> str | None:
        return None

    def once(self, prompt: Tensor, layouts: Sequence[Layout]) -> Sequence[Tensor]:
        return [prompt]

    def predict(self, once: Sequence[Tensor], layouts: Sequence[Layout], batch_tokens: int = 0) -> Predicting:
        [prompt] = once
        with (
            self.model.turns,
            checkpointed(self.model, PLAIN_TECHNIQUES) if self.techniques.checkpoints else nullcontext(),
        ):
            rows = pad_rows(layouts, 0, self.model.device, self.model.padded_tokens)
            embeds = join(self.model, prompt, rows.ids, layouts)
            return Predicting(rows, target_logits(self.model, rows, inputs_embeds=embeds, use_cache=False))

    def step_tokens(self, row: MeanRow, rows: int) -> float:
        return rows * row.tokens

    def row_tokens(self, layout: Layout) -> int:
        return len(layout)

    def shared_tokens(self, layout: Layout) -> int:
        return 0

    def kept_bytes(self, prompt: Tensor, layouts: Sequence[Layout]) -> int:
        return 0
