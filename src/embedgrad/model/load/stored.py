"""The seam between a base model and the way in which it is stored: what `load_model` asks of a loader.

A loader is a file of this room and a line in `load.loaders`. It recognises what it reads by names of files and small
JSON files alone; config, tokenizer and weights are read when they are asked for. A kind of model that is not read yet
has its file, too, which says so: there a loader would take over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from embedgrad.events import Say


@dataclass(frozen=True)
class Source:
    """Where a base model lies on this machine.

    path      its folder, or a single file
    label     its name in messages
    revision  its commit on the Hub, None for a folder
    """

    path: Path
    label: str
    revision: str | None = None


class StoredModel(Protocol):
    """A base model as one loader reads it."""

    @property
    def source(self) -> Source: ...

    def prepare(self, say: Say) -> None:
        """What is done once for all later loads, before anything else is asked for: a conversion, mostly nothing."""

    def config(self) -> Any:
        """transformers' config of the architecture. Raises ModelError."""

    def check(self) -> None:
        """Raises NoSafetensors or ModelError unless all is there that `weights` will read."""

    def bytes_in(self, dtype: torch.dtype) -> int:
        """What the weights take in memory, read from headers alone."""

    def tokenizer(self) -> Any:
        """transformers' tokenizer, fast or not. Raises ModelError."""

    def weights(self, dtype: torch.dtype, place: torch.device, say: Say) -> Any:
        """transformers' model on `place`, every weight as it was stored but for `dtype`; `say` is told what is left
        out. Raises ModelError where a weight would be random, NotEnoughMemory."""

    def digest(self) -> str:
        """SHA-256, in hex, that tells these stored weights from all others, whatever dtype they are loaded in."""


@dataclass(frozen=True)
class Loader:
    """One way of storing a base model.

    recognise  the model, if the source is stored in this way, else None. Raises ModelError or ModelNotFound, which say
               what it is, where it is stored in this way and cannot be read
    hub_files  what it needs of a model on the Hub, as patterns
    """

    recognise: Callable[[Source], StoredModel | None]
    hub_files: tuple[str, ...] = ()
