"""Chat templates: rendered once, stored with the prompt, refused with a reason."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import embedgrad as eg
import tiny
from embedgrad.errors import NoChatTemplate, TemplateError
from embedgrad.prompt.rows import lay_out_rows, target_ids
from embedgrad.template.chat import render

PROMPT = "Determine the main emotion. Answer with one word."
SYSTEM = eg.Template.messages([{"role": "system", "content": "{prompt}"}, {"role": "user", "content": "{input}"}])
USER = eg.Template.chat("{prompt}\n\n{input}")
DATED = "<s>Today is {{ date_string if date_string is defined else strftime_now('%d %b %Y') }}.\n" + tiny.CHATML
LOUD = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + tiny.CHATML
)
DROPS = tiny.CHATML.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}")
TRIMS = tiny.CHATML.replace("m['content']", "m['content'] | trim")
NO_END = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "


def written(model: eg.FrozenModel, prompt: eg.SoftPrompt, example: eg.Example) -> str:
    (layout,) = lay_out_rows(model, prompt, [example])
    ids = [*layout.ids[: layout.prompt.start], *prompt.initial_ids, *layout.ids[layout.prompt.stop :]]
    return model.tokenizer.decode(ids)


def test_history_stays_in_front_of_the_input(tiny_model) -> None:
    model = tiny_model("llama")
    row = eg.Example("and now?", "sad", history=(("user", "hello"), ("assistant", "hi {input}")))
    assert written(model, eg.start(model, PROMPT, SYSTEM), row) == (
        f"<|im_start|>system\n{PROMPT}<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
        "hi {input}<|im_end|>\n<|im_start|>user\nand now?<|im_end|>\n<|im_start|>assistant\nsad<|im_end|>"
    )
    assert written(model, eg.start(model, PROMPT, USER), row) == (
        "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\nhi {input}<|im_end|>\n"
        f"<|im_start|>user\n{PROMPT}\n\nand now?<|im_end|>\n<|im_start|>assistant\nsad<|im_end|>"
    )


def test_a_rows_system_message_stays(tiny_model) -> None:
    model = tiny_model("llama")
    row = eg.Example("hello", "sad", history=(("system", "Be calm."),), line=12)
    assert written(model, eg.start(model, PROMPT, USER), row).startswith("<|im_start|>system\nBe calm.<|im_end|>\n")
    with pytest.raises(TemplateError) as told:
        lay_out_rows(model, eg.start(model, PROMPT, SYSTEM), [row])
    assert str(told.value) == (
        "Line 12: A row brings its own system message, and the template has one too. Move {prompt} to the user "
        "message, or remove the system messages from the rows."
    )


def test_a_prompt_that_earlier_turns_would_tokenize_otherwise(tiny_model) -> None:
    model = tiny_model("llama", chat="{% for m in messages %}{{ m['content'] }}.\n{% endfor %}")
    prompt = eg.start(
        model, "\nAnswer with one word.", USER
    )  # its newline and the end of the turn before are one token
    row = eg.Example("three.", "four.", history=(("user", "one"), ("assistant", "two")), line=12)
    with pytest.raises(TemplateError) as told:
        lay_out_rows(model, prompt, [row])
    assert str(told.value) == (
        "Line 12: after its earlier turns the prompt would be tokenized otherwise than without them, so the tuned "
        "rows would not stand for it. Put {prompt} into a system message."
    )
    assert lay_out_rows(model, prompt, [eg.Example("three.", "four.", line=12)])


def test_history_needs_a_chat_template(tiny_model) -> None:
    model = tiny_model("llama", chat=False)
    row = eg.Example("hello", "sad", history=(("user", "x"), ("assistant", "y")), line=2)
    with pytest.raises(TemplateError) as told:
        lay_out_rows(model, eg.start(model, PROMPT), [row])
    assert str(told.value) == (
        "Line 2: Rows with earlier chat turns need a chat template; this template is plain text. Use a model with a "
        "chat template, or rows with a single user message."
    )


def test_a_template_that_rejects_system_messages(tiny_model) -> None:
    model = tiny_model("llama", chat=LOUD)
    with pytest.raises(TemplateError) as told:
        eg.start(model, PROMPT, SYSTEM)
    assert str(told.value) == (
        f"The chat template of {model.tokenizer.name_or_path} refuses messages with the roles system, user: System "
        "role not supported. Many models have no system message: put {prompt} into the user message."
    )
    assert eg.start(model, PROMPT, USER).text == PROMPT


def test_a_template_that_drops_system_messages(tiny_model) -> None:
    model = tiny_model("llama", chat=DROPS)
    with pytest.raises(TemplateError) as told:
        eg.start(model, PROMPT, SYSTEM)
    assert str(told.value) == (
        f"The chat template of {model.tokenizer.name_or_path} renders {{prompt}} 0 times instead of once. Put it into "
        "the user message."
    )


def test_a_broken_template(tiny_model) -> None:
    model = tiny_model("llama", chat="{% for m in messages %}{{ m['content'] }")
    with pytest.raises(TemplateError, match=r"refuses messages with the roles user: .*Many models have no system"):
        eg.start(model, PROMPT)


def test_no_chat_template(tiny_model) -> None:
    model = tiny_model("llama", chat=False)
    with pytest.raises(NoChatTemplate) as told:
        eg.start(model, PROMPT, USER)
    assert str(told.value) == (
        f"{model.tokenizer.name_or_path} has no chat template. Use a plain text template, for example "
        'template=eg.Template.text("{prompt}\\n{input}\\n").'
    )


@pytest.mark.parametrize(
    ("chat", "end"),
    [
        (True, "<|im_end|>"),
        (False, "</s>"),
        (NO_END, "</s>"),
        (tiny.CHATML.replace("<|im_end|>", " </s>"), "</s>"),
        (TRIMS, "<|im_end|>"),
    ],
)
def test_what_ends_a_target(chat: bool | str, end: str, tiny_model) -> None:
    model = tiny_model("llama", chat=chat)
    prompt = eg.start(model, PROMPT)
    ids = target_ids(model, prompt, "sad")
    assert model.tokenizer.convert_ids_to_tokens(ids[-1]) == end
    assert ids[:-1] == tuple(model.tokenizer("sad", add_special_tokens=False)["input_ids"])


def test_a_template_that_trims(tiny_model) -> None:
    """The prompt's text is what the chat template leaves of it, so that it is the text that the model is given."""
    model = tiny_model("llama", chat=TRIMS)
    for template in (SYSTEM, USER, eg.Template.chat("{input}\n\n{prompt}")):
        prompt = eg.start(model, "  Answer with one word. \n", template)
        messages = [
            {"role": turn.role, "content": turn.content.format(prompt="  Answer with one word. \n", input="hello")}
            for turn in template.turns
        ]
        wanted = model.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert written(model, prompt, eg.Example("hello")) == wanted
    assert eg.start(model, "  Answer. ", SYSTEM).text == "Answer."
    assert eg.start(tiny_model("llama"), "  Answer. ", SYSTEM).text == "  Answer. "


def test_a_date_is_stored_with_the_prompt(tiny_model, tmp_path: Path) -> None:
    """Llama 3's template inserts today's date; tomorrow the prompt still stands where it was tuned."""
    model = tiny_model("llama", chat=DATED.replace("strftime_now('%d %b %Y')", "'26 Jul 2024'"))
    later = dataclasses.replace(model, tokenizer=tiny.make_tokenizer(bos=True, chat_template=DATED))
    eg.start(model, PROMPT).save(tmp_path / "p.safetensors")
    row = eg.Example("hello", "sad")
    said: list[str] = []
    prompt = eg.start(later, tmp_path / "p.safetensors", say=said.append)
    assert written(later, prompt, row).startswith("<s>Today is 26 Jul 2024.\n<|im_start|>user")
    assert not written(later, eg.start(later, PROMPT), row).startswith("<s>Today is 26 Jul 2024.")
    assert said == []  # `later` is the same base by its identity; another chat template: see test_fingerprint


def test_slots_may_stand_in_several_messages(tiny_model) -> None:
    model = tiny_model("llama")
    template = eg.Template.messages(
        [
            {"role": "user", "content": "Example: {shot}"},
            {"role": "assistant", "content": "happy"},
            {"role": "user", "content": "{prompt} {input}"},
        ]
    )
    row = eg.Example("hello", "sad", {"shot": "a \ue000 b"})
    assert "Example: a \ue000 b<|im_end|>" in written(model, eg.start(model, PROMPT, template), row)
    assert [s.name for s in render(template, model.tokenizer).segments if s.kind == "slot"] == [
        "shot", "prompt", "input",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [SYSTEM, USER, eg.Template.chat("{input}\n\n{prompt}"), eg.Template.chat("{prompt}\n\n{context}: {input}")],
)
@pytest.mark.parametrize("chat", [TRIMS, tiny.CHATML, TRIMS.replace("trim", "replace('  ', ' ')")])
@pytest.mark.parametrize("text", ["  hello\n", "\u3000hello", "hello \t", "\n\nhello dog \n\n"])
def test_a_row_is_what_the_chat_template_makes_of_it(template: eg.Template, chat: str, text: str, tiny_model) -> None:
    """Prompt and input alike: outer white space that the chat template trims is not trained either."""
    model = tiny_model("llama", chat=chat)
    values = {"prompt": PROMPT, "input": text, "context": " " + text}
    messages = [{"role": turn.role, "content": turn.content.format(**values)} for turn in template.turns]
    wanted = model.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    row = eg.Example(text, columns={"context": " " + text})
    assert written(model, eg.start(model, PROMPT, template), row) == wanted


def test_earlier_turns_are_what_the_chat_template_makes_of_them(tiny_model) -> None:
    """Qwen 3 takes the reasoning out of earlier answers; many trim."""
    thinks = tiny.CHATML.replace("m['content']", "m['content'].split('</think>')[-1] | trim")
    row = eg.Example(
        "and now? ",
        history=(("user", " hello\n"), ("assistant", "<think>a</think>\n\nhi"), ("user", "x"), ("assistant", "y")),
    )
    for chat in (thinks, TRIMS, True):
        model = tiny_model("llama", chat=chat)
        messages = [{"role": role, "content": text} for role, text in row.history]
        messages = [{"role": "system", "content": PROMPT}, *messages, {"role": "user", "content": row.input}]
        wanted = model.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert written(model, eg.start(model, PROMPT, SYSTEM), row) == wanted


def test_turns_that_the_chat_template_drops_or_changes(tiny_model) -> None:
    model = tiny_model("llama", chat=DROPS)
    name = model.tokenizer.name_or_path
    row = eg.Example("hello", history=(("system", "Be calm."),), line=3)
    with pytest.raises(TemplateError) as told:
        lay_out_rows(model, eg.start(model, PROMPT, USER), [row])
    assert str(told.value) == (
        f"Line 3: The chat template of {name} renders the row's earlier system message 0 times instead of once. Take "
        "it out of the row."
    )
    counts = "{{ messages | map(attribute='content') | select('in', ['hi']) | list | length }}"
    for chat, words in (
        (tiny.CHATML + counts, "does not keep this text of the row as it is: 'hi'"),
        (
            tiny.CHATML
            + "{{ (messages | map(attribute='content') | select('in', ['hi', 'ho']) | list | length) > 1 }}",
            "writes the row's earlier turns otherwise together than one by one",
        ),
    ):
        model = tiny_model("llama", chat=chat)
        row = eg.Example("hello", history=(("user", "hi"), ("assistant", "ho")), line=4)
        with pytest.raises(TemplateError) as told:
            lay_out_rows(model, eg.start(model, PROMPT, SYSTEM), [row])
        assert (
            str(told.value)
            == f"Line 4: The chat template of {model.tokenizer.name_or_path} {words}. Take it out of the row."
        )


class TestOneBos:
    """A BOS that is typed is the BOS: the model reads one."""

    @pytest.mark.parametrize(
        "plain", ["<s>{prompt}\n{input}\n", "{prompt}\n{input}\n", "<s>{input}\n{prompt}", "{input} {prompt}"]
    )
    @pytest.mark.parametrize("prompt", [PROMPT, "<s>" + PROMPT])
    def test_in_plain_text(self, plain: str, prompt: str, tiny_model) -> None:
        model = tiny_model("llama")
        placed = eg.start(model, prompt, eg.Template.text(plain))
        (layout,) = lay_out_rows(model, placed, [eg.Example("hello", "sad")])
        ids = [*layout.ids[: layout.prompt.start], *placed.initial_ids, *layout.ids[layout.prompt.stop :]]
        typed = plain.startswith("<s>") + prompt.startswith("<s>")
        is_first = typed > 0 and not (plain.startswith("{input}") and prompt.startswith("<s>"))
        assert ids[0] == 1
        assert ids.count(1) == max(1, typed + (not is_first))  # what is typed twice, or within, is the user's own
        text = plain.format(prompt=prompt, input="hello") + "sad"
        whole = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert model.tokenizer.decode(ids) == model.tokenizer.decode(whole if is_first else [1, *whole]) + "</s>"

    def test_where_the_tokenizer_puts_none(self, tiny_model) -> None:
        model = tiny_model("qwen2")
        placed = eg.start(model, PROMPT, eg.Template.text("<s>{prompt}\n{input}\n"))
        assert lay_out_rows(model, placed, [eg.Example("hello", "sad")])[0].ids[0] == 1

    def test_in_a_chat(self, tiny_model) -> None:
        model = tiny_model("llama", chat="<s>" + tiny.CHATML)
        for prompt, template, text in (
            (PROMPT, eg.Template.chat("<s>{prompt} {input}"), "<s>{prompt} {input}"),
            ("<s> Answer.", USER, "<s> Answer."),
        ):
            with pytest.raises(TemplateError) as told:
                eg.start(model, prompt, template)
            assert str(told.value) == (
                f"{text!r} begins with <s>, which the chat template of {model.tokenizer.name_or_path} writes itself: "
                "the model would read it twice. Leave it out, or place the prompt with eg.Template.text."
            )
