"""The known ways of storing a base model, in the order in which they are asked; the last one takes the rest."""

from __future__ import annotations

from embedgrad.errors import ModelError
from embedgrad.model.load import adapter, gguf, quantised, safetensors
from embedgrad.model.load.stored import Loader, Source, StoredModel

LOADERS = (
    Loader(adapter.recognise),
    Loader(quantised.recognise),
    Loader(gguf.recognise),
    Loader(safetensors.recognise, safetensors.HUB_FILES),
)


def recognised(source: Source) -> StoredModel:
    """`source` as the first loader takes it that knows it. Raises ModelError or ModelNotFound in words of what it is
    instead."""
    for loader in LOADERS:
        if found := loader.recognise(source):
            return found
    raise ModelError(f"{source.label} is stored in no way that is known here.")


def hub_files() -> list[str]:
    """Patterns of all files that some loader needs of a model on the Hub."""
    return [pattern for loader in LOADERS for pattern in loader.hub_files]
