"""Slots, braces and what a template refuses."""

from __future__ import annotations

import pytest

from embedgrad.errors import TemplateError
from embedgrad.template.template import FixedText, Slot, Template, parse_slots


def test_slots_and_texts_in_order() -> None:
    assert parse_slots("{prompt}\n\n{input} ->") == [
        Slot(name="prompt"),
        FixedText(text="\n\n"),
        Slot(name="input"),
        FixedText(text=" ->"),
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [("{{}}", "{}"), ('{{"a": 1}}', '{"a": 1}'), ("{{input}}", "{input}"), ("", ""), ("a", "a"), ("{{{{", "{{")],
)
def test_doubled_braces_are_text(content: str, text: str) -> None:
    assert "".join(segment.text for segment in parse_slots(content)) == text


def test_braces_around_a_slot() -> None:
    assert parse_slots("{{{input}}}") == [FixedText(text="{"), Slot(name="input"), FixedText(text="}")]


@pytest.mark.parametrize("lone", ["{", "}", "{}", "{a b}", "{0}", "{input.x}", "{input!r}", "{in\nput}"])
def test_lone_braces(lone: str) -> None:
    content = f"a {lone} b"
    with pytest.raises(TemplateError) as told:
        parse_slots(content)
    shown = lone[0] if lone in "{}" and len(lone) == 1 else lone
    assert str(told.value) == (
        f"{shown!r} in the template {content!r} is no slot: a slot is a name in braces, like {{input}}; write "
        "{{ and }} for braces that are part of the text."
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{input}", "{prompt}; this one has 0"),
        ("{prompt}", "{input}; this one has 0"),
        ("{prompt}{prompt}{input}", "{prompt}; this one has 2"),
        ("{prompt}{input}{input}", "{input}; this one has 2"),
    ],
)
def test_one_prompt_and_one_input(text: str, problem: str) -> None:
    with pytest.raises(TemplateError) as told:
        Template.text(text)
    assert str(told.value) == f"A template needs exactly one {problem}: {text!r}"
    with pytest.raises(TemplateError) as told:
        Template.chat(text)
    assert str(told.value) == f"A template needs exactly one {problem}: {[text]!r}"


def test_the_last_message_is_the_users() -> None:
    for messages in ([], [{"role": "user", "content": "{input}"}, {"role": "assistant", "content": "{prompt}"}]):
        with pytest.raises(TemplateError) as told:
            Template.messages(messages)
        assert str(told.value) == ("The last message of a chat template must be the user's: the answer follows it.")


@pytest.mark.parametrize(
    "message", [{"role": "tool", "content": "{prompt}{input}"}, {"content": "x"}, {"role": "user", "content": 3}]
)
def test_a_message_has_a_role_and_a_content(message: dict) -> None:
    with pytest.raises(TemplateError) as told:
        Template.messages([message])
    assert str(told.value) == (
        "A template message needs exactly a role (system, user or assistant) and a content, both texts; got "
        f"{[message]!r}."
    )


def test_columns_and_roles() -> None:
    template = Template.messages(
        [
            {"role": "system", "content": "{prompt} {tone}"},
            {"role": "user", "content": "{context} {input} {context} {tone}"},
        ]
    )
    assert template.columns == ("input", "tone", "context")
    assert (template.prompt_role, template.is_chat) == ("system", True)
    plain = Template.text("{prompt}{input}")
    assert (plain.columns, plain.prompt_role, plain.is_chat) == (("input",), None, False)
