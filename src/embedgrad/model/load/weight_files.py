"""Which files of a model folder are its weights: those that transformers reads, in its own order of preference.

Digest, memory check and the check for missing shards all ask here, so that they speak of what is loaded.

**Source**: transformers 5.24.0, `modeling_utils._get_resolved_checkpoint_files` with `use_safetensors=True`.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from embedgrad.errors import ModelError
from embedgrad.model.load.folder import CONFIG, read_config

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_NAMED_BY_CONFIG = "transformers_weights"


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that transformers loads from `folder`, whether or not they are there; empty where it finds
    none. The file that config.json names comes first, then model.safetensors, then the shards of the index: an index
    beside a whole file is not read. Raises ModelError where a name leads out of the folder or to another format."""
    named = read_config(folder).get(_NAMED_BY_CONFIG)
    if named is not None:
        file = _inside(folder, named, folder / CONFIG)
        return _shards(file) if file.name.endswith(".index.json") else [file]
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    return _shards(folder / INDEX) if (folder / INDEX).is_file() else []


def _shards(index: Path) -> list[Path]:
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = set(content["weight_map"].values())
        whole = isinstance(content["metadata"], dict) and all(isinstance(name, str) for name in names)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _no_index(index) from error
    if not whole or not names:
        raise _no_index(index)
    return [_inside(index.parent, name, index) for name in sorted(names)]


def _inside(folder: Path, name: object, named_in: Path) -> Path:
    """`folder`/`name`. Raises ModelError unless that is a safetensors file (or an index of such) in the folder."""
    path = PurePath(name) if isinstance(name, str) and "\0" not in name else PurePath()
    is_index = path.name.endswith(".safetensors.index.json") and named_in.name == CONFIG
    if path.is_absolute() or ".." in path.parts or not (path.suffix == ".safetensors" or is_index):
        raise ModelError(
            f"{named_in} names {name!r} for the weights; only safetensors files of the same folder are read. "
            "Copy or download the model again."
        )
    return folder / path


def _no_index(index: Path) -> ModelError:
    return ModelError(f"{index} is not the index of a checkpoint. Copy or download it again.")
