"""A tiny model as a GGUF file, written as llama.cpp's converter does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import regex
from gguf import GGMLQuantizationType as Kind
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig

import tiny

HOSTILE = (
    "", " ", "1", "a1", "1,234.5", "\n\n1. one\n\n2. two", "  7", "\t\t42\n", "x  12  y", "ten 10s", "naïve café\r\n",
    "Ωμέγα привет שלום مرحبا 你好，世界。", "٣٤ ½ Ⅷ 𝟘", "🙂👩‍👩‍👧 \u200b\ufeff\u00a0\u3000", "don't I'LL we've",
    "def f(x):\n    return x",
    "<s>a</s><|im_end|> <|im_start|>user\n", "<|im_end", "\0\x1b[2J", "aaaaaaaa   .\n\n", "one.\n\ntwo.\n\n3",
)  # fmt: skip
"""Texts at which tokenizers differ."""
_ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2}
_SPLITS = {"llama": "smollm", "qwen2": "qwen2"}
_CONTROL = 3  # llama.cpp's type of special tokens
# Source: llama.cpp, src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_SMOLLM: the second splits what the first has left.
_SMOLLM = (r"\p{N}", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)")


def write_gguf(
    file: Path,
    folder: Path,
    *,
    kind: Kind = Kind.F32,
    split: str | None = "of the family",
    change: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
    named: str | None = None,
) -> Path:
    """The model of `folder` as `file`, its matrices stored as `kind`; `named` is another architecture's name than its
    own, and `change` adds what it likes."""
    config = AutoConfig.from_pretrained(folder)
    family = config.model_type
    writer = gguf.GGUFWriter(file, named or family)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    _add_tokenizer(writer, folder, _SPLITS[family] if split == "of the family" else split)
    names = gguf.get_tensor_name_map(_ARCHITECTURES[family], config.num_hidden_layers)
    for name, tensor in load_file(folder / "model.safetensors").items():
        stem, _, ending = name.rpartition(".")
        if family == "llama" and stem.endswith(("q_proj", "k_proj")):
            tensor = _interleaved(tensor, getattr(config, _HEADS[stem[-6:]]))
        own = kind if tensor.ndim > 1 else Kind.F32
        writer.add_tensor(f"{names.get_name(stem)}.{ending}", gguf.quantize(tensor, own), raw_dtype=own)
    change(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


_HEADS = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}


def _interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rotary halves as llama.cpp stores them, as pairs. Source: its convert_hf_to_gguf.py, `LlamaModel.permute`."""
    rows, width = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, split: str | None) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    specials = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    writer.add_tokenizer_model("gpt2")
    if split is not None:
        writer.add_tokenizer_pre(split)
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL if token in specials else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in merges_of(tokenizer)])
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index("</s>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(tiny.CHATML)


def merges_of(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def plain_ids(text: str, tokens: list[str], merges: list[str], specials: list[str]) -> list[int]:
    """Token ids of `text` by the letter: special tokens, llama.cpp's two splits for SmolLM, then the merges."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters, ids = bytes_to_unicode(), {token: i for i, token in enumerate(tokens)}
    ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(merges)}
    found: list[int] = []
    for part in regex.split("(" + "|".join(map(regex.escape, specials)) + ")", text):
        if part in specials:
            found.append(ids[part])
            continue
        for piece in _split(part):
            word = [letters[byte] for byte in piece.encode()]
            while len(word) > 1:
                best = min(range(len(word) - 1), key=lambda i: ranks.get((word[i], word[i + 1]), len(ranks)))
                if (word[best], word[best + 1]) not in ranks:
                    break
                word[best : best + 2] = [word[best] + word[best + 1]]
            found += [ids[token] for token in word]
    return found


def _split(text: str) -> list[str]:
    pieces = [text]
    for pattern in _SMOLLM:
        pieces = [part for piece in pieces for part in regex.split(f"({pattern})", piece) if part]
    return pieces
