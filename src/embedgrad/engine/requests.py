"""Answers that are wanted, and what their rows share: keys and values up to the prompt's end, once for each prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from embedgrad.engine.plan import choose, memory_told
from embedgrad.engine.prefix_cache import CannotShare, KeysValues
from embedgrad.engine.shared_prefix import prefill
from embedgrad.model.families import has_sliding_window
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout


@dataclass(frozen=True, eq=False)
class Request:
    """One answer that is wanted.

    layout    the row; its target is what is there of the answer already, as a rule nothing
    prompt    [P, D] float32, what stands in its prompt span; rows under the same prompt hold the same tensor
    stop_ids  tokens that end the answer
    ends      told each other token of the answer; True where the answer ends with it
    prefix    keys and values up to the prompt's end, where they are there already (`with_prefixes`)
    """

    layout: Layout
    prompt: Tensor
    stop_ids: frozenset[int] = frozenset()
    ends: Callable[[int], bool] = lambda token: False
    prefix: KeysValues | None = None

    @property
    def prefix_tokens(self) -> int:
        return self.layout.prompt.stop if self.prefix else 0

    @property
    def begun_tokens(self) -> int:
        """How many tokens of the answer are there already."""
        return len(self.layout.target)


def with_prefixes(model: FrozenModel, requests: Sequence[Request]) -> list[Request]:
    """`requests`, with its prefix where a prompt and what stands before it occur several times; each is computed once,
    and needs L * 2 * G * E numbers per token. Equals the same rows without (tests/equivalence).

    None has one where the model keeps a state, or counts the padding that lies between prefix and row.
    """
    found = list(requests)
    with torch.no_grad():
        for rows in _sharing(model, requests):
            first = requests[rows[0]]
            try:
                prefix = prefill(model, first.prompt, first.layout.header_ids)
            except CannotShare:
                return list(requests)
            for row in rows:
                found[row] = replace(requests[row], prefix=prefix)
    return found


def with_checked_prefixes(
    model: FrozenModel, requests: Sequence[Request], batch_tokens: int, say: Callable[[str], None]
) -> list[Request]:
    """As `with_prefixes`, after two rows have shown that a prefix changes nothing in this model (`plan.choose`)."""
    groups = _sharing(model, requests)
    if not groups:
        return list(requests)
    rows = [requests[row] for row in groups[0]]
    layouts = [row.layout for row in rows]
    if not choose(model, rows[0].prompt, layouts, batch_tokens, say, with_gradient=False).shares:
        return list(requests)
    with memory_told(batch_tokens):
        return with_prefixes(model, requests)


def _sharing(model: FrozenModel, requests: Sequence[Request]) -> list[list[int]]:
    """Row numbers of each prompt that occurs several times behind the same tokens, and before others."""
    is_long = any(len(request.layout) > model.switch_tokens for request in requests)
    if is_long or has_sliding_window(model.lm.config):
        return []
    groups: dict[object, list[int]] = {}
    for number, request in enumerate(requests):
        if request.layout.prompt.stop < len(request.layout):
            groups.setdefault((id(request.prompt), request.layout.header_ids), []).append(number)
    return [rows for rows in groups.values() if len(rows) > 1]
