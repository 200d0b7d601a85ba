"""Rows end to end in one sequence behind the prompt, which goes through each layer with them.

No padding anywhere but inside attention (`model/packed_attention.py`), one pass instead of the prompt's and the rows',
and nothing copied for each row. Equals the padded rows of `after_prefix` in loss and gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from embedgrad.engine.after_prefix import Techniques, checkpointed
from embedgrad.engine.last_layer import PackedPositions, last_layer_at
from embedgrad.engine.lm_head import LOGITS_AT_ONCE
from embedgrad.engine.padded_rows import PaddedRows, Predicting, target_logits
from embedgrad.engine.prefix_cache import KeysValues, PrefixCache
from embedgrad.model import fused, hooks, packed_attention
from embedgrad.model.anatomy import last_hidden
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.packed_attention import Pack
from embedgrad.model.turns import in_turn
from embedgrad.template.layout import Layout


@dataclass(frozen=True)
class PackedRows(PaddedRows):
    """B rows end to end, shortest first, behind `pack.shared` tokens of the prompt: `ids` [1, M] without the prompt,
    `predicts` [1, N] with it; `targets` and `row_of` in the order of the layouts, as in all paths.

    positions  [1, N]
    order      [n] where each target's state is among those in the pack, from left to right; None: in its own place
    """

    pack: Pack
    at_targets: Pack
    positions: Tensor
    order: Tensor | None

    @property
    def count(self) -> int:
        return len(self.pack.lengths)

    def in_order(self, states: Tensor) -> Tensor:
        """[n, ...] states of the targets, from left to right in the pack, in the order of the layouts."""
        return states if self.order is None else states[self.order]


def pack_rows(layouts: Sequence[Layout], past: int, shared: int, device: torch.device) -> PackedRows:
    """`layouts` behind `past` keys and values and `shared` tokens of the prompt, which end together."""
    offset = past + shared
    by_length = sorted(range(len(layouts)), key=lambda row: len(layouts[row]))
    ids: list[int] = []
    positions = list(range(past, offset))
    predicts: list[int] = []
    places: list[range] = []
    for row in by_length:
        layout = layouts[row]
        span = range(layout.target.start - offset - 1, layout.target.stop - offset - 1)
        predicts.extend(shared + len(ids) + column for column in span)
        places.append(span)
        ids.extend(layout.ids[offset:])
        positions.extend(range(offset, len(layout)))
    wanted = torch.zeros(1, shared + len(ids), dtype=torch.bool)
    wanted[0, predicts] = True
    pack = Pack(past, shared, tuple(len(layouts[row]) - offset for row in by_length), device)
    targets = [i for layout in layouts for i in layout.ids[layout.target.start : layout.target.stop]]
    row_of = [row for row, layout in enumerate(layouts) for _ in range(len(layout.target))]
    return PackedRows(
        ids=torch.tensor([ids], device=device),
        predicts=wanted.to(device),
        targets=torch.tensor(targets, dtype=torch.long, device=device),
        row_of=torch.tensor(row_of, dtype=torch.long, device=device),
        pack=pack,
        at_targets=pack.at(places),
        positions=torch.tensor([positions], device=device),
        order=_order(layouts, by_length, device),
    )


def _order(layouts: Sequence[Layout], by_length: Sequence[int], device: torch.device) -> Tensor | None:
    if list(by_length) == sorted(by_length):
        return None
    row_of = [row for row in by_length for _ in range(len(layouts[row].target))]
    return torch.tensor(row_of, device=device).argsort(stable=True)


@in_turn
def predict_packed(
    model: FrozenModel, past: KeysValues, prompt: Tensor, layouts: Sequence[Layout], techniques: Techniques
) -> Predicting:
    """What `layouts` predict behind `past`, keys and values of the constant text in each layer (none: nothing), and
    `prompt` [P, D]; differentiable in the prompt."""
    if not all(layout.target for layout in layouts):
        techniques = replace(techniques, trims=False)  # a row that predicts nothing still has keys
    length = past[0][0].shape[-2] if past else 0
    rows = pack_rows(layouts, length, len(prompt), model.device)
    embeds = torch.cat([prompt.to(model.dtype)[None], model.embed(rows.ids)], dim=1)
    cache = PrefixCache(past, 1, techniques.trims) if past else PrefixCache.empty(len(model.layers), techniques.trims)
    options: dict[str, object] = {
        "inputs_embeds": embeds,
        "position_ids": rows.positions,
        str(hooks.cache_argument(model.forward_arguments)): cache,
        "use_cache": True,
        packed_attention.ARGUMENT: rows.pack,
    }
    large = len(rows.targets) * model.head_rows > LOGITS_AT_ONCE
    head = model.output_head if large else None  # tried on a token the first time: before anything is changed
    with ExitStack() as stack:
        stack.enter_context(packed_attention.in_use(model))
        stack.enter_context(fused.in_use(model, techniques.fuses))
        if techniques.checkpoints:
            stack.enter_context(checkpointed(model, techniques))
        if techniques.trims:
            places = PackedPositions(rows.predicts[0].nonzero()[:, 0])
            there = {packed_attention.ARGUMENT: rows.at_targets}
            stack.enter_context(last_layer_at(model, places, there))
        if head is not None:
            hidden = last_hidden(model.lm, **options)[rows.predicts]
            return Predicting(rows, rows.in_order(hidden), head)
        return Predicting(rows, rows.in_order(target_logits(model, rows, **options)))
