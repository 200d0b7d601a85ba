"""A folder as `save_pretrained` writes it: config.json, a tokenizer, and plain weights as safetensors."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer

from embedgrad.errors import ModelError, ModelNotFound, NoSafetensors
from embedgrad.events import Say
from embedgrad.model.load.by_transformers import told
from embedgrad.model.load.folder import CONFIG, names
from embedgrad.model.load.other_formats import held_instead
from embedgrad.model.load.place import too_large
from embedgrad.model.load.stored import Source
from embedgrad.model.load.stored_tensors import stored_elements, weights_digest
from embedgrad.model.load.weight_files import INDEX, weight_files
from embedgrad.model.memory import free_bytes

HUB_FILES = ("*.json", "model*.safetensors", "*.jinja", "merges.txt", "vocab.txt", "tokenizer.model")
# Source: transformers 5.24.0, distributed/checkpoint.py (is_sharded_checkpoint): loaded before any other file.
_DISTRIBUTED = re.compile(r"shard-[0-9]{5}-model-[0-9]{5}-of-[0-9]{5}\.safetensors")


def recognise(source: Source) -> SafetensorsFolder:
    """Every folder with a config.json that transformers knows. Raises ModelNotFound for a file, and ModelError for a
    folder without config.json (a trainer's, with its checkpoints below), or one that needs code of its own."""
    if source.path.is_file():
        raise ModelNotFound(
            f"The model {source.label} is a file. Give the folder that holds it with its config.json and tokenizer."
        )
    if not (source.path / CONFIG).is_file():
        raise ModelError(f"The model folder of {source.label} holds no {CONFIG}{_elsewhere(source.path)}.")
    config = told(source.label, lambda: json.loads((source.path / CONFIG).read_text(encoding="utf-8")))
    if isinstance(config, dict) and "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING:
        raise ModelError(
            f"{source.label} needs code of its own (auto_map in its config.json), which is never run. Use a model that "
            f"transformers {transformers.__version__} knows."
        )
    return SafetensorsFolder(source)


@dataclass(frozen=True)
class SafetensorsFolder:
    """One plain checkpoint, loaded by transformers; no code of the folder is ever run."""

    source: Source

    def prepare(self, say: Say) -> None:
        """It is read as it lies."""

    def config(self) -> Any:
        return told(self.source.label, lambda: AutoConfig.from_pretrained(self.source.path, trust_remote_code=False))

    def tokenizer(self) -> Any:
        return told(self.source.label, lambda: AutoTokenizer.from_pretrained(self.source.path, trust_remote_code=False))

    def check(self) -> None:
        """Raises NoSafetensors unless all files of the checkpoint are there, and ModelError where others come first."""
        folder, label = self.source.path, self.source.label
        if shards := [name for name in names(folder, ".safetensors") if _DISTRIBUTED.fullmatch(name)]:
            raise ModelError(
                f"The model folder of {label} holds shards of a distributed checkpoint ({shards[0]}), which "
                "transformers puts before all other weights. Move them away, or save the model with save_pretrained "
                "into a new folder."
            )
        files = weight_files(folder)
        missing = [str(path.relative_to(folder)) for path in files if not path.is_file()]
        if missing:
            raise NoSafetensors(f"The model folder of {label} {_lacking(folder, missing)}.")
        if not files:
            raise NoSafetensors(f"The model folder of {label} {held_instead(folder)}.")

    def bytes_in(self, dtype: torch.dtype) -> int:
        return stored_elements(self.source.path) * dtype.itemsize

    def digest(self) -> str:
        return weights_digest(self.source.path)

    def weights(self, dtype: torch.dtype, place: torch.device, say: Say) -> Any:
        return told(self.source.label, lambda: self._weights(dtype, place, say))

    def _weights(self, dtype: torch.dtype, place: torch.device, say: Say) -> Any:
        lm, report = AutoModelForCausalLM.from_pretrained(
            self.source.path,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
        )
        check_report(report, self.source.label, say)
        try:
            return lm.to(place)
        except torch.OutOfMemoryError as error:
            need = lm.get_memory_footprint()
            raise too_large(self.source.label, need, free_bytes(place), dtype, place) from error


def _lacking(folder: Path, missing: list[str]) -> str:
    """What is named and not there, and what to do: the end of a sentence."""
    if not (folder / INDEX).is_file():
        return f"lacks {', '.join(missing)}, which its {CONFIG} names. Copy or download it again"
    return f"lacks the shards {', '.join(missing)} that its index names. Copy or download them again"


def _elsewhere(folder: Path) -> str:
    """The newest folder below that holds a model (a trainer's checkpoints), else what to do: the end of a sentence."""
    below = sorted((path.parent for path in folder.glob(f"*/{CONFIG}")), key=lambda path: path.stat().st_mtime)
    if below:
        return f"; {below[-1]} does. Give that folder"
    return ". Copy or download it again"


def check_report(report: Mapping[str, Collection[Any]], label: str, say: Say) -> None:
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
