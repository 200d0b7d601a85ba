"""How a byte-level tokenizer of a GGUF file splits text before its merges, where transformers does not know it.

transformers splits as GPT-2 does for every name that it does not know. That was wrong for SmolLM's, which takes each
digit by itself: `"\\n\\n1"` became other tokens than the model was trained on.
"""

from __future__ import annotations

from typing import Any

from tokenizers import pre_tokenizers

from embedgrad.errors import ModelError
from embedgrad.model import hooks
from embedgrad.model.load.gguf_header import Header

# Source: llama.cpp, src/llama-vocab.cpp, the names of `tokenizer.ggml.pre` and the regular expressions they stand for.
_AS_GPT2 = {"gpt-2", "mpt", "olmo", "jais", "trillion", "roberta-bpe", "exaone4"}
_DIGITS_APART_THEN_AS_GPT2 = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
_BYTE_LEVEL = "gpt2"


def set_split(tokenizer: Any, header: Header) -> None:
    """Let `tokenizer`, as transformers made it, split text as the file says. Raises ModelError where that is not
    known."""
    if header.tokenizer != _BYTE_LEVEL or header.split in _AS_GPT2 or header.split in hooks.known_gguf_splits():
        return
    if header.split not in _DIGITS_APART_THEN_AS_GPT2:
        named = "does not say how" if header.split is None else f"names {header.split!r} for how"
        raise ModelError(
            f"{header.label} {named} its tokenizer splits text (tokenizer.ggml.pre), which is not known here: its "
            "token ids would be wrong. Give the model that it was made from, as safetensors."
        )
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
