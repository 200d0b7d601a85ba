"""Generation without a cache: every step reads the whole of every row. Right for every causal model, and slow.

The way out where a model's cache cannot be used (`FrozenModel.cache_problem`), and the oracle of the fast way
(tests/equivalence/test_whole_rows.py). Cost of an answer of m tokens behind n: 2N * m(n + m/2) instead of 2N * (n + m).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from embedgrad.engine.read_inputs import Padding, forward, joined_rows
from embedgrad.engine.requests import Request
from embedgrad.model import hooks
from embedgrad.model.frozen_model import FrozenModel


class WholeRows:
    """Rows in the middle of their answers, and the logits of the next token [B, V]."""

    def __init__(self, model: FrozenModel, requests: Sequence[Request], padding: Padding = "left") -> None:
        self._model = model
        self._embeds, self._mask = joined_rows(model, [replace(r, prefix=None) for r in requests], padding)
        width = self._embeds.shape[1]
        self._read([(len(r.layout) if padding == "right" else width) - 1 for r in requests])

    def keep(self, places: Sequence[int], tokens: Tensor) -> Tensor:
        """Only the rows at these places go on; returns their `tokens`."""
        kept = torch.tensor(places, device=tokens.device)
        self._embeds, self._mask = self._embeds[kept], self._mask[kept]
        return tokens[kept]

    def advance(self, tokens: Tensor) -> None:
        """One step on, behind `tokens` [B]."""
        self._embeds = torch.cat([self._embeds, self._model.embed(tokens[:, None]).to(self._embeds.dtype)], dim=1)
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        self._read([self._embeds.shape[1] - 1] * len(tokens))

    def _read(self, last: Sequence[int]) -> None:
        positions = (self._mask.cumsum(1) - 1).clamp_min(0)
        mask = None if bool(self._mask.all()) else self._mask
        self.logits = forward(self._model, None, mask, positions, self._embeds, last)


def whole_rows_words(model: FrozenModel) -> str | None:
    """Said before generating where every step reads whole rows."""
    if not model.cache_problem:
        return None
    return (
        f"Each step of an answer reads its whole row again, which is slow: the cache of {model.identity.name} "
        f"({model.lm.config.model_type}) cannot be used with transformers {hooks.VERSION} ({model.cache_problem})."
    )
