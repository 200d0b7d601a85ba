"""The settings that name a base model, and where its prompts stand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from embedgrad.composed import Composed
from embedgrad.errors import SettingsError
from embedgrad.events import Say
from embedgrad.faces import by_face, setting
from embedgrad.settings import Settings
from embedgrad.template.template import Message, Template
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.prompt.soft_prompt import SoftPrompt


def _named_once(given: tuple[str, ...] | None) -> tuple[str, ...] | None:
    read_arguments(given or ())
    return given


class ModelSettings(Settings):
    model: str | None = Field(
        None, description="Base model: a folder, a GGUF file, a name on the Hugging Face Hub, smollm2 or pocket."
    )
    revision: str | None = Field(None, description="Commit, branch or tag of the model on the Hub.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="auto is bfloat16 if the GPU or processor supports it natively, else float32.",
    )
    device: str = Field("auto", description="cpu, cuda, cuda:1; auto is the first GPU, else the CPU.")
    chat_template: str | None = Field(
        None, description="Which of the model's chat templates to use, if it has several."
    )
    template_argument: Annotated[tuple[str, ...] | None, AfterValidator(_named_once)] = Field(
        None,
        description="NAME=VALUE for the chat template, such as enable_thinking=false (JSON, else text); repeatable.",
    )

    def loaded(self, watch: Watch = Watch()) -> FrozenModel:
        """The base model, with the chat template that its prompts are placed with. Raises what `load_model` raises."""
        from embedgrad.model.load import load_model

        with watch.stage(f"loading {self.model}"):
            return load_model(
                self.model or "",
                self.dtype,
                self.device,
                self.revision,
                chat_template=self.chat_template,
                template_arguments=read_arguments(self.template_argument or ()),
                say=watch.note,
            )


def read_arguments(given: Sequence[str]) -> dict[str, JsonValue]:
    """`["enable_thinking=false", "date=1 May"]` -> `{"enable_thinking": False, "date": "1 May"}`. Raises ValueError."""
    found: dict[str, JsonValue] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"{text!r} is no NAME=VALUE")
        if name in found:
            raise ValueError(f"{name!r} is given twice")
        found[name] = _json_or_text(value)
    return found


def _json_or_text(value: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return value
    return found


def _no_number(word: str) -> JsonValue:
    raise ValueError(f"{word} is no JSON")


class TemplateSettings(Settings):
    template: str | None = Field(
        None,
        description=r'Where prompt and input go, for example "{prompt}\n\n{input}" (\n is a newline).',
    )
    system: str | None = Field(None, description="System message before the template; it may contain {prompt} instead.")
    layout: Literal["auto", "chat", "text"] = Field(
        "auto", description="Chat message or plain text; auto is chat if the model has a chat template."
    )
    messages: tuple[Message, ...] | None = Field(
        None, description="Chat messages instead of --template (settings file only)."
    )
    special_tokens_in_rows: bool | None = Field(
        None,
        description="Treat special tokens written out in rows as special tokens; default: as in the prompt file, else "
        "no (they are text).",
    )
    allow_mismatch: bool = Field(False, description="Use a prompt file with a base model other than its own.")

    def named_template(self, has_chat_template: bool) -> Template | None:
        """The template these settings name; None where they leave it to the prompt or the model."""
        if self.messages is not None:
            if self.template or self.system:
                raise SettingsError("messages and template/system exclude each other: both place the prompt.")
            return Template.messages([m.model_dump() for m in self.messages])
        if self.template is None and self.system is None and self.layout == "auto":
            return None
        is_chat = has_chat_template or self.system is not None if self.layout == "auto" else self.layout == "chat"
        content = self.template or self._default_content(is_chat)
        if not is_chat:
            if self.system is not None:
                raise SettingsError(
                    f"{setting('system')} needs {setting('layout', 'chat')}: plain text has no system message."
                )
            return Template.text(content)
        if self.system is None:
            return Template.chat(content)
        return Template.messages([{"role": "system", "content": self.system}, {"role": "user", "content": content}])

    def place(self, model: FrozenModel, prompt: str, say: Say) -> SoftPrompt:
        """A text or a prompt file on `model`, as it starts. Raises what `eg.start` raises."""
        from embedgrad.prompt.place import start

        return start(
            model,
            prompt,
            self.named_template(model.has_chat_template),
            special_tokens_in_rows=self.special_tokens_in_rows,
            allow_mismatch=self.allow_mismatch,
            say=say,
        )

    def _default_content(self, is_chat: bool) -> str:
        if self.system is not None and "{prompt}" in self.system:
            return "{input}"
        return "{prompt}\n\n{input}" if is_chat else "{prompt}\n{input}\n"

    def columns(self) -> tuple[str, ...]:
        """Columns that every row must have, known before any model is loaded."""
        named = self.named_template(has_chat_template=True)
        return named.columns[1:] if named else ()


def required(settings: Composed, *names: str) -> None:
    """Raises SettingsError for a setting that has no default and was not given."""
    missing = [setting(name) for name in names if not settings[name]]
    if missing:
        ways = by_face("", f", as a flag or in a {setting('settings')} file. See {setting('help')}")
        raise SettingsError(f"{' and '.join(missing)} must be given{ways}.")
