"""The cached-input path: where the prompt follows the input, the input goes through the model once per run.

What stands before the prompt does not depend on it, so its keys and values are computed without gradient the first
time a row is met and kept; from then on only the prompt and what follows it go through the model. Equals `plain` in
loss and gradient (tests/equivalence). Cost per step, N body parameters, B rows, k prompt and m answer tokens:
4N * B(k + m) instead of 4N * B(k + n + m), and once 2N per input token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from embedgrad.data.batches import micro_batches
from embedgrad.engine import prefix_cache
from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques, predict_after
from embedgrad.engine.padded_rows import Predicting, pad_ids, pad_rows
from embedgrad.engine.prefix_cache import CannotShare, KeysValues
from embedgrad.engine.row_path import MeanRow
from embedgrad.model import attention
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn
from embedgrad.template.layout import Layout

Header = tuple[int, ...]


@dataclass
class InputCache:
    """Keys and values of what stands before the prompt, by its ids, up to a budget.

    budget_bytes  what does not fit is computed again each time it is met
    used_bytes    held now
    """

    budget_bytes: int
    used_bytes: int = 0
    kept: dict[Header, Tensor] = field(default_factory=dict)

    def read(
        self, model: FrozenModel, headers: Sequence[Header], techniques: Techniques, batch_tokens: int
    ) -> dict[Header, Tensor]:
        """[L, 2, G, n, E] keys and values of each of `headers`, in the model's dtype. Those that are missing are
        computed together, up to `batch_tokens` at a time."""
        found = {header: self.kept[header] for header in headers if header in self.kept}
        missing = [header for header in dict.fromkeys(headers) if header not in found]
        for indices in micro_batches([len(header) for header in missing], batch_tokens):
            batch = [missing[i] for i in indices]
            for header, states in zip(batch, _read(model, batch, techniques), strict=True):
                found[header] = states
                if self.used_bytes + states.nbytes <= self.budget_bytes:
                    self.kept[header] = states
                    self.used_bytes += states.nbytes
        return found

    def forget(self) -> None:
        """Drop everything."""
        self.kept.clear()
        self.used_bytes = 0


@dataclass(eq=False)
class CachedInput:
    """A `RowPath`. `inputs` are kept from step to step, up to `budget_bytes`.

    Trap: sums depend on what else is in a batch, in the last bits. In a step an input is read alone, so that its keys
    and values do not depend on when it is first met, and a resumed run goes on bit for bit.
    """

    name: ClassVar[str] = "cached input"
    saves: ClassVar[str] = "what stands before the prompt goes through the model once"
    shares: ClassVar[bool] = False
    model: FrozenModel
    techniques: Techniques = PLAIN_TECHNIQUES
    budget_bytes: int = 0
    inputs: InputCache = field(init=False)

    def __post_init__(self) -> None:
        self.techniques = replace(self.techniques, packs=False)  # rows have no prefix in common
        self.inputs = InputCache(self.budget_bytes)

    @classmethod
    def problem(cls, layouts: Sequence[Layout]) -> str | None:
        return None if all(layout.prompt.start for layout in layouts) else "nothing stands before the prompt"

    def once(self, prompt: Tensor, layouts: Sequence[Layout]) -> Sequence[Tensor]:
        return [prompt]

    def predict(self, once: Sequence[Tensor], layouts: Sequence[Layout], batch_tokens: int = 0) -> Predicting:
        [prompt], model = once, self.model
        with model.turns:
            read = self.inputs.read(model, [layout.header_ids for layout in layouts], self.techniques, batch_tokens)
            keys_values, lengths = _side_by_side([read[layout.header_ids] for layout in layouts])
            behind = [layout.after(layout.prompt.start) for layout in layouts]
            rows = pad_rows(behind, 0, model.device, model.padded_tokens - int(lengths.max()))
            own = prompt.to(model.dtype).expand(len(layouts), -1, -1)
            embeds = torch.cat([own, model.embed(rows.ids[:, len(prompt) :])], dim=1)
            real = lengths.to(model.device) if bool((lengths != lengths[0]).any()) else None
            return predict_after(model, keys_values, embeds, rows, self.techniques, real)

    def step_tokens(self, row: MeanRow, rows: int) -> float:
        return rows * (row.tokens - row.before)

    def row_tokens(self, layout: Layout) -> int:
        """Trap: an input that is kept takes memory too, about a 16th of another token's."""
        return len(layout) - layout.prompt.start + layout.prompt.start // 16

    def shared_tokens(self, layout: Layout) -> int:
        return 0

    def kept_bytes(self, prompt: Tensor, layouts: Sequence[Layout]) -> int:
        headers = {layout.header_ids for layout in layouts}
        return bytes_per_token(self.model, prompt) * sum(map(len, headers))


def bytes_per_token(model: FrozenModel, prompt: Tensor) -> int:
    """What one input token's keys and values take."""
    with torch.no_grad():
        read = prefix_cache.prefill(model, prompt[:1].to(model.dtype)[None])
    return sum(keys.nbytes + values.nbytes for keys, values in read)


@in_turn
def _read(model: FrozenModel, headers: Sequence[Header], techniques: Techniques) -> list[Tensor]:
    """[L, 2, G, n, E] for each header. Padded on the right without a mask, which causal order makes exact."""
    ids = pad_ids(headers, model.padded_tokens).to(model.device)
    with torch.no_grad(), attention.in_use(model, techniques.own_attention):
        read = prefix_cache.prefill(model, model.embed(ids))
    if len({keys.shape for pair in read for keys in pair}) > 1:
        raise CannotShare("its layers keep keys and values of different shapes")
    stacked = torch.stack([torch.stack(pair) for pair in read])  # [L, 2, B, G, T, E]
    return [stacked[:, :, row, :, : len(header)].contiguous() for row, header in enumerate(headers)]


def _side_by_side(read: Sequence[Tensor]) -> tuple[KeysValues, Tensor]:
    """Rows' keys and values as one past, padded on the left, and how many positions of each row are real [B]."""
    lengths = torch.tensor([states.shape[3] for states in read])
    layers, _, groups, _, width = read[0].shape
    most = int(lengths.max())
    joined = read[0].new_zeros(layers, 2, len(read), groups, most, width)
    for row, states in enumerate(read):
        joined[:, :, row, :, most - states.shape[3] :] = states
    return [(layer[0], layer[1]) for layer in joined], lengths
