"""Vectors against the whole vocabulary, a piece of the table at a time, in float64 on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from embedgrad.model.frozen_model import FrozenModel

_ROWS_AT_ONCE = 4096


def table_chunks(model: FrozenModel) -> Iterator[tuple[int, Tensor]]:
    """(first id, [n, D] float64): each row that the tokenizer can name, as `FrozenModel.embed` gives it."""
    for first in range(0, model.vocabulary, _ROWS_AT_ONCE):
        ids = torch.arange(first, min(first + _ROWS_AT_ONCE, model.vocabulary))
        yield first, model.embed(ids).cpu().double()


def cosines(vectors: Tensor, rows: Tensor) -> Tensor:
    """[N, n] cosines of `vectors` [N, D] with `rows` [n, D]; 0 for a vector of length 0."""
    return _unit(vectors) @ _unit(rows).T


def top_tokens(
    model: FrozenModel, score: Callable[[int, Tensor], Tensor], count: int
) -> tuple[list[list[float]], list[list[int]]]:
    """Scores and ids of each vector's `count` best tokens, best first; of equal ones the lower id.

    `score` gives [N, n] for the table's rows [n, D] from a first id on.
    """
    best, best_ids = torch.empty(0), torch.empty(0, dtype=torch.long)
    for first, rows in table_chunks(model):
        scores = score(first, rows)
        ids = torch.arange(first, first + len(rows)).expand(len(scores), -1)
        if best.numel():
            scores, ids = torch.cat([best, scores], dim=1), torch.cat([best_ids, ids], dim=1)
        order = scores.sort(dim=1, descending=True, stable=True).indices[:, :count]
        best, best_ids = scores.gather(1, order), ids.gather(1, order)
    return best.tolist(), best_ids.tolist()


def token_text(model: FrozenModel, token: int) -> str:
    """The token as text; as the vocabulary writes it where it is part of a character."""
    text = str(model.tokenizer.decode([token], clean_up_tokenization_spaces=False))
    return text if text and "\ufffd" not in text else str(model.tokenizer.convert_ids_to_tokens(token))


def _unit(vectors: Tensor) -> Tensor:
    length: Tensor = vectors.norm(dim=1, keepdim=True)
    return vectors / length.clamp_min(1e-300)
