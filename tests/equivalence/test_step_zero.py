"""Before the first step the soft prompt is its text: the logits are those of Hugging Face on plain token ids.

The ids are built here without embedgrad's template room: constant text in one string, varying slots by themselves.
"""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.engine import plain
from embedgrad.engine.shared_prefix import SharedPrefix
from embedgrad.prompt.rows import lay_out_rows

PROMPTS = (
    "Determine the main emotion. Answer with one word.",
    "Name the emotion",
    "  Positive or negative?  ",
    "Wähle das Gefühl — 😀 oder 😢, naïve café.",
)
INPUT, CONTEXT, TARGET = "I can't believe it worked!", "Once upon a time", "surprised"
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11}
SHORT = eg.Example("the dog", "sad", {"context": "one.\n\n"})
ROW = eg.Example(INPUT, TARGET, {"context": CONTEXT})

SYSTEM = [{"role": "system", "content": "{prompt}"}, {"role": "user", "content": "{input}"}]
BEFORE = [{"role": "user", "content": "{prompt}\n\n{input}"}]
CHAT = {
    "system": SYSTEM,
    "system, among words": [{"role": "system", "content": "You are calm. {prompt}\nBe brief."}, SYSTEM[1]],
    "user, before the input": BEFORE,
    "user, after the input": [{"role": "user", "content": "{input}\n\n{prompt}\n\n"}],
    "user, after the input, at the end": [{"role": "user", "content": "{input} {prompt}"}],
    "a column": [{"role": "user", "content": "{prompt}\n\n{context}: {input} ({{yes}} or no)"}],
}
PLAIN = {
    "first": "{prompt}\n{input}\n",
    "first, blank line": "{prompt}\n\n{input}\n\n",
    "after words": "Task: {prompt}\n\n{input}\n",
    "after the input": "{input}\n\n{prompt}\n\n",
    "a column first": "{context}. {prompt} {input} ->",
}


def filled(text: str, prompt: str, row: eg.Example) -> list[str]:
    """The text in pieces: constant, varying, constant, ..."""
    for slot, value in (("{prompt}", prompt), ("{{", "{"), ("}}", "}")):
        text = text.replace(slot, value)
    text = text.replace("{input}", f"\0{row.input}\0").replace("{context}", f"\0{row.columns['context']}\0")
    return text.split("\0")


def by_hand(tokenizer, pieces: list[str], bos: bool) -> list[int]:
    ids = [i for piece in pieces for i in tokenizer(piece, add_special_tokens=False)["input_ids"]]
    return [tokenizer.bos_token_id, *ids] if bos else ids


def plain_ids(tokenizer, text: str, prompt: str, row: eg.Example) -> list[int]:
    adds_bos = tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    target = [*tokenizer(row.target, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return by_hand(tokenizer, filled(text, prompt, row), adds_bos) + target


def chat_ids(tokenizer, messages: list[dict[str, str]], prompt: str, row: eg.Example, end: str) -> list[int]:
    turns = [{**turn, "content": "\0".join(filled(turn["content"], prompt, row))} for turn in messages]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    answer = tokenizer(row.target, add_special_tokens=False)["input_ids"]
    return [*by_hand(tokenizer, text.split("\0"), False), *answer, tokenizer.convert_tokens_to_ids(end)]


def hf_logits(model: eg.FrozenModel, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model.lm(input_ids=torch.tensor([ids])).logits[0]


def soft_logits(model: eg.FrozenModel, prompt: eg.SoftPrompt, layout) -> torch.Tensor:
    with torch.no_grad():
        embeds = plain.join(model, prompt.embeddings, torch.tensor([layout.ids]), [layout])
        return model.lm(inputs_embeds=embeds).logits[0]


def check_plain(model: eg.FrozenModel, template: eg.Template, text: str, expected: list[list[int]]) -> None:
    prompt = eg.start(model, text, template)
    for layout, ids in zip(lay_out_rows(model, prompt, [ROW, SHORT]), expected, strict=True):
        assert len(layout) == len(ids)
        assert (soft_logits(model, prompt, layout) - hf_logits(model, ids)).abs().max() <= 1e-5


def check(model: eg.FrozenModel, template: eg.Template, text: str, expected: list[list[int]]) -> None:
    """On the plain path, and on the shared prefix where these rows have one."""
    check_plain(model, template, text, expected)
    prompt = eg.start(model, text, template)
    layouts = lay_out_rows(model, prompt, [ROW, SHORT])
    if layouts[0].header_ids != layouts[1].header_ids or layouts[0].target.start == layouts[0].prompt.stop:
        return
    path = SharedPrefix(model)
    with torch.no_grad():
        found = path.predict(path.once(prompt.embeddings, layouts), layouts).states
    wanted = [
        hf_logits(model, ids)[-len(layout.target) - 1 : -1] for layout, ids in zip(layouts, expected, strict=True)
    ]
    assert (found - torch.cat(wanted)).abs().max() <= TOLERANCE[model.dtype]


@pytest.mark.parametrize("text", PROMPTS)
@pytest.mark.parametrize("family", tiny.FAMILIES)
class TestStepZero:
    @pytest.mark.parametrize("place", CHAT)
    def test_chat(self, family: str, text: str, place: str, tiny_model) -> None:
        template = eg.Template.messages(CHAT[place])
        model = in_its_windows(tiny_model, family, template, text)
        expected = [chat_ids(model.tokenizer, CHAT[place], text, row, "<|im_end|>") for row in (ROW, SHORT)]
        check(model, template, text, expected)

    @pytest.mark.parametrize("place", PLAIN)
    def test_plain_text(self, family: str, text: str, place: str, tiny_model) -> None:
        template = eg.Template.text(PLAIN[place])
        model = in_its_windows(tiny_model, family, template, text, chat=False)
        expected = [plain_ids(model.tokenizer, PLAIN[place], text, row) for row in (ROW, SHORT)]
        check(model, template, text, expected)


def in_its_windows(tiny_model, family: str, template: eg.Template, text: str, **options: bool) -> eg.FrozenModel:
    """The family's model; its sliding windows hold the prefix, so that it can be shared, but not the whole row."""
    model = tiny_model(family, **options)
    if family not in tiny.WINDOWED:
        return model
    layouts = lay_out_rows(model, eg.start(model, text, template), [ROW, SHORT])
    window = max(layout.prompt.stop for layout in layouts) + 1
    assert window < min(map(len, layouts))
    return tiny_model(family, **options, sliding_window=window)


@pytest.mark.parametrize("place", CHAT)
@pytest.mark.parametrize("family", tiny.OTHERS)
def test_other_families(family: str, place: str, tiny_model) -> None:
    model = tiny_model(family)
    expected = [chat_ids(model.tokenizer, CHAT[place], PROMPTS[0], row, "<|im_end|>") for row in (ROW, SHORT)]
    template = eg.Template.messages(CHAT[place])
    if family in tiny.STATES:
        check_plain(model, template, PROMPTS[0], expected)
    else:
        check(model, template, PROMPTS[0], expected)


@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_bfloat16_is_no_worse_than_token_ids(family: str, tiny_model) -> None:
    """Errors against float32, at most as large as those of plain token ids in bfloat16 and a hundredth of the logits'
    size."""
    exact, model = tiny_model(family), tiny_model(family, "bfloat16")
    expected = [chat_ids(model.tokenizer, BEFORE, PROMPTS[0], row, "<|im_end|>") for row in (ROW, SHORT)]
    prompt = eg.start(model, PROMPTS[0])
    for layout, ids in zip(lay_out_rows(model, prompt, [ROW, SHORT]), expected, strict=True):
        right = hf_logits(exact, ids)
        ours, naive = (
            (logits - right).norm() for logits in (soft_logits(model, prompt, layout), hf_logits(model, ids))
        )
        assert ours <= naive + 0.01 * right.norm()


@pytest.mark.parametrize("text", PROMPTS)
@pytest.mark.parametrize("place", PLAIN)
def test_stories(stories, text: str, place: str) -> None:
    expected = [plain_ids(stories.tokenizer, PLAIN[place], text, row) for row in (ROW, SHORT)]
    check_plain(stories, eg.Template.text(PLAIN[place]), text, expected)


@pytest.mark.parametrize("place", CHAT)
def test_stories_with_a_chat_template(stories, place: str, monkeypatch) -> None:
    monkeypatch.setattr(stories.tokenizer, "chat_template", tiny.CHATML.replace("<|im_end|>", "</s>"), raising=False)
    tokenizer = stories.tokenizer
    for text in PROMPTS[:2]:
        expected = [chat_ids(tokenizer, CHAT[place], text, row, "</s>") for row in (ROW, SHORT)]
        check_plain(stories, eg.Template.messages(CHAT[place]), text, expected)


def test_stories_through_the_shared_prefix() -> None:
    """In float64: this model's logits reach 20, so that float32 rounding alone comes near the bound."""
    if not tiny.STORIES.is_dir():
        pytest.skip(f"{tiny.STORIES} is not here")
    model = eg.load_model(tiny.STORIES)
    model.lm.double()
    for place in ("first", "after words"):
        expected = [plain_ids(model.tokenizer, PLAIN[place], PROMPTS[0], row) for row in (ROW, SHORT)]
        check(model, eg.Template.text(PLAIN[place]), PROMPTS[0], expected)


@pytest.mark.parametrize("family", tiny.WINDOWED)
def test_a_window_shorter_than_the_row(family: str, tiny_model) -> None:
    model = tiny_model(family)
    expected = [chat_ids(model.tokenizer, BEFORE, PROMPTS[0], row, "<|im_end|>") for row in (ROW, SHORT)]
    assert min(map(len, expected)) > model.lm.config.sliding_window
    prompt = eg.start(model, PROMPTS[0])
    for layout, ids in zip(lay_out_rows(model, prompt, [ROW, SHORT]), expected, strict=True):
        assert (soft_logits(model, prompt, layout) - hf_logits(model, ids)).abs().max() <= 1e-5


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_straddling_token_is_the_prompts(family: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = eg.start(model, "Answer with one word.")
    last = model.tokenizer.decode([prompt.initial_ids[-1]])
    assert last.endswith(".\n\n")  # one token across the prompt's edge
    alone = model.tokenizer("Answer with one word.", add_special_tokens=False)["input_ids"]
    assert prompt.initial_ids[:-1] == tuple(alone[: len(prompt) - 1])
    assert prompt.initial_ids[-1] not in alone


@pytest.mark.parametrize("place", PLAIN)
@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2", "gemma3", "phi3"])
def test_bos_is_there_once(family: str, place: str, tiny_model) -> None:
    model = tiny_model(family, chat=False)
    prompt = eg.start(model, PROMPTS[0], eg.Template.text(PLAIN[place]))
    (layout,) = lay_out_rows(model, prompt, [ROW])
    assert layout.ids.count(model.tokenizer.bos_token_id) == 1
    assert layout.ids[0] == model.tokenizer.bos_token_id


def test_bos_of_a_chat_template_is_there_once(tiny_model) -> None:
    model = tiny_model("llama", chat="{{ bos_token }}" + tiny.CHATML)
    prompt = eg.start(model, PROMPTS[0])
    (layout,) = lay_out_rows(model, prompt, [ROW])
    assert layout.ids.count(1) == 1
    assert layout.ids[0] == 1
