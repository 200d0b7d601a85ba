"""The soft prompt: a [P, D] matrix and its story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import JsonValue
from torch import Tensor

from embedgrad.arguments import is_a
from embedgrad.arguments import path as check_path
from embedgrad.errors import PromptError, WrongBase
from embedgrad.faces import setting
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.identity import BaseIdentity
from embedgrad.prompt import file as prompt_file
from embedgrad.prompt.bound import Bound
from embedgrad.prompt.file import PromptFile, PromptRecord
from embedgrad.template.layout import RenderedTemplate
from embedgrad.units import counted

_PARTS = {"weights": "weights", "config": "architecture (config)", "tokenizer": "tokenizer"}


@dataclass(frozen=True, eq=False)
class SoftPrompt:
    """Embeddings that stand in for a prompt's text.

    embeddings   [P, D] float32 on the CPU, what the model takes as `inputs_embeds`
    text         the words it started from; None for a random start
    initial_ids  the tokens it started from [P]; None for a random start
    template     where it stands, rendered; None before it is placed (a PEFT folder)
    base         the base model it belongs to; None where its origin does not say
    trainable    [P] which rows tuning may move; None = all
    metrics, settings   what tuning measured, and with which settings
    """

    kind: ClassVar[str] = "soft prompt"

    embeddings: Tensor
    text: str | None = None
    initial_ids: tuple[int, ...] | None = None
    template: RenderedTemplate | None = None
    base: BaseIdentity | None = None
    trainable: tuple[bool, ...] | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    metrics: Mapping[str, JsonValue] = field(default_factory=dict)
    settings: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = self.embeddings
        is_a(Tensor, "a tensor [P, D]")("embeddings", rows)
        if rows.ndim != 2 or 0 in rows.shape or rows.dtype != torch.float32 or rows.device.type != "cpu":
            raise PromptError(
                "A soft prompt's embeddings are a float32 [P, D] tensor on the CPU, neither side 0; got "
                f"{str(rows.dtype).removeprefix('torch.')} {list(rows.shape)} on {rows.device}."
            )
        if self.initial_ids is not None and len(self.initial_ids) != len(self):
            raise PromptError(
                f"There are {counted(len(self.initial_ids), 'initial id')} for {counted(len(self), 'token')}."
            )
        if self.trainable is not None and len(self.trainable) != len(self):
            raise PromptError(f"The mask names {counted(len(self.trainable), 'token')}, the prompt has {len(self)}.")
        if self.trainable is not None and not any(self.trainable):
            raise PromptError("The mask freezes every token of the prompt; leave at least one to tune.")

    def __len__(self) -> int:
        """P, its length in tokens."""
        return int(self.embeddings.shape[0])

    @property
    def width(self) -> int:
        """D."""
        return int(self.embeddings.shape[1])

    @property
    def name(self) -> str:
        """How tables call it: its text, shortened, or its length."""
        words = " ".join((self.text or f"{counted(len(self), 'token')} without a text").split())
        words = words if len(words) <= 60 else words[:57] + "..."
        return f"{words} (tuned)" if self.metrics else words

    def __repr__(self) -> str:
        base = f", base {self.base.name}" if self.base else ""
        return f"SoftPrompt({self.name!r}, {counted(len(self), 'token')} x {self.width}{base})"

    def moved(
        self,
        embeddings: Tensor,
        metrics: Mapping[str, JsonValue] | None = None,
        settings: Mapping[str, JsonValue] | None = None,
    ) -> SoftPrompt:
        """The same prompt with other embeddings and what is known of them, its creation dated now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        moved = embeddings.detach().float().cpu().clone()
        return replace(self, embeddings=moved, created=now, metrics=metrics or {}, settings=settings or {})

    def content(self) -> PromptFile:
        """As the file format holds it."""
        record = PromptRecord(
            text=self.text,
            template=self.template,
            base=self.base,
            trainable=self.trainable,
            created=self.created,
            metrics=dict(self.metrics),
            settings=dict(self.settings),
        )
        return PromptFile(self.embeddings.detach().float().cpu().numpy(), self.initial_ids, record)

    def save(self, path: str | Path) -> str:
        """Write the prompt file, atomically; returns its content SHA-256. Raises OutputError."""
        check_path("path", path)
        return prompt_file.write(Path(path), self.content())

    @classmethod
    def load(cls, path: str | Path) -> SoftPrompt:
        """Read a prompt file. Raises FileMissing, BadPromptFile, UnknownVersion."""
        check_path("path", path)
        return cls.from_content(prompt_file.read(Path(path)))

    def bind(self, model: FrozenModel) -> Bound:
        """On `model`, where `start` placed it. Raises WrongBase; what only warns there has been told there."""
        check_base(self, model.identity_under(self.template.source if self.template else None))
        return Bound(model, self)

    @classmethod
    def from_content(cls, content: PromptFile) -> SoftPrompt:
        record = content.record
        return cls(
            embeddings=torch.from_numpy(content.embeddings.copy()),
            text=record.text,
            initial_ids=content.initial_ids,
            template=record.template,
            base=record.base,
            trainable=record.trainable,
            created=record.created,
            metrics=record.metrics,
            settings=record.settings,
        )


def check_base(prompt: SoftPrompt, base: BaseIdentity, allow_mismatch: bool = False) -> list[str]:
    """Warnings about using `prompt` on `base`. Raises WrongBase where weights, architecture or tokenizer differ,
    unless `allow_mismatch`; the chat template only warns, since its rendering is stored with the prompt."""
    if prompt.base is None:
        return ["The prompt does not say which base model it belongs to; nothing was checked."]
    differing = [words for part, words in _PARTS.items() if getattr(prompt.base, part) != getattr(base, part)]
    warnings = []
    if differing:
        message = (
            f"This prompt was tuned on {_named(prompt.base)}, the model given is {_named(base)}: "
            f"they differ in {' and '.join(differing)}."
        )
        if not allow_mismatch:
            door = setting("allow_mismatch", True, of="start")
            raise WrongBase(f"{message} Give the model it was tuned on, or pass {door} to try it anyway.")
        warnings.append(message)
    if prompt.base.chat_template != base.chat_template:
        warnings.append(
            "The model's chat template has changed since this prompt was tuned; the rendering stored with the "
            "prompt is used."
        )
    return warnings


def _named(base: BaseIdentity) -> str:
    revision = f" at {base.revision[:8]}" if base.revision else ""
    return f"{base.name}{revision} (weights {base.weights[:8]})"
