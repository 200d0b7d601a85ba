"""From a model's name or folder to a FrozenModel: safetensors only, no remote code, every weight frozen."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer

from embedgrad.arguments import checked, path, text
from embedgrad.errors import (
    EmbedgradError,
    ModelError,
    ModelNotFound,
    NoSafetensors,
    NotEnoughMemory,
    UsageError,
    did_you_mean,
)
from embedgrad.model.families import check_causal, check_forward
from embedgrad.model.fingerprint import identify, stored_elements, weight_files
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.memory import free_bytes

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

POCKET = "pocket"
"""The name of the model that ships with the package."""
_POCKET_FOLDER = Path(__file__).parents[1] / "pocket" / "model"

_UNLIMITED_TOKENS = 2**31
_HUB_FILES = ["*.json", "model*.safetensors", "*.jinja", "merges.txt", "vocab.txt", "tokenizer.model"]


@checked(name=path, dtype=text, device=text, revision=text)
@torch.inference_mode(False)
def load_model(
    name: str | Path, dtype: Dtype = "auto", device: str = "auto", revision: str | None = None
) -> FrozenModel:
    """The frozen base model in folder `name`, or of that name on the Hugging Face Hub; "pocket" is the small one
    that ships with the package (docs/pocket.md).

    `dtype` auto is bfloat16 where GPU or processor computes it natively (`fastest_dtype`), else float32; `device` auto
    is the first GPU, else the CPU.
    Raises ModelNotFound, NoSafetensors, NotCausal, NotEnoughMemory, or ModelError where transformers refuses.
    """
    place = _device(device)
    torch_dtype = _dtype(dtype, place)
    folder, label, commit = _locate(name, revision)
    _check_config(folder, label)
    with _quiet():
        config = _told(label, lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False))
        check_causal(config, label)
        _check_weights(folder, label)
        _check_memory(folder, label, torch_dtype, place)
        tokenizer = _told(label, lambda: AutoTokenizer.from_pretrained(folder, trust_remote_code=False))
        if not tokenizer.is_fast:
            raise ModelError(f"{label} has no fast tokenizer (tokenizer.json), which placing a prompt needs.")
        lm = _told(label, lambda: _load_weights(folder, label, torch_dtype, place))
    # Said once by transformers of a text longer than the context; our own error names the rows (layouts.py).
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    lm.requires_grad_(False)
    lm.eval()
    _told(label, lambda: check_forward(lm, label))
    context = getattr(config.get_text_config(), "max_position_embeddings", None) or 0
    identity = identify(folder, label, commit, lm.config, tokenizer)
    return FrozenModel(lm, tokenizer, identity, int(context) if context > 0 else _UNLIMITED_TOKENS)


def _load_weights(folder: Path, label: str, dtype: torch.dtype, place: torch.device) -> Any:
    lm, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    if report["missing_keys"]:
        some = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(
            f"The checkpoint of {label} lacks {len(report['missing_keys'])} weights of its architecture "
            f"({some} ...): they would be random. Use a complete causal language model."
        )
    try:
        return lm.to(place)
    except torch.OutOfMemoryError as error:
        raise _too_large(label, lm.get_memory_footprint(), free_bytes(place), dtype, place) from error


def _locate(name: str | Path, revision: str | None) -> tuple[Path, str, str | None]:
    """Folder of the checkpoint, the name it is told by, and its commit (None for a folder)."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder, folder.resolve().name, None
    if name == POCKET:
        return _POCKET_FOLDER, POCKET, None
    if isinstance(name, Path) or str(name).startswith((".", "/", "~")) or str(name).count("/") > 1:
        near = [str(folder.parent / p.name) for p in folder.parent.glob("*/")] if folder.parent.is_dir() else []
        raise ModelNotFound(f"There is no model folder {name}.{did_you_mean(str(folder), near)}")
    return _download(str(name), revision)


def _download(name: str, revision: str | None) -> tuple[Path, str, str | None]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_HUB_FILES))
    except GatedRepoError as error:
        raise ModelNotFound(f"{name} is gated on the Hub: accept its terms there, then run `hf auth login`.") from error
    except RevisionNotFoundError as error:
        raise ModelNotFound(f"{name} has no revision {revision!r} on the Hub.") from error
    except Exception as error:  # the Hub's own errors, those of its HTTP client and Xet share no base class
        raise ModelNotFound(
            f"There is no folder {name!r} here, and the Hub did not give a model of that name "
            f"({type(error).__name__}).{did_you_mean(name, [p.name for p in Path().glob('*/')])} Check the spelling "
            "(organisation/name), the network, and HF_HUB_OFFLINE; a downloaded model can be given by its folder."
        ) from error
    return folder, name, folder.name


def _check_config(folder: Path, label: str) -> None:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"The model folder of {label} holds no config.json. Copy or download it again.")
    config = _told(label, lambda: json.loads(path.read_text(encoding="utf-8")))
    if isinstance(config, dict) and "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING:
        raise ModelError(
            f"{label} needs code of its own (auto_map in its config.json), which is never run. Use a model that "
            f"transformers {transformers.__version__} knows."
        )


def _check_weights(folder: Path, label: str) -> None:
    files = weight_files(folder)
    missing = [path.name for path in files if not path.is_file()]
    if files and not missing:
        return
    others = sorted(path.name for path in folder.glob("*") if path.suffix in (".bin", ".pt", ".pth", ".ckpt"))
    if missing:
        problem = f"lacks the shards {', '.join(missing)} that its index names. Copy or download them again"
    elif others:
        problem = (
            f"holds its weights as pickle ({', '.join(others[:3])}), which can run code and is never read. "
            "Convert them once with transformers' save_pretrained"
        )
    else:
        problem = "holds no weights. Put model.safetensors beside its config.json"
    raise NoSafetensors(f"The model folder of {label} {problem}.")


def _check_memory(folder: Path, label: str, dtype: torch.dtype, place: torch.device) -> None:
    need, free = stored_elements(folder) * dtype.itemsize, free_bytes(place)
    if need > free:
        raise _too_large(label, need, free, dtype, place)


def _too_large(label: str, need: int, free: int, dtype: torch.dtype, place: torch.device) -> NotEnoughMemory:
    advice = "Use a smaller model or another device."
    if dtype == torch.float32:
        advice = "Try --dtype bfloat16, which needs half, or a smaller model."
    return NotEnoughMemory(
        f"The weights of {label} need {need / 1e9:.1f} GB in {str(dtype).removeprefix('torch.')}; "
        f"{place} has {free / 1e9:.1f} GB free. {advice}"
    )


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"{device!r} is no device; write cpu, cuda or cuda:1.") from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"{device!r} is not here: torch {torch.__version__} sees {torch.cuda.device_count()} GPUs.")
    return place


def fastest_dtype(place: torch.device) -> Dtype:
    """bfloat16 where `place` multiplies it natively (a GPU from Ampere on, x86 with AVX512-BF16 or AMX), else float32.

    Trap: elsewhere PyTorch emulates it, slower than float32.
    """
    if place.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    native = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return "bfloat16" if any(ask is not None and ask() for ask in native) else "float32"


def _dtype(dtype: str, place: torch.device) -> torch.dtype:
    if dtype == "auto":
        dtype = fastest_dtype(place)
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype not in known:
        raise UsageError(f"{dtype!r} is no dtype; write auto, {', '.join(known)}.{did_you_mean(dtype, [*known])}")
    return known[dtype]


def _told(label: str, load: Any) -> Any:
    """What `load()` gives; transformers' many exceptions become one ModelError with the model's name."""
    try:
        return load()
    except (EmbedgradError, KeyboardInterrupt):
        raise
    except json.JSONDecodeError as error:
        raise ModelError(f"The model folder of {label} holds JSON that cannot be read: {error}.") from error
    except Exception as error:  # transformers, tokenizers and safetensors share no base class
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{label} cannot be loaded by transformers {transformers.__version__}: {first_line}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers' progress bars and notices off while loading; ours say what matters."""
    log = transformers.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
