"""Greedy answers of the peers: PEFT's behind its virtual tokens, and Hugging Face's behind a text prompt."""

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
    in a batch of unequal rows may be answered otherwise than alone. By its `generate` where that is right, else by its
    forward on whole rows (`generates_right`), which takes longer: compare seconds with the former only.
    """
    rows = [layout.ids[layout.prompt.stop :] for layout in layouts]
    if generates_right(wrapped, rows[0]):
        return _answers(wrapped, rows, most, stop_ids, size)
    return [
        ids for at in range(0, len(rows), size) for ids in _by_forward(wrapped, rows[at : at + size], most, stop_ids)
    ]


def generates_right(wrapped: PeftModel, row: Ids) -> bool:
    """Whether the logits of the third token that PEFT's `generate` chooses are those of its forward on the whole row.

    Trap: PEFT 0.21.2 on transformers 5.24 looks for the cache under its old name, finds none, and puts the virtual
    tokens before every new token again: wrong answers, in silence.
    """
    ids = torch.tensor([row], device=wrapped.device)
    with torch.no_grad():
        found = wrapped.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=3,
            min_new_tokens=3,
            do_sample=False,
            pad_token_id=0,
            output_logits=True,
            return_dict_in_generate=True,
        )
        whole = found.sequences[:, : len(row) + 2]
        wanted = wrapped(input_ids=whole, attention_mask=torch.ones_like(whole), use_cache=False).logits[0, -1].float()
    spread = (wanted - wanted.mean()).norm()
    return bool(
        (found.logits[2][0].float() - wanted).norm() <= (1e-3 if wrapped.dtype == torch.float32 else 0.25) * spread
    )


def _by_forward(wrapped: PeftModel, rows: Sequence[Ids], most: int, stop_ids: Collection[int]) -> list[Ids]:
    ids, mask = _padded(rows, wrapped.device)
    width = ids.shape[1]
    with torch.no_grad():
        for _ in range(most):
            chosen = wrapped(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, -1:].argmax(-1)
            ids, mask = torch.cat([ids, chosen], dim=1), torch.cat([mask, torch.ones_like(chosen)], dim=1)
            answers = ids[:, width:].tolist()
            if all(any(token in stop_ids for token in answer) for answer in answers):
                break
    return [_until_stop(answer, stop_ids) for answer in ids[:, width:].tolist()]


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
        ids, mask = _padded(batch, model.device)
        with torch.no_grad():
            out = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=[*stop_ids],
                pad_token_id=0,
            )
        found += [_until_stop(row, stop_ids) for row in out[:, ids.shape[1] :].tolist()]
    return found


def _padded(rows: Sequence[Ids], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """[B, T] ids and their mask, padded on the left."""
    width = max(map(len, rows))
    ids = torch.tensor([(0,) * (width - len(row)) + tuple(row) for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask


def _until_stop(ids: Sequence[int], stop_ids: Collection[int]) -> Ids:
    end = next((place for place, token in enumerate(ids) if token in stop_ids), len(ids))
    return tuple(ids[:end])
