"""Which rows share a forward pass: no more than `batch_tokens` allow, and none on both sides of the model's rotary
switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from embedgrad.data.batches import length_buckets, micro_batches
from embedgrad.engine.row_path import RowPath
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout

Cut = Callable[[Sequence[int], int], list[list[int]]]


def step_passes(path: RowPath, layouts: Sequence[Layout], batch_tokens: int) -> list[list[int]]:
    """Row numbers, pass by pass, of a step: cut by length where that saves more than another pass costs. Rows that are
    packed have no padding to save."""
    cut = micro_batches if path.techniques.packs else partial(length_buckets, piece_tokens=_piece_tokens(path.model))
    return _passes(cut, path, layouts, batch_tokens)


def reading_passes(path: RowPath, layouts: Sequence[Layout], batch_tokens: int) -> list[list[int]]:
    """Row numbers, pass by pass, of rows that need no gradient: rows of similar length, as many as fit."""
    return _passes(micro_batches, path, layouts, batch_tokens)


def _passes(cut: Cut, path: RowPath, layouts: Sequence[Layout], batch_tokens: int) -> list[list[int]]:
    sides: dict[bool, list[int]] = {}
    for number, layout in enumerate(layouts):
        sides.setdefault(len(layout) > path.model.switch_tokens, []).append(number)
    return [
        [side[i] for i in piece]
        for side in sides.values()
        for piece in cut([path.row_tokens(layouts[i]) for i in side], batch_tokens)
    ]


def _piece_tokens(model: FrozenModel) -> int:
    """What one more forward and backward costs, in tokens: the smaller the layers, the more of a pass is overhead.
    The constant is a fit to two models on 2 CPU cores: of 256 to 2048 tokens, 256 was best at 3.8 million weights a
    layer, and 512 and more at 0.9 million."""
    layers = int(model.lm.config.get_text_config().num_hidden_layers)
    return max(128, 1_000_000_000 * layers // model.body_parameters)
