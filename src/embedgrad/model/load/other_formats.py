"""Weights in formats that are never read, and safetensors under names that transformers does not look for."""

from __future__ import annotations

from pathlib import Path

from embedgrad.model.load.folder import CONFIG, names

_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_FOREIGN = {".h5": "TensorFlow's", ".msgpack": "Flax's", ".onnx": "ONNX's", ".npz": "NumPy's"}


def held_instead(folder: Path) -> str:
    """What a folder holds that has no weights to read, and what to do: the end of a sentence."""
    if pickles := [name for kind in _PICKLES for name in names(folder, kind)]:
        return (
            f"holds its weights as pickle ({', '.join(sorted(pickles)[:3])}), which can run code and is never read. "
            "Convert them once with transformers' save_pretrained"
        )
    if others := names(folder, ".safetensors"):
        return (
            f"holds {', '.join(others[:3])}, and transformers reads model.safetensors, or the shards that "
            "model.safetensors.index.json names. Rename a whole variant (model.fp16.safetensors) to that, or convert "
            "another format (consolidated.safetensors)"
        )
    for suffix, whose in _FOREIGN.items():
        if found := names(folder, suffix):
            return f"holds its weights in {whose} format ({found[0]}). Get them as safetensors"
    return f"holds no weights. Put model.safetensors beside its {CONFIG}"
