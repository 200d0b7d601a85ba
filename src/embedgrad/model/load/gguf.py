"""GGUF, llama.cpp's format: a file, or a folder that holds one, converted once and loaded as plain weights."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from embedgrad.errors import ModelError
from embedgrad.events import Say
from embedgrad.model.converted import converted, sha256_of
from embedgrad.model.load.convert import convert
from embedgrad.model.load.folder import CONFIG, names
from embedgrad.model.load.safetensors import SafetensorsFolder
from embedgrad.model.load.stored import Source, StoredModel
from embedgrad.model.load.weight_files import weight_files

ENDING = ".gguf"
_SHARD = re.compile(r"-[0-9]{5}-of-[0-9]{5}\.gguf$", re.IGNORECASE)


def recognise(source: Source) -> StoredModel | None:
    """A GGUF file, or a folder with one and without plain weights. Raises ModelError for several of them, for one that
    is split, and for a name on the Hub."""
    if source.path.is_file():
        return _model(source, source.path) if source.path.suffix.lower() == ENDING else None
    if (source.path / CONFIG).is_file() and weight_files(source.path):
        return None
    found = names(source.path, ENDING)
    if len(found) == 1:
        return _model(source, source.path / found[0])
    if found:
        raise ModelError(
            f"{source.label} holds {len(found)} GGUF files: {', '.join(found)}. Give the path of one of them."
        )
    if not (source.path / CONFIG).is_file() and source.path.is_dir() and "gguf" in source.label.lower():
        # Of a name on the Hub only JSON and safetensors are downloaded.
        raise ModelError(
            f"{source.label} holds its weights as GGUF, of which the Hub has several for each model. Download the one "
            "that you want and give its path, or give the model that they were made from."
        )
    return None


def _model(source: Source, file: Path) -> GgufFile:
    if _SHARD.search(file.name):
        raise ModelError(
            f"{file} is one part of a split GGUF file. Join them once (llama.cpp's `llama-gguf-split --merge`) and "
            "give the whole file."
        )
    return GgufFile(replace(source, path=file, label=file.stem))


@dataclass
class GgufFile:
    """One GGUF file. It is read from the folder that it was converted to, once `prepare` has been called."""

    source: Source
    _plain: SafetensorsFolder | None = field(default=None, compare=False)

    def prepare(self, say: Say) -> None:
        """Raises ModelError, NotEnoughMemory, OutputError where the conversion fails."""
        try:
            digest = sha256_of(self.source.path)
        except OSError as error:
            raise ModelError(f"{self.source.path} cannot be read: {error.strerror}.") from error
        folder = converted(digest) or convert(self.source.path, digest, say)
        self._plain = SafetensorsFolder(replace(self.source, path=folder))

    def config(self) -> Any:
        return self._folder.config()

    def check(self) -> None:
        self._folder.check()

    def bytes_in(self, dtype: torch.dtype) -> int:
        return self._folder.bytes_in(dtype)

    def tokenizer(self) -> Any:
        return self._folder.tokenizer()

    def weights(self, dtype: torch.dtype, place: torch.device, say: Say) -> Any:
        return self._folder.weights(dtype, place, say)

    def digest(self) -> str:
        return self._folder.digest()

    @property
    def _folder(self) -> SafetensorsFolder:
        assert self._plain is not None, "prepare was not called"
        return self._plain
