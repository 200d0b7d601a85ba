"""The embeddings a soft prompt starts from. Everything here takes ids and an embedding table, never a model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def text_rows(ids: Sequence[int], table: Tensor) -> Tensor:
    """[P, D] the rows of the text's own tokens: at step 0 the soft prompt is the text, exactly.

    Source: EmbedGrad, arXiv 2508.03533, section 3 (E_p(0)).
    """
    return table[torch.as_tensor(ids, dtype=torch.long)].clone()


def random_rows(tokens: int, table: Tensor, generator: torch.Generator) -> Tensor:
    """[P, D] normal rows with the table's own mean and standard deviation per column, so that their norms are
    those of real rows. (PEFT's random start draws N(0, 1) per coordinate, many times a word's norm.)"""
    noise = torch.randn(tokens, table.shape[1], generator=generator)
    return table.mean(0) + noise * table.std(0)


def vocabulary_ids(tokens: int, vocabulary: int, special: frozenset[int], generator: torch.Generator) -> list[int]:
    """Ids of `tokens` distinct ordinary tokens, drawn evenly. Source: Lester et al. 2021, "sampled vocabulary";
    they draw from the 5,000 most common tokens, we from all, since a tokenizer does not tell how common they are.
    Raises ValueError where the vocabulary is too small."""
    ordinary = torch.tensor([i for i in range(vocabulary) if i not in special])
    if tokens > len(ordinary):
        raise ValueError(f"{tokens} tokens asked for, the vocabulary has {len(ordinary)} ordinary ones")
    order = torch.randperm(len(ordinary), generator=generator)[:tokens]
    return [int(i) for i in ordinary[order]]
