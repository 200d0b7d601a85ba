"""Training batches: documents as token ids, in buckets of fixed lengths, the same for the same shard number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from tools.pocket.mixture import draw_document

LENGTHS = (24, 40, 56, 72, 96, 128, 192)
BATCH_TOKENS = 8192
_DOCUMENTS_PER_SHARD = 20_000
_SHARE_OF_TEXT = 0.05  # of the prompt's and input's positions that count in the loss, drawn at random
_WEIGHT_OF_TEXT = 0.3


@dataclass(frozen=True)
class Batch:
    """Rows of one bucket: ids [B, T], padded on the right, and how much each token counts in the loss [B, T].

    An answer of n tokens, its end of text included, has weights 1 / sqrt(n): a worked solution counts more than a
    label, but not twenty times as much. Every other position has a small weight with probability 0.05: what comes
    before the answer teaches the words, the answer teaches the skill.
    """

    ids: Tensor
    weights: Tensor


def _rows(number: int, tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], int]]:
    """Ids of each document of a shard, and where its answer begins."""
    rng = Random(f"shard {number}")
    documents = [draw_document(rng) for _ in range(_DOCUMENTS_PER_SHARD)]
    pieces = [piece for document in documents for piece in (*document.parts, document.answer)]
    encoded = iter(tokenizer(pieces, add_special_tokens=False).input_ids)
    rows = []
    for document in documents:
        before = [token for _ in document.parts for token in next(encoded)]
        rows.append(([*before, *next(encoded), tokenizer.eos_token_id], len(before)))
    return [row for row in rows if len(row[0]) <= LENGTHS[-1]]


def shard(number: int, tokenizer: PreTrainedTokenizerFast) -> list[Batch]:
    """The batches of shard `number`, in the order in which they are trained on."""
    rows = _rows(number, tokenizer)
    generator = torch.Generator().manual_seed(number)
    batches = []
    for shortest, length in zip((0, *LENGTHS), LENGTHS, strict=False):
        fitting = [row for row in rows if shortest < len(row[0]) <= length]
        size = BATCH_TOKENS // length
        for start in range(0, len(fitting) - size + 1, size):
            chosen = fitting[start : start + size]
            ids = torch.full((size, length), tokenizer.pad_token_id)
            weights = _WEIGHT_OF_TEXT * (torch.rand(size, length, generator=generator) < _SHARE_OF_TEXT)
            for i, (row, answer) in enumerate(chosen):
                ids[i, : len(row)] = torch.tensor(row)
                weights[i, answer : len(row)] = (len(row) - answer) ** -0.5
                weights[i, len(row) :] = 0.0
            weights[:, 0] = 0.0
            batches.append(Batch(ids, weights))
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[i] for i in order]


def stream(tokenizer: PreTrainedTokenizerFast, first_shard: int, first_batch: int) -> Iterator[tuple[int, int, Batch]]:
    """(shard, batch number after this one, batch), endlessly, from the given place on."""
    number, position = first_shard, first_batch
    while True:
        batches = shard(number, tokenizer)
        for i in range(position, len(batches)):
            yield number, i + 1, batches[i]
        number, position = number + 1, 0
