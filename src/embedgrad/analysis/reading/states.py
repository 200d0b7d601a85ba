"""Hidden states where an answer begins: of rows behind a prompt, and of whole texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from embedgrad.data.batches import micro_batches
from embedgrad.data.example import Example
from embedgrad.engine.padded_rows import pad_ids
from embedgrad.engine.plain import join
from embedgrad.engine.plan import memory_told
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.hidden import last_states
from embedgrad.prompt.place import start
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.settings import BATCH_TOKENS
from embedgrad.template.layout import Layout
from embedgrad.template.template import Template

_MESSAGE, _PLAIN = Template.chat("{prompt}{input}"), Template.text("{prompt}{input}\n")


def row_states(
    model: FrozenModel,
    prompt: Tensor | None,
    rows: Sequence[Layout],
    batch_tokens: int = BATCH_TOKENS,
    count: Callable[[int], None] = lambda rows: None,
) -> Tensor:
    """[rows, L, D] float32 on the CPU: each layer's state at the last token of each row (`model.hidden.last_states`),
    with `prompt` [P, D] in its span, or without one where the rows hold only ids. `count` is told the rows done."""
    found: dict[int, Tensor] = {}
    sides: dict[bool, list[int]] = {}
    for number, row in enumerate(rows):  # rows on both sides of a model's rotary switch do not meet
        sides.setdefault(len(row) > model.switch_tokens, []).append(number)
    for side in sides.values():
        for piece in micro_batches([len(rows[number]) for number in side], batch_tokens):
            numbers = [side[place] for place in piece]
            batch = [rows[number] for number in numbers]
            with memory_told(batch_tokens):
                ids = pad_ids([row.ids for row in batch], model.padded_tokens).to(model.device)
                embeds = model.embed(ids) if prompt is None else join(model, prompt.to(model.device), ids, batch)
                states = last_states(model, embeds, [len(row) for row in batch])
            found.update(zip(numbers, states, strict=True))
            count(len(batch))
    return torch.stack([found[number] for number in range(len(rows))])


def text_rows(model: FrozenModel, texts: Sequence[str], *, is_chat: bool) -> list[Layout]:
    """Each text as one user message, or as plain text with a line break, up to where an answer begins.

    Raises OverlongRows naming the text's number, and what `start` raises.
    """
    rows = []
    for number, text in enumerate(texts, start=1):
        placed = start(model, text, _MESSAGE if is_chat else _PLAIN)
        [row] = lay_out_rows(model, placed, [Example("", line=number)], with_target=False)
        assert row is not None
        assert placed.initial_ids is not None
        ids = (*row.ids[: row.prompt.start], *placed.initial_ids, *row.ids[row.prompt.stop :])
        rows.append(replace(row, ids=ids))
    return rows
