"""A template's text as the model was taught to read it: chat templates are rendered here.

Slots are held open by marks while the tokenizer's chat template runs, then cut out again. No text of a row is in a
rendering that is cut: what a row writes cannot become a slot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from embedgrad.errors import TemplateError
from embedgrad.faces import by_face, setting
from embedgrad.template.chat_templates import chat_template_text, check_arguments
from embedgrad.template.layout import Rendering, turn_slot
from embedgrad.template.template import PROMPT_SLOT, FixedText, Segment, Slot, Template, parse_slots
from embedgrad.template.tokens import Tokenizer, token_ids

_ANSWER = "answer"


@dataclass(frozen=True)
class Marks:
    """What holds a slot open: private-use characters around its name, and a number that makes them occur nowhere in
    the template's own text."""

    number: int

    @classmethod
    def not_in(cls, template: Template) -> Marks:
        text = template.written()
        return cls(next(number for number in range(len(text) + 1) if f"\ue000{number}:" not in text))

    def __call__(self, name: str) -> str:
        return f"\ue000{self.number}:{name}\ue001"

    def cut(self, text: str) -> list[Segment]:
        """The fixed texts and the slots of a rendering."""
        pieces = re.split(f"\ue000{self.number}:([^\ue001]*)\ue001", text)
        segments = [Slot(name=piece) if number % 2 else FixedText(text=piece) for number, piece in enumerate(pieces)]
        return [segment for segment in segments if isinstance(segment, Slot) or segment.text]


def render(template: Template, tokenizer: Tokenizer, roles: Sequence[str] = ()) -> Rendering:
    """The template's fixed texts and slots in reading order, and the ids that end a target.

    `roles` are those of a row's earlier turns, which stand between the template's system message and its last
    message; each has the slot `turn_slot(number)`. Raises NoChatTemplate, or TemplateError where the chat template
    refuses or drops a slot.
    """
    if not template.is_chat:
        if roles:
            raise TemplateError(
                "Rows with earlier chat turns need a chat template; this template is plain text. "
                "Use a model with a chat template, or rows with a single user message."
            )
        eos = tokenizer.eos_token_id
        segments = parse_slots(template.plain or "")
        return Rendering(tuple(segments), () if eos is None else (eos,), has_bos=False)
    check_arguments(tokenizer, template.chat_template, template.template_arguments)
    marks = Marks.not_in(template)
    messages = filled_messages(template, roles, marks)
    text = rendered(template, tokenizer, messages)
    segments = marks.cut(text)
    found = [segment.name for segment in segments if isinstance(segment, Slot)]
    wanted = {slot.name for turn in template.turns for slot in parse_slots(turn.content) if isinstance(slot, Slot)}
    for name in sorted(wanted):
        if found.count(name) != 1:
            raise TemplateError(
                f"The chat template of {tokenizer.name_or_path} renders {{{name}}} {found.count(name)} times "
                "instead of once. Put it into the user message."
            )
    for number, role in enumerate(roles):
        if (times := found.count(turn_slot(number))) != 1:
            raise TemplateError(
                f"The chat template of {tokenizer.name_or_path} renders the row's earlier {role} message {times} times "
                "instead of once. Take it out of the row."
            )
    for turn in template.turns:
        _check_bos(turn.content, text, tokenizer)
    return Rendering(tuple(segments), _end_of_turn(template, tokenizer, messages, marks), has_bos=True)


def as_rendered(template: Template, tokenizer: Tokenizer, prompt_text: str) -> str:
    """`prompt_text` as the chat template writes it: many trim each message. Raises TemplateError."""
    if not template.is_chat:
        return prompt_text
    around = around_slot(template, tokenizer, (), PROMPT_SLOT)
    kept = text_kept(template, tokenizer, (), PROMPT_SLOT, prompt_text, around)
    if not kept:
        raise TemplateError(
            f"The chat template of {tokenizer.name_or_path} does not keep this prompt's text as it is: "
            f"{prompt_text!r}. Write it without what the chat template takes for its own marks."
        )
    _check_bos(prompt_text, around[0], tokenizer)
    return kept


def around_slot(template: Template, tokenizer: Tokenizer, roles: Sequence[str], name: str) -> tuple[str, str]:
    """What the chat template writes before and after the slot `name`, all others held open."""
    marks = Marks.not_in(template)
    before, _, after = rendered(template, tokenizer, filled_messages(template, roles, marks)).partition(marks(name))
    return before, after


def text_kept(
    template: Template, tokenizer: Tokenizer, roles: Sequence[str], name: str, text: str, around: tuple[str, str]
) -> str | None:
    """What the chat template makes of `text` in the slot `name`; None where what is `around` that slot changes, too."""
    (before, after), marks = around, Marks.not_in(template)
    messages = filled_messages(template, roles, lambda slot: text if slot == name else marks(slot))
    whole = rendered(template, tokenizer, messages)
    if not whole.startswith(before) or not whole.endswith(after) or len(whole) < len(before) + len(after):
        return None
    return whole[len(before) : len(whole) - len(after)]


def filled_messages(template: Template, roles: Sequence[str], value: Callable[[str], str]) -> list[dict[str, str]]:
    """The messages of a row with earlier turns of these roles, every slot filled by its name. Raises TemplateError."""
    own = [{"role": turn.role, "content": _filled(turn.content, value)} for turn in template.turns]
    past = [{"role": role, "content": value(turn_slot(number))} for number, role in enumerate(roles)]
    if past and past[0]["role"] == "system" and any(message["role"] == "system" for message in own):
        raise TemplateError(
            "A row brings its own system message, and the template has one too. Move {prompt} to the user "
            "message, or remove the system messages from the rows."
        )
    head = 1 if own[0]["role"] == "system" else 0
    return [*own[:head], *past, *own[head:]]


def rendered(
    template: Template, tokenizer: Tokenizer, messages: list[dict[str, str]], add_generation_prompt: bool = True
) -> str:
    """What the tokenizer's chat template writes for `messages` of `template`. Raises TemplateError."""
    chosen = chat_template_text(tokenizer, template.chat_template)
    options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": add_generation_prompt}
    options |= template.template_arguments
    try:
        return str(tokenizer.apply_chat_template(messages, chat_template=chosen, **options))
    except Exception as error:  # a chat template is the model's own jinja program: it may raise anything
        roles = ", ".join(message["role"] for message in messages)
        raise TemplateError(
            f"The chat template of {tokenizer.name_or_path} refuses messages with the roles {roles}: {error}. "
            "Many models have no system message: put {prompt} into the user message."
        ) from error


def _filled(content: str, value: Callable[[str], str]) -> str:
    return "".join(value(part.name) if isinstance(part, Slot) else part.text for part in parse_slots(content))


def _check_bos(own_text: str, text: str, tokenizer: Tokenizer) -> None:
    """Raises TemplateError where both the user's text and the chat template begin with the BOS."""
    bos = tokenizer.bos_token
    if bos and own_text.lstrip().startswith(bos) and text.startswith(bos):
        plain_text = by_face("eg.Template.text", setting("layout", "text"))
        raise TemplateError(
            f"{own_text!r} begins with {bos}, which the chat template of {tokenizer.name_or_path} writes itself: the "
            f"model would read it twice. Leave it out, or place the prompt with {plain_text}."
        )


def _end_of_turn(
    template: Template, tokenizer: Tokenizer, messages: list[dict[str, str]], marks: Marks
) -> tuple[int, ...]:
    """The token that the chat template puts after an assistant's answer; the EOS where it puts none."""
    answered = [*messages, {"role": "assistant", "content": marks(_ANSWER)}]
    text = rendered(template, tokenizer, answered, add_generation_prompt=False)
    _, mark, tail = text.rpartition(marks(_ANSWER))
    ids = token_ids(tail.lstrip(), tokenizer) if mark else ()
    if (ids and ids[0] in tokenizer.all_special_ids) or (ids and ids[0] in tokenizer.added_tokens_decoder):
        return ids[:1]
    return () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
