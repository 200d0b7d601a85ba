"""Where the prompt, the input and further columns stand, before any tokenizer has seen it.

A template is a list of chat messages or one plain text, with slots in braces: `{prompt}`, `{input}` and any
column of the data by its name; `{{` and `}}` stand for braces. The target always follows the end.
Tokens are decided in layout.py, chat templates are rendered in chat.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, ValidationError, model_serializer

from embedgrad.arguments import text as is_text
from embedgrad.errors import TemplateError
from embedgrad.json_shape import FirstError, Shape

PROMPT_SLOT, INPUT_SLOT = "prompt", "input"
_CHOICES = ("chat_template", "template_arguments")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Message(Shape):
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


class FixedText(Shape):
    """Constant text; `ids` are its token ids once layout.py has decided them (empty before)."""

    kind: Literal["fixed"] = "fixed"
    text: str
    ids: FirstError[tuple[int, ...]] = ()


class Slot(Shape):
    """A place filled per prompt (`prompt`) or per row (`input`, a column)."""

    kind: Literal["slot"] = "slot"
    name: str


Segment = Annotated[FixedText | Slot, Field(discriminator="kind")]


class Template(Shape):
    """Chat messages (`turns`) or plain text (`plain`) with slots.

    Make one with `Template.chat("{prompt}\\n\\n{input}")` (one user message), `Template.messages([...])` or
    `Template.text("{prompt}\\n{input}\\n")`. Raises TemplateError unless `{prompt}` and `{input}` occur
    exactly once each and every brace is part of a slot or doubled.

    Of a model with several chat templates, `chat_template` names the one that writes the messages; None leaves that
    to the model. `template_arguments` are handed to it (`{"enable_thinking": False}`).
    """

    turns: FirstError[tuple[Message, ...]] = ()
    plain: str | None = None
    chat_template: str | None = None
    template_arguments: dict[str, JsonValue] = Field(default_factory=dict)

    @classmethod
    def chat(
        cls,
        content: str,
        *,
        chat_template: str | None = None,
        template_arguments: Mapping[str, JsonValue] | None = None,
    ) -> Template:
        """One user message."""
        is_text("content", content)
        messages = [{"role": "user", "content": content}]
        return cls.messages(messages, chat_template=chat_template, template_arguments=template_arguments)

    @classmethod
    def messages(
        cls,
        messages: Sequence[Mapping[str, str]],
        *,
        chat_template: str | None = None,
        template_arguments: Mapping[str, JsonValue] | None = None,
    ) -> Template:
        """Several chat messages; the last one must be the user's, the target is the assistant's answer."""
        try:
            turns = tuple(Message.model_validate(dict(message)) for message in messages)
        except (ValueError, TypeError) as error:  # pydantic's error is a ValueError
            raise TemplateError(
                "A template message needs exactly a role (system, user or assistant) and a content, "
                f"both texts; got {messages!r}."
            ) from error
        if not turns or turns[-1].role != "user":
            raise TemplateError("The last message of a chat template must be the user's: the answer follows it.")
        return cls(turns=turns)._checked().spoken_by(chat_template, template_arguments or {})

    @classmethod
    def text(cls, text: str) -> Template:
        """Plain text for models without a chat template."""
        is_text("text", text)
        return cls(plain=text)._checked()

    @property
    def is_chat(self) -> bool:
        return self.plain is None

    def spoken_by(self, chat_template: str | None, template_arguments: Mapping[str, JsonValue]) -> Template:
        """The same with this chat template and these arguments. Raises TemplateError for what is no JSON."""
        choice = {"chat_template": chat_template, "template_arguments": dict(template_arguments)}
        try:
            return Template.model_validate({"turns": self.turns, "plain": self.plain, **choice})
        except ValidationError as error:
            raise TemplateError(
                "A chat template is named by a text, and its arguments are JSON values by name; got "
                f"{chat_template!r} and {template_arguments!r}."
            ) from error

    def written(self) -> str:
        """The template in one line, as one would write it: roles in front of chat messages."""
        if self.plain is not None:
            return self.plain
        messages = " | ".join(f"{turn.role}: {turn.content}" for turn in self.turns)
        choice = choice_words(self.chat_template, self.template_arguments)
        return f"{messages} ({choice})" if choice else messages

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the slots that every row must fill, `input` first."""
        names = [segment.name for segment in self._segments() if isinstance(segment, Slot)]
        return (INPUT_SLOT, *(name for name in dict.fromkeys(names) if name not in (PROMPT_SLOT, INPUT_SLOT)))

    @property
    def prompt_role(self) -> str | None:
        """Role of the message that holds the prompt; None in plain text."""
        for turn in self.turns:
            if Slot(name=PROMPT_SLOT) in parse_slots(turn.content):
                return turn.role
        return None

    @model_serializer(mode="wrap")
    def _only_what_is_set(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the choices of chat templates that are not made: a prompt file without them is what it always was."""
        fields: dict[str, Any] = dump(self)
        return {name: value for name, value in fields.items() if value or name not in _CHOICES}

    def _segments(self) -> list[Segment]:
        contents = [self.plain] if self.plain is not None else [turn.content for turn in self.turns]
        return [segment for content in contents for segment in parse_slots(content)]

    def _checked(self) -> Template:
        names = [segment.name for segment in self._segments() if isinstance(segment, Slot)]
        for name in (PROMPT_SLOT, INPUT_SLOT):
            if names.count(name) != 1:
                raise TemplateError(
                    f"A template needs exactly one {{{name}}}; this one has {names.count(name)}: "
                    f"{self.plain or [turn.content for turn in self.turns]!r}"
                )
        return self


def choice_words(chat_template: str | None, template_arguments: Mapping[str, JsonValue]) -> str:
    """A choice of chat template in words; empty where none is made."""
    named = [f"chat template {chat_template}"] if chat_template else []
    return ", ".join([*named, *(f"{name}={json.dumps(value)}" for name, value in template_arguments.items())])


def parse_slots(content: str) -> list[Segment]:
    """The fixed texts and slots of one string, empty texts left out. Raises TemplateError on a lone brace."""
    return list(_parsed(content))


def _parsed(content: str) -> Iterator[Segment]:
    text, end = "", 0
    for match in _BRACES.finditer(content):
        text += content[end : match.start()]
        end = match.end()
        name = match.group(1)
        if match.group() in ("{{", "}}"):
            text += match.group()[0]
        elif name is not None and name.isidentifier():
            if text:
                yield FixedText(text=text)
            text = ""
            yield Slot(name=name)
        else:
            raise TemplateError(
                f"{match.group()!r} in the template {content!r} is no slot: a slot is a name in braces, like "
                "{input}; write {{ and }} for braces that are part of the text."
            )
    text += content[end:]
    if text:
        yield FixedText(text=text)


CHAT_DEFAULT = Template.chat("{prompt}\n\n{input}")
TEXT_DEFAULT = Template.text("{prompt}\n{input}\n")
