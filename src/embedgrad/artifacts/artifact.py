"""What a tuning leaves behind, of whatever kind, as files and the judge see it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol, Self

from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.identity import BaseIdentity
from embedgrad.prompt.bound import Bound
from embedgrad.template.layout import RenderedTemplate


class Artifact(Protocol):
    """A text, a soft prompt; one day keys and values, an adapter, a steering vector.

    kind      as its file says it; its class has a line in `artifacts.kinds`
    base      the base model it was made on; None where nobody said
    template  where rows stand with it; None where nobody said
    name      how tables call it
    """

    kind: ClassVar[str]

    @property
    def base(self) -> BaseIdentity | None: ...

    @property
    def template(self) -> RenderedTemplate | None: ...

    @property
    def name(self) -> str: ...

    def save(self, path: str | Path) -> str:
        """Write its file, whole or not at all; returns its content SHA-256. Raises OutputError."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read its file. Raises FileMissing, BadPromptFile, UnknownVersion."""

    def bind(self, model: FrozenModel) -> Bound:
        """On `model`, ready to be judged. Raises WrongBase where it belongs to another one, and depends on it."""
