"""Quantised checkpoints (GPTQ, AWQ, bitsandbytes, FP8, MLX ...): told by config.json or a file beside it, refused."""

from __future__ import annotations

from pathlib import Path

from embedgrad.errors import ModelError
from embedgrad.model.load.folder import CONFIG, read_config
from embedgrad.model.load.stored import Source, StoredModel

_QUANTISED_BY = {  # a file of a tool that quantises, which does not always write it into config.json
    "quantize_config.json": "GPTQ",
    "quant_config.json": "AWQ",
    "hf_quant_config.json": "ModelOpt",
}
_METHODS = {"gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "mxfp4": "MXFP4"}  # others are written as they write themselves


def recognise(source: Source) -> StoredModel | None:
    """Raises ModelError for quantised weights."""
    found = _quantised(source.path) if (source.path / CONFIG).is_file() else None
    if found is not None:
        raise ModelError(
            f"The weights of {source.label} are quantised ({found}), which is not read yet. Give the model that they "
            "were made from, in float32, bfloat16 or float16."
        )
    return None


def _quantised(folder: Path) -> str | None:
    """By what the weights are quantised, and which file says so."""
    config = read_config(folder)
    text = config.get("text_config")
    for where in (config, text if isinstance(text, dict) else {}):
        for key in ("quantization_config", "quantization"):
            found = where.get(key)
            if isinstance(found, dict) and found:
                method = str(found.get("quant_method") or ("MLX" if key == "quantization" else "unknown method"))
                bits = found.get("bits")
                width = f", {bits} bits" if isinstance(bits, int) else ""
                return f"{_METHODS.get(method, method)}{width}: {key} in its {CONFIG}"
    return next((f"{method}: {name}" for name, method in _QUANTISED_BY.items() if (folder / name).is_file()), None)
