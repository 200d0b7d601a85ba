"""A row's texts as the chat template writes them: many trim each message, some take reasoning out of earlier turns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from embedgrad.data.example import Example
from embedgrad.errors import TemplateError
from embedgrad.template.chat import around_slot, filled_messages, render, rendered, text_kept
from embedgrad.template.layout import Rendering, turn_slot, value_of
from embedgrad.template.template import INPUT_SLOT, PROMPT_SLOT, FixedText, Template
from embedgrad.template.tokens import Tokenizer


@dataclass(frozen=True, eq=False)
class RowTexts:
    """The rows of one template, as its chat template writes them; plain text stays as it is."""

    template: Template
    tokenizer: Tokenizer
    _frames: dict[tuple[str, ...], Rendering] = field(default_factory=dict)
    _around: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        return self.template.columns

    def as_written(self, example: Example) -> Example:
        """`example` with the input, columns and earlier turns that the model would read. The target stays.

        Only what may change is looked at: texts with white space around them, and earlier turns. Raises TemplateError
        where the chat template makes more of a text than a part of it.
        """
        if not self.template.is_chat or not getattr(self.tokenizer, "chat_template", None):
            return example
        names = [name for name in self._columns if _is_padded(_text(example, name))]
        if example.history:
            if self._writes(example, example):
                return example
            names += map(turn_slot, range(len(example.history)))
        return self._kept(example, names) if names else example

    def _kept(self, example: Example, names: list[str]) -> Example:
        roles = tuple(role for role, _ in example.history)
        kept: dict[str, str] = {}
        for name in names:
            text = _text(example, name)
            if (name, roles) not in self._around:
                self._around[name, roles] = around_slot(self.template, self.tokenizer, roles, name)
            found = text_kept(self.template, self.tokenizer, roles, name, text, self._around[name, roles])
            if found is None:
                raise self._refused(f"does not keep this text of the row as it is: {text!r}")
            kept[name] = found
        history = [(role, kept.get(turn_slot(n), text)) for n, (role, text) in enumerate(example.history)]
        columns = {name: kept.get(name, text) for name, text in example.columns.items()}
        written = replace(example, input=kept.get(INPUT_SLOT, example.input), columns=columns, history=tuple(history))
        if example.history and not self._writes(example, written):
            raise self._refused("writes the row's earlier turns otherwise together than one by one")
        return written

    def _writes(self, example: Example, written: Example) -> bool:
        """Whether the chat template, told `example`, puts the texts of `written` between its fixed ones."""
        roles = tuple(role for role, _ in example.history)
        if roles not in self._frames:
            self._frames[roles] = render(self.template, self.tokenizer, roles)
        joined = "".join(
            part.text if isinstance(part, FixedText) else _text(written, part.name)
            for part in self._frames[roles].segments
        )
        messages = filled_messages(self.template, roles, lambda name: _text(example, name))
        return joined == rendered(self.template, self.tokenizer, messages)

    def _refused(self, what: str) -> TemplateError:
        return TemplateError(f"The chat template of {self.tokenizer.name_or_path} {what}. Take it out of the row.")


def _text(example: Example, name: str) -> str:
    """What stands in a slot; of a column that the row has not, nothing: laying it out says so."""
    if name == PROMPT_SLOT:
        return "{prompt}"
    is_there = name == INPUT_SLOT or name in example.columns or not name.isidentifier()
    return value_of(example, name) if is_there else ""


def _is_padded(text: str) -> bool:
    """White space around a text that has more than that: an empty input leaves nothing to trim it against."""
    return bool(text.strip()) and text != text.strip()
