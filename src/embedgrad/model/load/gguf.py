"""GGUF, llama.cpp's format: recognised and refused."""

from __future__ import annotations

from embedgrad.errors import ModelError, ModelNotFound
from embedgrad.model.load.folder import CONFIG, names
from embedgrad.model.load.stored import Source, StoredModel
from embedgrad.model.load.weight_files import weight_files


def recognise(source: Source) -> StoredModel | None:
    """Raises ModelNotFound for a GGUF file, and ModelError for a folder or a name on the Hub that has its weights in
    this format alone."""
    if source.path.is_file() and source.path.suffix == ".gguf":
        raise ModelNotFound(
            f"The model {source.label} is a GGUF file, llama.cpp's format, which is not read yet. Give the model it "
            "was made from, as safetensors."
        )
    found = names(source.path, ".gguf")
    if not (source.path / CONFIG).is_file():  # of a name on the Hub only JSON and safetensors are downloaded
        is_gguf = bool(found) or (source.path.is_dir() and "gguf" in source.label.lower())
    else:
        is_gguf = bool(found) and not weight_files(source.path)
    if is_gguf:
        named = f" ({', '.join(found[:3])})" if found else ""
        raise ModelError(
            f"{source.label} holds its weights as GGUF{named}, llama.cpp's format, which is not read yet. Give the "
            "model that they were made from, as safetensors."
        )
    return None
