"""Text as token ids, by a tokenizer that is only called."""

from __future__ import annotations

from typing import Any

Tokenizer = Any  # a transformers fast tokenizer; only called, never imported here


def token_ids(text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """`text` tokenized by itself: no BOS, no EOS. Control tokens that it writes out become these tokens; for the
    texts of rows see `control.row_ids`."""
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def bos_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """What the tokenizer puts in front of a plain text by itself: its BOS, or nothing."""
    probe = "a"
    plain, full = token_ids(probe, tokenizer), tuple(tokenizer(probe)["input_ids"])
    for start in range(len(full) - len(plain) + 1):
        if full[start : start + len(plain)] == plain:
            return full[:start]
    return ()
