"""What a GGUF file says of itself, before anything is converted; what transformers would read wrong is refused here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from embedgrad.errors import ModelError

_MAGIC = b"GGUF"
_WHOLE = {"F32", "F16", "BF16"}  # types of weights that are not quantised


@dataclass(frozen=True)
class Header:
    """
    label      the file's name without its ending
    elements   how many numbers its tensors hold
    dtype      that its weights are kept in: the smallest that holds them whole, bfloat16 where they are quantised
    tokens     how many its vocabulary has
    tokenizer  its kind: `gpt2` is byte-level BPE
    split      how a byte-level tokenizer splits text before its merges
    """

    label: str
    elements: int
    dtype: torch.dtype
    tokens: int
    tokenizer: str | None
    split: str | None


def read_header(file: Path) -> Header:
    """Raises ModelError for what is no whole GGUF file, and for one whose positions are scaled."""
    from gguf import GGUFReader

    with file.open("rb") as start:
        if start.read(len(_MAGIC)) != _MAGIC:
            raise ModelError(f"{file} is no GGUF file: it does not begin with GGUF. Download it again.")
    try:
        reader = GGUFReader(file)
        architecture = str(_value(reader, "general.architecture"))
        tokens = reader.fields.get("tokenizer.ggml.tokens")
        layers = int(_value(reader, f"{architecture}.block_count") or 0)
        tensors = [(tensor.tensor_type.name, len(tensor.shape), int(tensor.n_elements)) for tensor in reader.tensors]
    except Exception as error:  # of numpy, of struct, and ValueErrors of its own
        raise ModelError(f"{file} is no whole GGUF file. Copy or download it again.") from error
    if tokens is None:
        raise ModelError(f"{file} holds no tokenizer. Give the model that it was made from, as safetensors.")
    if layers > len(tensors):  # trap: transformers would first make a model of so many
        raise ModelError(
            f"{file} is damaged: it speaks of {layers:,} layers, and holds {len(tensors):,} tensors. Copy or download "
            "it again."
        )
    scaling = _value(reader, f"{architecture}.rope.scaling.type")
    if scaling not in (None, "none") and architecture != "gpt-oss":
        raise ModelError(
            f"{file.stem} scales its positions ({architecture}.rope.scaling.type is {scaling}), which transformers "
            "does not read from a GGUF file: it would be another model. Give the model that it was made from, as "
            "safetensors."
        )
    kinds = {kind for kind, dimensions, _ in tensors if dimensions > 1}
    return Header(
        label=file.stem,
        elements=sum(elements for *_, elements in tensors),
        dtype=torch.float32 if kinds <= _WHOLE and kinds != {"BF16"} else torch.bfloat16,
        tokens=len(tokens.data),
        tokenizer=_value(reader, "tokenizer.ggml.model"),
        split=_value(reader, "tokenizer.ggml.pre"),
    )


def _value(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()
