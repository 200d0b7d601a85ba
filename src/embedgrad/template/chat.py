"""A template's text as the model was taught to read it: chat templates are rendered once, here.

Slots are held open by private-use characters while the tokenizer's chat template runs, then cut out again.
"""

from __future__ import annotations

import re
from typing import Any

from embedgrad.errors import TemplateError
from embedgrad.template.chat_templates import chat_template_text, check_arguments
from embedgrad.template.layout import Rendering, Tokenizer, token_ids
from embedgrad.template.template import PROMPT, FixedText, Segment, Slot, Template, parse_slots

_MARK = re.compile("\ue000(\\w+)\ue001")
_ANSWER = "answer"

History = tuple[tuple[str, str], ...]


def render(template: Template, tokenizer: Tokenizer, history: History = ()) -> Rendering:
    """The template's fixed texts and slots in reading order, and the ids that end a target.

    `history` holds a row's earlier turns, which stand between the template's system message and its last
    message. Raises NoChatTemplate, or TemplateError where the chat template refuses or drops a slot.
    """
    if not template.is_chat:
        if history:
            raise TemplateError(
                "Rows with earlier chat turns need a chat template; this template is plain text. "
                "Use a model with a chat template, or rows with a single user message."
            )
        eos = tokenizer.eos_token_id
        segments = parse_slots(template.plain or "")
        return Rendering(tuple(segments), () if eos is None else (eos,), has_bos=False)
    check_arguments(tokenizer, template.chat_template, template.template_arguments)
    messages = _with_history(template, history)
    text = _apply(template, tokenizer, messages, add_generation_prompt=True)
    segments = _cut(text)
    wanted = {slot.name for turn in template.turns for slot in parse_slots(turn.content) if isinstance(slot, Slot)}
    found = [segment.name for segment in segments if isinstance(segment, Slot)]
    for name in sorted(wanted):
        if found.count(name) != 1:
            raise TemplateError(
                f"The chat template of {tokenizer.name_or_path} renders {{{name}}} {found.count(name)} times "
                "instead of once. Put it into the user message."
            )
    return Rendering(tuple(segments), _end_of_turn(template, tokenizer, messages), has_bos=True)


def as_rendered(template: Template, tokenizer: Tokenizer, prompt_text: str) -> str:
    """`prompt_text` as the chat template writes it: many trim each message. Raises TemplateError."""
    if not template.is_chat:
        return prompt_text
    place = f"\ue000{PROMPT}\ue001"
    messages = _with_history(template, ())
    before, _, after = _apply(template, tokenizer, messages, add_generation_prompt=True).partition(place)
    filled = [{**message, "content": message["content"].replace(place, prompt_text)} for message in messages]
    text = _apply(template, tokenizer, filled, add_generation_prompt=True)
    if not text.startswith(before) or not text.endswith(after) or len(text) <= len(before) + len(after):
        raise TemplateError(
            f"The chat template of {tokenizer.name_or_path} does not keep this prompt's text as it is: "
            f"{prompt_text!r}. Write it without what the chat template takes for its own marks."
        )
    return text[len(before) : len(text) - len(after)]


def _with_history(template: Template, history: History) -> list[dict[str, str]]:
    marked = [{"role": turn.role, "content": _marked(turn.content)} for turn in template.turns]
    past = [{"role": role, "content": content} for role, content in history]
    systems = [message for message in marked if message["role"] == "system"]
    if past and past[0]["role"] == "system" and systems:
        raise TemplateError(
            "A row brings its own system message, and the template has one too. Move {prompt} to the user "
            "message, or remove the system messages from the rows."
        )
    head = 1 if marked[0]["role"] == "system" else 0
    return [*marked[:head], *past, *marked[head:]]


def _marked(content: str) -> str:
    return "".join(
        f"\ue000{segment.name}\ue001" if isinstance(segment, Slot) else segment.text for segment in parse_slots(content)
    )


def _cut(text: str) -> list[Segment]:
    segments: list[Segment] = []
    for number, piece in enumerate(_MARK.split(text)):
        if number % 2:
            segments.append(Slot(name=piece))
        elif piece:
            segments.append(FixedText(text=piece))
    return segments


def _apply(template: Template, tokenizer: Tokenizer, messages: list[dict[str, str]], **options: Any) -> str:
    chosen = chat_template_text(tokenizer, template.chat_template)
    options |= template.template_arguments
    try:
        return str(tokenizer.apply_chat_template(messages, chat_template=chosen, tokenize=False, **options))
    except Exception as error:  # a chat template is the model's own jinja program: it may raise anything
        roles = ", ".join(message["role"] for message in messages)
        raise TemplateError(
            f"The chat template of {tokenizer.name_or_path} refuses messages with the roles {roles}: {error}. "
            "Many models have no system message: put {prompt} into the user message."
        ) from error


def _end_of_turn(template: Template, tokenizer: Tokenizer, messages: list[dict[str, str]]) -> tuple[int, ...]:
    """The token that the chat template puts after an assistant's answer; the EOS where it puts none."""
    answered = [*messages, {"role": "assistant", "content": f"\ue000{_ANSWER}\ue001"}]
    text = _apply(template, tokenizer, answered)
    _, mark, tail = text.rpartition(f"\ue000{_ANSWER}\ue001")
    ids = token_ids(tail.lstrip(), tokenizer) if mark else ()
    if (ids and ids[0] in tokenizer.all_special_ids) or (ids and ids[0] in tokenizer.added_tokens_decoder):
        return ids[:1]
    return () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
