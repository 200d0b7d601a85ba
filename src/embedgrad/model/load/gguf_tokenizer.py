"""The tokenizer of a GGUF file: what transformers makes of it, put right where that is not the file's.

A byte-level tokenizer splits text before its merges, and transformers splits as GPT-2 does for every name of a split
that it does not know. That is wrong for SmolLM, which takes each digit by itself: "\\n\\n1" would become tokens that
the model was not trained on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

from embedgrad.errors import ModelError
from embedgrad.model import hooks
from embedgrad.model.load.by_transformers import told
from embedgrad.model.load.gguf_header import Header

# Source: llama.cpp, src/llama-vocab.cpp, the names of `tokenizer.ggml.pre` and the regular expressions they stand for.
_AS_GPT2 = {"gpt-2", "mpt", "olmo", "jais", "trillion", "roberta-bpe", "exaone4"}
_DIGITS_APART_THEN_AS_GPT2 = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
_BYTE_LEVEL = "gpt2"
_OTHERWISE = "its token ids would be wrong. Give the model that it was made from, as safetensors."


def save_tokenizer(tokenizer: Any, header: Header, folder: Path) -> None:
    """`tokenizer`, as transformers made it of the file, into `folder`, as the file says. Raises ModelError where it
    would not be the file's when it is loaded."""
    _set_split(tokenizer, header)
    tokenizer.save_pretrained(folder)
    saved = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    # transformers' classes add their own unknown token, with an id that the model has no embedding for.
    saved["added_tokens"] = [token for token in saved["added_tokens"] if token["id"] < header.tokens]
    (folder / "tokenizer.json").write_text(json.dumps(saved, ensure_ascii=False, indent=2), encoding="utf-8")
    loaded = told(header.label, lambda: AutoTokenizer.from_pretrained(folder, trust_remote_code=False))
    found = json.loads(loaded.backend_tokenizer.to_str())
    # Trap: the class of some families (Qwen's) puts parts of its own in the place of the saved ones.
    if other := [part for part in ("pre_tokenizer", "model") if found[part] != saved[part]]:
        raise ModelError(
            f"transformers' {type(loaded).__name__} loads the tokenizer of {header.label} with another "
            f"{' and '.join(other)} than was saved: {_OTHERWISE}"
        )


def _set_split(tokenizer: Any, header: Header) -> None:
    if header.tokenizer != _BYTE_LEVEL or header.split in _AS_GPT2 or header.split in hooks.known_gguf_splits():
        return
    if header.split not in _DIGITS_APART_THEN_AS_GPT2:
        named = "does not say how" if header.split is None else f"names {header.split!r} for how"
        raise ModelError(
            f"{header.label} {named} its tokenizer splits text (tokenizer.ggml.pre), which is not known here: "
            f"{_OTHERWISE}"
        )
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
