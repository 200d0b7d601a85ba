"""A small run under study: rows, a text prompt and the same prompt after some steps."""

from __future__ import annotations

import embedgrad as eg
import rows

LABELS = eg.Task("label", labels=("negative", "positive"))
EXAMPLES = [
    eg.Example(row["text"], row["label"], line=number) for number, row in enumerate(rows.sentiment(24), start=1)
]
TEXT = "Is it positive or negative?"


def moved(prompt: eg.SoftPrompt, by: float = 0.5, seed: int = 0, positions: tuple[int, ...] | None = None):
    """`prompt` with noise of `by` times the rows' mean length on its vectors, or on some of them."""
    import torch

    noise = torch.randn(prompt.embeddings.shape, generator=torch.Generator().manual_seed(seed))
    noise *= by * prompt.embeddings.norm(dim=1).mean() / noise.norm(dim=1, keepdim=True)
    if positions is not None:
        noise[[i for i in range(len(prompt)) if i not in positions]] = 0
    return prompt.moved(prompt.embeddings + noise)
