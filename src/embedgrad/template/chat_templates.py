"""Which of a model's chat templates is meant, and what may be handed to it.

Most models have one. Command-R and Hermes 3 have several, by name: a list in tokenizer_config.json, or
chat_template.jinja (the default) and one file for each other in additional_chat_templates/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import signature
from typing import Any

from pydantic import JsonValue

from embedgrad.errors import NoChatTemplate, TemplateError, did_you_mean
from embedgrad.faces import setting, template

DEFAULT = "default"
_FOR_THE_TEMPLATE = {"tools", "documents"}  # parameters of apply_chat_template that only go on to the template


def chat_templates(tokenizer: Any) -> dict[str, str]:
    """The chat templates of a tokenizer by name; a single one is called default."""
    found = getattr(tokenizer, "chat_template", None)
    return dict(found) if isinstance(found, Mapping) else {DEFAULT: found} if found else {}


def default_of_several(tokenizer: Any) -> str | None:
    """The default's name where it is one of several; None where there is one chat template, or no default."""
    several = isinstance(getattr(tokenizer, "chat_template", None), Mapping)
    return DEFAULT if several and DEFAULT in chat_templates(tokenizer) else None


def chat_template_text(tokenizer: Any, name: str | None = None) -> str:
    """The chat template of that name, else the default. Raises NoChatTemplate naming those that there are."""
    known = chat_templates(tokenizer)
    if not known:
        plain = template("{prompt}\n{input}\n", "text")
        raise NoChatTemplate(
            f"{tokenizer.name_or_path} has no chat template. Use a plain text template, for example {plain}."
        )
    if name is None and DEFAULT not in known:
        raise NoChatTemplate(
            f"{tokenizer.name_or_path} has chat templates by name and none is called default. Choose one with "
            f"{setting('chat_template', of='load_model')}: {', '.join(sorted(known))}."
        )
    if (name or DEFAULT) not in known:
        raise NoChatTemplate(
            f"{tokenizer.name_or_path} has no chat template {name!r}; it has {', '.join(sorted(known))}."
            f"{did_you_mean(name or DEFAULT, sorted(known))}"
        )
    return known[name or DEFAULT]


def check_arguments(tokenizer: Any, name: str | None, arguments: Mapping[str, JsonValue]) -> None:
    """Raises TemplateError for an argument that the chat template `name` does not read: it would change nothing."""
    words = set(re.findall(r"[A-Za-z_]\w*", chat_template_text(tokenizer, name)))
    ours = set(signature(tokenizer.apply_chat_template).parameters) | {"messages"}
    for argument in arguments:
        if argument in ours - _FOR_THE_TEMPLATE:
            raise TemplateError(f"The template argument {argument!r} is set by embedgrad itself. Leave it out.")
        if argument not in words:
            raise TemplateError(
                f"The chat template of {tokenizer.name_or_path} reads no argument {argument!r}."
                f"{did_you_mean(argument, sorted(words - ours))} Leave it out, or correct its name."
            )
