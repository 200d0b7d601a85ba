"""Greedy answers of the peers: PEFT's `generate` behind its virtual tokens, and Hugging Face's behind a text prompt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from peft import PeftModel

from embedgrad.template.layout import Layout

Ids = tuple[int, ...]


def peft_answers(
    wrapped: PeftModel, layouts: Sequence[Layout], most: int, stop_ids: Collection[int], size: int = 32
) -> list[Ids]:
    """What PEFT answers to each row (prompt first, no target), in batches of `size` in the order of `layouts`.

    Its left padding lies between prompt and input, `[prompt][pad][input]`, and its positions count the padding: a row
    in a batch of unequal rows may be answered otherwise than alone.
    """
    return _answers(wrapped, [layout.ids[layout.prompt.stop :] for layout in layouts], most, stop_ids, size)


def text_answers(
    lm: Any, prompt_ids: Ids, layouts: Sequence[Layout], most: int, stop_ids: Collection[int], size: int = 32
) -> list[Ids]:
    """As `peft_answers`, from Hugging Face's own `generate` with the prompt as tokens: `[pad][prompt][input]`."""
    rows = [layout.ids[: layout.prompt.start] + prompt_ids + layout.ids[layout.prompt.stop :] for layout in layouts]
    return _answers(lm, rows, most, stop_ids, size)


def _answers(model: Any, rows: Sequence[Ids], most: int, stop_ids: Collection[int], size: int) -> list[Ids]:
    found: list[Ids] = []
    for at in range(0, len(rows), size):
        batch = rows[at : at + size]
        width = max(map(len, batch))
        ids = torch.tensor([(0,) * (width - len(row)) + row for row in batch], device=model.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch], device=model.device)
        with torch.no_grad():
            out = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=[*stop_ids],
                pad_token_id=0,
            )
        found += [_until_stop(row, stop_ids) for row in out[:, width:].tolist()]
    return found


def _until_stop(ids: Sequence[int], stop_ids: Collection[int]) -> Ids:
    end = next((place for place, token in enumerate(ids) if token in stop_ids), len(ids))
    return tuple(ids[:end])
