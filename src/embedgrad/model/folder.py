"""What a model folder holds, told before transformers is asked: one plain checkpoint, or what it is instead."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from embedgrad.errors import ModelError, NoSafetensors
from embedgrad.model.checkpoint import CONFIG, INDEX, read_config, weight_files

ADAPTER = "adapter_config.json"
_SOFT_PROMPTS = ("PROMPT_TUNING", "P_TUNING", "CPT")  # PEFT's kinds that --prompt reads
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_FOREIGN = {".h5": "TensorFlow's", ".msgpack": "Flax's", ".onnx": "ONNX's", ".npz": "NumPy's"}
_QUANTISED_BY = {  # a file of a tool that quantises, which does not always write it into config.json
    "quantize_config.json": "GPTQ",
    "quant_config.json": "AWQ",
    "hf_quant_config.json": "ModelOpt",
}
_METHODS = {"gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "mxfp4": "MXFP4"}  # others are written as they write themselves
# Source: transformers 5.24.0, distributed/checkpoint.py (is_sharded_checkpoint): loaded before any other file.
_DISTRIBUTED = re.compile(r"shard-[0-9]{5}-model-[0-9]{5}-of-[0-9]{5}\.safetensors")


def check_kind(folder: Path, label: str) -> None:
    """Raises ModelError for an adapter, GGUF, quantised weights, or a folder without config.json."""
    if (folder / ADAPTER).exists():
        raise ModelError(f"The model folder of {label} holds {_adapter(folder)}")
    if not (folder / CONFIG).is_file():
        gguf = _names(folder, ".gguf")
        if gguf or "gguf" in label.lower():  # of a name on the Hub only JSON and safetensors are downloaded
            raise _gguf(label, gguf)
        raise ModelError(f"The model folder of {label} holds no {CONFIG}{_elsewhere(folder)}.")
    if found := _quantised(folder):
        raise ModelError(
            f"The weights of {label} are quantised ({found}), which is not read yet. Give the model that they were "
            "made from, in float32, bfloat16 or float16."
        )


def check_weights(folder: Path, label: str) -> None:
    """Raises NoSafetensors unless all files of the checkpoint are there, and ModelError where others come before."""
    if shards := [name for name in _names(folder, ".safetensors") if _DISTRIBUTED.fullmatch(name)]:
        raise ModelError(
            f"The model folder of {label} holds shards of a distributed checkpoint ({shards[0]}), which transformers "
            "puts before all other weights. Move them away, or save the model with save_pretrained into a new folder."
        )
    files = weight_files(folder)
    missing = [str(path.relative_to(folder)) for path in files if not path.is_file()]
    if files and not missing:
        return
    if not files and (gguf := _names(folder, ".gguf")):
        raise _gguf(label, gguf)
    raise NoSafetensors(f"The model folder of {label} {_lacking(folder, missing)}.")


def single_file(path: Path) -> str:
    """Why a file is no model, as the end of a sentence."""
    if path.suffix == ".gguf":
        return "a GGUF file, llama.cpp's format, which is not read yet. Give the model it was made from, as safetensors"
    return "a file. Give the folder that holds it with its config.json and tokenizer"


def _adapter(folder: Path) -> str:
    """What `adapter_config.json` says it is, and what to do."""
    settings = _json_object(folder / ADAPTER)
    kind, base = settings.get("peft_type"), settings.get("base_model_name_or_path")
    what = f"a PEFT adapter ({ADAPTER}{f', {kind}' if isinstance(kind, str) and kind.isidentifier() else ''})"
    of = f" {base!r}" if isinstance(base, str) and base else ""
    if weight_files(folder):
        return (
            f"{what} beside its weights, which transformers applies in silence. Merge it once (PEFT's "
            f"merge_and_unload, then save_pretrained into a new folder), or move {ADAPTER} away to use the bare "
            "weights."
        )
    if kind in _SOFT_PROMPTS:
        return f"{what} and no base model. Give its base{of} as the model, and this folder as the prompt."
    return (
        f"{what} and no base model. Merge it into its base{of} (PEFT's merge_and_unload, then save_pretrained) and "
        "give the new folder."
    )


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


def _lacking(folder: Path, missing: list[str]) -> str:
    if missing and not (folder / INDEX).is_file():
        return f"lacks {', '.join(missing)}, which its {CONFIG} names. Copy or download it again"
    if missing:
        return f"lacks the shards {', '.join(missing)} that its index names. Copy or download them again"
    if pickles := [name for kind in _PICKLES for name in _names(folder, kind)]:
        return (
            f"holds its weights as pickle ({', '.join(sorted(pickles)[:3])}), which can run code and is never read. "
            "Convert them once with transformers' save_pretrained"
        )
    if others := _names(folder, ".safetensors"):
        return (
            f"holds {', '.join(others[:3])}, and transformers reads model.safetensors, or the shards that "
            "model.safetensors.index.json names. Rename a whole variant (model.fp16.safetensors) to that, or convert "
            "another format (consolidated.safetensors)"
        )
    for suffix, whose in _FOREIGN.items():
        if found := _names(folder, suffix):
            return f"holds its weights in {whose} format ({found[0]}). Get them as safetensors"
    return f"holds no weights. Put model.safetensors beside its {CONFIG}"


def _elsewhere(folder: Path) -> str:
    """The newest folder below that holds a model (a trainer's checkpoints), else what to do: the end of a sentence."""
    below = sorted((path.parent for path in folder.glob(f"*/{CONFIG}")), key=lambda path: path.stat().st_mtime)
    if below:
        return f"; {below[-1]} does. Give that folder"
    return ". Copy or download it again"


def _gguf(label: str, names: list[str]) -> ModelError:
    named = f" ({', '.join(names[:3])})" if names else ""
    return ModelError(
        f"{label} holds its weights as GGUF{named}, llama.cpp's format, which is not read yet. Give the model that "
        "they were made from, as safetensors."
    )


def _names(folder: Path, suffix: str) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if path.suffix == suffix)


def _json_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
