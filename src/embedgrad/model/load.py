"""From a model's name or folder to a FrozenModel: safetensors only, no remote code, every weight frozen."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import torch
import transformers
from pydantic import JsonValue
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer

from embedgrad.arguments import checked, home_path, path, text
from embedgrad.errors import (
    EmbedgradError,
    ModelError,
    ModelNotFound,
    NotEnoughMemory,
    UsageError,
    did_you_mean,
)
from embedgrad.model import hooks
from embedgrad.model.families import check_causal, check_forward
from embedgrad.model.fingerprint import identify, stored_elements
from embedgrad.model.folder import check_kind, check_weights, single_file
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.memory import free_bytes
from embedgrad.template.chat_templates import check_arguments

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Say = Callable[[str], None]

POCKET = "pocket"
"""The name of the model that ships with the package."""
_POCKET_FOLDER = Path(__file__).parents[1] / "pocket" / "model"

_UNLIMITED_TOKENS = 2**31
_LOADING = RLock()  # one model at a time: `_quiet` and transformers change things for the whole process
_HUB_FILES = ["*.json", "model*.safetensors", "*.jinja", "merges.txt", "vocab.txt", "tokenizer.model"]


@checked(name=path, dtype=text, device=text, revision=text)
@torch.inference_mode(False)
def load_model(
    name: str | Path,
    dtype: Dtype = "auto",
    device: str = "auto",
    revision: str | None = None,
    *,
    chat_template: str | None = None,
    template_arguments: Mapping[str, JsonValue] | None = None,
    say: Say = lambda message: None,
) -> FrozenModel:
    """The frozen base model in folder `name`, or of that name on the Hugging Face Hub; "pocket" is the small one
    that ships with the package (docs/pocket.md).

    `dtype` auto is bfloat16 where GPU or processor computes it natively (`fastest_dtype`), else float32; `device` auto
    is the first GPU, else the CPU. Of a model with several chat templates, `chat_template` names the one that prompts
    are placed with (else its default), and `template_arguments` are handed to it (`{"enable_thinking": False}`).
    Warnings go to `say`.
    Raises ModelNotFound, NoSafetensors, NotCausal, NotEnoughMemory, or ModelError where transformers refuses.
    """
    place = _device(device)
    torch_dtype = _dtype(dtype, place)
    folder, label, commit = _locate(name, revision)
    check_kind(folder, label)
    _check_code(folder, label)
    with _LOADING, _quiet():
        config = _told(label, lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False))
        check_causal(config, label)
        check_weights(folder, label)
        _check_memory(folder, label, torch_dtype, place)
        tokenizer = _told(label, lambda: AutoTokenizer.from_pretrained(folder, trust_remote_code=False))
        if not tokenizer.is_fast:
            raise ModelError(f"{label} has no fast tokenizer (tokenizer.json), which placing a prompt needs.")
        if chat_template is not None or template_arguments:
            check_arguments(tokenizer, chat_template, template_arguments or {})
        lm = _told(label, lambda: _load_weights(folder, label, torch_dtype, place, say))
    # Said once by transformers of a text longer than the context; our own error names the rows (layouts.py).
    hooks.silence_long_texts(tokenizer)
    lm.requires_grad_(False)
    lm.eval()
    _told(label, lambda: check_forward(lm, label))
    context = getattr(config.get_text_config(), "max_position_embeddings", None) or 0
    identity = identify(folder, label, commit, lm.config, tokenizer)
    tokens = int(context) if context > 0 else _UNLIMITED_TOKENS
    model = FrozenModel(lm, tokenizer, identity, tokens, chat_template, dict(template_arguments or {}))
    if sentence := _without_embedding(model):
        say(sentence)
    return model


def _without_embedding(model: FrozenModel) -> str | None:
    """Tokens that were added to the tokenizer and never to the model, in a sentence: harmless until a text has one.
    The padding token, often the only one, is in none of our rows."""
    vocabulary, padding = model.tokenizer.get_vocab(), model.tokenizer.pad_token_id
    beyond = {i: token for token, i in vocabulary.items() if i >= model.token_rows and i != padding}
    if not beyond:
        return None
    some = ", ".join(f"{beyond[i]!r} (id {i})" for i in sorted(beyond)[:3]) + (" ..." if len(beyond) > 3 else "")
    return (
        f"The tokenizer of {model.identity.name} has tokens that the model has no embedding for, as its table has "
        f"{model.token_rows:,} rows: {some}. A text that holds one is refused."
    )


def _load_weights(folder: Path, label: str, dtype: torch.dtype, place: torch.device, say: Say) -> Any:
    lm, report = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # refused below, by name
    )
    _check_report(report, label, say)
    try:
        return lm.to(place)
    except torch.OutOfMemoryError as error:
        raise _too_large(label, lm.get_memory_footprint(), free_bytes(place), dtype, place) from error


def _check_report(report: Mapping[str, Collection[Any]], label: str, say: Say) -> None:
    """Raises ModelError for weights that transformers would leave random; tells of those that it leaves out."""
    if found := sorted(report["mismatched_keys"]):
        name, stored, wanted = found[0]
        more = f", and {len(found) - 1} more weights" if len(found) > 1 else ""
        raise ModelError(
            f"The checkpoint of {label} does not fit its config.json: {name} is stored as {list(stored)}, the "
            f"architecture has {list(wanted)}{more}. Copy or download both again."
        )
    missing, unused = report["missing_keys"], report["unexpected_keys"]
    if missing:
        others = f" It holds {len(unused)} tensors under other names ({_some(unused)})." if unused else ""
        raise ModelError(
            f"The checkpoint of {label} lacks {len(missing)} weights of its architecture ({_some(missing)}): they "
            f"would be random.{others} Use a complete causal language model."
        )
    if unused:
        say(
            f"{len(unused)} tensors of the checkpoint of {label} have no place in the architecture of its config.json "
            f"and are left out ({_some(unused)})."
        )


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:3]) + (" ..." if len(names) > 3 else "")


def _locate(name: str | Path, revision: str | None) -> tuple[Path, str, str | None]:
    """Folder of the checkpoint, the name it is told by, and its commit (None for a folder)."""
    if not str(name):
        raise UsageError('The name of the model is empty. Give a folder, a name on the Hugging Face Hub, or "pocket".')
    folder = home_path(name)
    if os.path.isdir(folder):  # noqa: PTH112 (is_dir raises for a name that is too long)
        return folder, folder.resolve().name, None
    if os.path.isfile(folder):  # noqa: PTH113
        raise ModelNotFound(f"The model {name} is {single_file(folder)}.")
    if name == POCKET:
        return _POCKET_FOLDER, POCKET, None
    if isinstance(name, Path) or str(name).startswith((".", "/", "~")) or str(name).count("/") > 1:
        near = [str(folder.parent / p.name) for p in folder.parent.glob("*/")] if os.path.isdir(folder.parent) else []  # noqa: PTH112
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


def _check_code(folder: Path, label: str) -> None:
    path = folder / "config.json"
    config = _told(label, lambda: json.loads(path.read_text(encoding="utf-8")))
    if isinstance(config, dict) and "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING:
        raise ModelError(
            f"{label} needs code of its own (auto_map in its config.json), which is never run. Use a model that "
            f"transformers {transformers.__version__} knows."
        )


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
    if place.type not in ("cpu", "cuda") and not _is_here(place):
        raise UsageError(
            f"{device!r} is not here: torch {torch.__version__} sees no such device. Write auto, cpu, cuda or cuda:1."
        )
    return place


def _is_here(place: torch.device) -> bool:
    """Whether `place` is one of this machine's accelerators, such as mps on a Mac."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return found is not None and found.type == place.type and (place.index or 0) < torch.accelerator.device_count()


def fastest_dtype(place: torch.device) -> Dtype:
    """bfloat16 where `place` multiplies it natively (a GPU from Ampere on, x86 with AVX512-BF16 or AMX), else float32.

    Trap: elsewhere PyTorch emulates it, slower than float32.
    """
    if place.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if hooks.cpu_multiplies_bfloat16() else "float32"


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
