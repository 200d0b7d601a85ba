"""PEFT adapters: refused as base models, until they are read as what a tuning leaves behind."""

from __future__ import annotations

from pathlib import Path

from embedgrad.errors import ModelError
from embedgrad.model.load.folder import json_object
from embedgrad.model.load.stored import Source, StoredModel
from embedgrad.model.load.weight_files import weight_files

ADAPTER = "adapter_config.json"
_SOFT_PROMPTS = ("PROMPT_TUNING", "P_TUNING", "CPT")  # PEFT's kinds that are read as prompts


def recognise(source: Source) -> StoredModel | None:
    """Raises ModelError for a folder with an adapter, be it alone or beside its weights."""
    if (source.path / ADAPTER).exists():
        raise ModelError(f"The model folder of {source.label} holds {_adapter(source.path)}")
    return None


def _adapter(folder: Path) -> str:
    """What `adapter_config.json` says it is, and what to do."""
    settings = json_object(folder / ADAPTER)
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
