"""A prompt in words: what a search over texts leaves behind, and what every tuning is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from embedgrad.arguments import path as check_path
from embedgrad.artifacts import file as artifact_file
from embedgrad.artifacts.file import ArtifactRecord
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.identity import BaseIdentity
from embedgrad.prompt.bound import Bound
from embedgrad.prompt.naming import marked_as_text
from embedgrad.prompt.place import start
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.template.layout import RenderedTemplate


class _Record(ArtifactRecord):
    kind: Literal["text"] = "text"
    text: str


@dataclass(frozen=True)
class Text:
    """The words. They are told on which base they were found, and may be tried on any: there they are tokens like
    others, and stand where its own chat template puts them."""

    kind: ClassVar[str] = "text"

    text: str
    template: RenderedTemplate | None = None
    base: BaseIdentity | None = None

    @classmethod
    def of(cls, prompt: SoftPrompt) -> Text:
        """The words that a placed prompt started from. Raises ValueError where it has none."""
        if prompt.text is None:
            raise ValueError("this prompt started from no text")
        return cls(prompt.text, prompt.template, prompt.base)

    @property
    def name(self) -> str:
        """Its words, shortened."""
        words = " ".join(self.text.split())
        return words if len(words) <= 60 else words[:57] + "..."

    def save(self, path: str | Path) -> str:
        """Write its file; returns its content SHA-256. Raises OutputError."""
        check_path("path", path)
        return artifact_file.write(Path(path), _Record(text=self.text, template=self.template, base=self.base))

    @classmethod
    def load(cls, path: str | Path) -> Text:
        """Raises FileMissing, BadPromptFile, UnknownVersion."""
        check_path("path", path)
        record, _ = artifact_file.read(Path(path), _Record)
        return cls(record.text, record.template, record.base)

    def bind(self, model: FrozenModel) -> Bound:
        """The text's own rows in the text's place. Raises what `start` raises."""
        placed = self.template
        special = placed.special_tokens_in_rows if placed else None
        return start(
            model, marked_as_text(self.text), placed.source if placed else None, special_tokens_in_rows=special
        ).bind(model)
