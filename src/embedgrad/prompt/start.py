"""Starts other than a text's own rows. Everything here takes ids and an embedding table, never a model."""

from __future__ import annotations

import torch
from torch import Tensor


def random_rows(tokens: int, table: Tensor, generator: torch.Generator) -> Tensor:
    """[P, D] normal rows with the table's own mean and standard deviation per column, so that their norms are
    those of real rows. (PEFT's random start draws N(0, 1) per coordinate, many times a word's norm.)"""
    noise = torch.randn(tokens, table.shape[1], generator=generator, dtype=torch.float32)
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
