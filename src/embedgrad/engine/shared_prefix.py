"""The shared-prefix path: the prompt goes through the model once per step instead of once per row.

Everything up to the prompt's end is the same for all rows, so its keys and values are computed once, with
gradient, and every row attends to them. Equals `plain` in loss and gradient (tests/equivalence). Cost per step,
N body parameters, B rows of n + m tokens, k prompt tokens: 4N * (k + B(n + m)) instead of 4N * B(k + n + m).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from embedgrad.engine import prefix_cache
from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques, predict_after
from embedgrad.engine.packed_rows import predict_packed
from embedgrad.engine.padded_rows import Predicting, pad_rows
from embedgrad.engine.prefix_cache import KeysValues
from embedgrad.engine.row_path import MeanRow
from embedgrad.model import attention
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn
from embedgrad.template.layout import Layout


@in_turn
def prefill(
    model: FrozenModel, prompt: Tensor, header_ids: Sequence[int], header: KeysValues | None = None
) -> KeysValues:
    """Keys and values of `header_ids` and prompt in every layer, once, at batch 1; differentiable in `prompt` [P, D].
    Those of `header_ids` never change: `header` is what `header_keys_values` gave."""
    if header is None:
        header = header_keys_values(model, header_ids)
    return prefix_cache.prefill(model, prompt.to(model.dtype)[None], header)


def header_keys_values(model: FrozenModel, header_ids: Sequence[int]) -> KeysValues:
    """Keys and values of the constant text before the prompt; none where nothing stands there."""
    with torch.no_grad():
        return prefix_cache.prefill(model, model.embed(header_ids)[None]) if header_ids else []


@dataclass(eq=False)
class SharedPrefix:
    """A `RowPath`. `once` gives keys and values of header and prompt, [1, G, P', E] each, layer by layer.

    headers  keys and values of the constant text before the prompt, by its ids: computed once a run
    """

    name: ClassVar[str] = "shared prefix"
    saves: ClassVar[str] = "the prompt goes through the model once a step"
    shares: ClassVar[bool] = True
    model: FrozenModel
    techniques: Techniques = PLAIN_TECHNIQUES
    budget_bytes: int = 0
    headers: dict[tuple[int, ...], KeysValues] = field(default_factory=dict)

    @classmethod
    def problem(cls, layouts: Sequence[Layout]) -> str | None:
        if len({layout.header_ids for layout in layouts}) != 1:
            return "what stands before the prompt varies from row to row"
        if any(layout.target.start <= layout.prompt.stop for layout in layouts):
            return "the target follows the prompt at once"  # its first token is predicted inside the prefix
        return None

    def once(self, prompt: Tensor, layouts: Sequence[Layout]) -> Sequence[Tensor]:
        if self.techniques.packs:
            return [prompt]  # it goes along with the rows
        header_ids = layouts[0].header_ids
        header = self._header(header_ids)
        has_backward = prompt.requires_grad  # which is what own attention is for
        with self.model.turns, attention.in_use(self.model, self.techniques.own_attention and has_backward):
            return [tensor for pair in prefill(self.model, prompt, header_ids, header) for tensor in pair]

    def predict(self, once: Sequence[Tensor], layouts: Sequence[Layout], batch_tokens: int = 0) -> Predicting:
        if self.techniques.packs:
            header = self._header(layouts[0].header_ids)
            return predict_packed(self.model, header, once[0], layouts, self.techniques)
        prefix = list(zip(once[::2], once[1::2], strict=True))
        rows = pad_rows(layouts, once[0].shape[-2], self.model.device, self.model.padded_tokens)
        return predict_after(self.model, prefix, self.model.embed(rows.ids), rows, self.techniques)

    def step_tokens(self, row: MeanRow, rows: int) -> float:
        return row.prompt + rows * (row.tokens - row.before - row.prompt)

    def row_tokens(self, layout: Layout) -> int:
        return len(layout)

    def shared_tokens(self, layout: Layout) -> int:
        return layout.prompt.stop

    def kept_bytes(self, prompt: Tensor, layouts: Sequence[Layout]) -> int:
        return 0

    def _header(self, header_ids: tuple[int, ...]) -> KeysValues:
        if header_ids not in self.headers:
            self.headers[header_ids] = header_keys_values(self.model, header_ids)
        return self.headers[header_ids]
