"""Token ids that the model has no embedding for: told at load, refused where they would be used, on every device."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers

import embedgrad as eg
import tiny
from embedgrad.errors import ModelError
from embedgrad.prompt.rows import target_ids

PROMPT = "Answer with one word."
ADDED = "<extra>"


@pytest.fixture(scope="module")
def folder(tiny_folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer with one token more than the model has rows, as after add_tokens without resizing."""
    folder = Path(shutil.copytree(tiny_folder("llama"), tmp_path_factory.mktemp("larger") / "larger"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([ADDED])
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> eg.FrozenModel:
    return eg.load_model(folder)


@pytest.fixture(scope="module")
def rows(model: eg.FrozenModel) -> int:
    return model.lm.get_input_embeddings().weight.shape[0]


def beyond(model: eg.FrozenModel, rows: int, what: str | None = None) -> str:
    token = what or f"the token {ADDED!r} (id {rows})"
    return f"holds {token}, for which {model.identity.name} has no embedding: its table has {rows} rows."


def told(call: object) -> str:
    with pytest.raises(ModelError) as raised:
        call()
    return str(raised.value)


def test_it_is_told_at_load(folder: Path, rows: int) -> None:
    said: list[str] = []
    model = eg.load_model(folder, say=said.append)
    assert said == [
        "The tokenizer of larger has tokens that the model has no embedding for, as its table has "
        f"{rows} rows: {ADDED!r} (id {rows}). A text that holds one is refused."
    ]
    assert model.vocabulary == rows
    assert eg.generate(model, PROMPT, ["hello"], max_new_tokens=2)[0] is not None


@pytest.mark.parametrize("more", [1, 64])
def test_a_table_larger_than_the_tokenizer_is_nothing_to_tell(more: int, tiny_folder, tmp_path: Path) -> None:
    """Most real models: the table is padded to a round number."""
    folder = Path(shutil.copytree(tiny_folder("llama"), tmp_path / "padded"))
    lm = transformers.AutoModelForCausalLM.from_pretrained(folder)
    lm.resize_token_embeddings(lm.config.vocab_size + more)
    lm.save_pretrained(folder)
    said: list[str] = []
    model = eg.load_model(folder, say=said.append)
    assert said == []
    assert model.token_rows == model.vocabulary + more
    assert eg.generate(model, PROMPT, ["hello"], max_new_tokens=2)[0] is not None


def test_in_a_prompt(model: eg.FrozenModel, rows: int) -> None:
    assert told(lambda: eg.start(model, f"Say {ADDED}")) == (
        f"The prompt 'Say {ADDED}' {beyond(model, rows)} Write it without that token."
    )


def test_in_a_template(model: eg.FrozenModel, rows: int) -> None:
    for template in (eg.Template.chat(ADDED + "{prompt} {input}"), eg.Template.text("{prompt} {input}\n" + ADDED)):
        assert told(lambda template=template: eg.start(model, PROMPT, template)) == (
            f"The template {beyond(model, rows)} Use another, or the tokenizer that the model was made with."
        )


ADVICE = "Write it without that token, or add the token to the model (resize_token_embeddings)."


@pytest.mark.parametrize(
    "row",
    [
        eg.Example(f"hello {ADDED}", "sad", line=7),
        eg.Example("hello", f"sad {ADDED}", line=7),
        eg.Example("hello", "sad", history=(("user", ADDED), ("assistant", "hi")), line=7),
    ],
    ids=["input", "target", "history"],
)
def test_in_a_row(row: eg.Example, model: eg.FrozenModel, rows: int) -> None:
    whole = f"Line 7 {beyond(model, rows)} {ADVICE}"
    assert told(lambda: eg.forward(model, eg.start(model, PROMPT), [row])) == whole
    if ADDED not in (row.target or ""):
        assert told(lambda: eg.generate(model, PROMPT, [row], max_new_tokens=2)) == whole


def test_in_a_label(model: eg.FrozenModel, rows: int) -> None:
    assert told(lambda: target_ids(model, eg.start(model, PROMPT), ADDED)) == (
        f"The answer {ADDED!r} {beyond(model, rows)} {ADVICE}"
    )


class TestStored:
    """Ids in a prompt file, or of another base by allow_mismatch."""

    OWN = "Give the model it was tuned on."

    @pytest.fixture
    def prompt(self, model: eg.FrozenModel) -> eg.SoftPrompt:
        return eg.start(model, PROMPT)

    @pytest.mark.parametrize("beyond_it", [999_999, 2**40])
    def test_in_the_template(self, beyond_it: int, prompt, model, rows) -> None:
        head, *rest = prompt.template.segments
        segments = (head.model_copy(update={"ids": (*head.ids, beyond_it)}), *rest)
        spoiled = replace(prompt, template=prompt.template.model_copy(update={"segments": segments}))
        message = beyond(model, rows, f"the token id {beyond_it}")
        assert told(lambda: eg.generate(model, spoiled, ["hello"])) == (
            f"The template {message} Place it anew with template. {self.OWN}"
        )
        anew = eg.Template.chat("{input}\n{prompt}")
        assert eg.generate(model, spoiled, ["hello"], template=anew, max_new_tokens=2)[0] is not None

    def test_at_the_end_of_an_answer(self, prompt, model, rows) -> None:
        template = prompt.template.model_copy(update={"target_end_ids": (rows,)})
        assert told(lambda: eg.start(model, replace(prompt, template=template))) == (
            f"The end of an answer {beyond(model, rows)} Place it anew with template. {self.OWN}"
        )

    @pytest.mark.parametrize("beyond_it", [999_999, 2**40])
    def test_in_its_text(self, beyond_it: int, prompt, model, rows) -> None:
        ids = (*prompt.initial_ids[:-1], beyond_it)
        message = beyond(model, rows, f"the token id {beyond_it}")
        assert told(lambda: eg.start(model, replace(prompt, initial_ids=ids))) == (
            f"The text this prompt started from {message} {self.OWN}"
        )

    def test_of_another_base(self, prompt, tiny_folder, tmp_path: Path, model) -> None:
        """A base of equal width whose tokenizer has fewer tokens: the prompt's own ids lead nowhere in it."""
        small = Path(shutil.copytree(tiny_folder("llama"), tmp_path / "fewer"))
        lm = transformers.AutoModelForCausalLM.from_pretrained(small)
        lm.resize_token_embeddings(300)
        lm.save_pretrained(small)
        base = eg.load_model(small)
        found = told(lambda: eg.start(base, prompt, allow_mismatch=True))
        assert found.startswith("The text this prompt started from holds the token ")
        assert found.endswith(f", for which fewer has no embedding: its table has 300 rows. {self.OWN}")


def test_a_bos_without_a_row(folder: Path, tmp_path: Path, rows: int) -> None:
    """What the tokenizer puts in front of a plain text by itself."""
    copy = Path(shutil.copytree(folder, tmp_path / "bos"))
    path = copy / "tokenizer.json"
    state = json.loads(path.read_text())
    special = {"id": ADDED, "ids": [rows], "tokens": [ADDED]}
    state["post_processor"]["single"][0]["SpecialToken"]["id"] = ADDED
    state["post_processor"]["special_tokens"] = {ADDED: special}
    path.write_text(json.dumps(state))
    model = eg.load_model(copy)
    advice = "Use another, or the tokenizer that the model was made with."
    assert told(lambda: eg.start(model, PROMPT, eg.Template.text("{prompt}\n{input}\n"))) == (
        f"What the tokenizer puts in front of every text {beyond(model, rows)} {advice}"
    )
    assert eg.start(model, PROMPT).text == PROMPT, "a chat template writes its own"


def test_embed_takes_no_id_without_a_row(model: eg.FrozenModel, rows: int) -> None:
    for ids, what in (([0, rows], f"the token {ADDED!r} (id {rows})"), ([-1], "the token id -1"), ([2**40], None)):
        message = beyond(model, rows, what or f"the token id {2**40}")
        assert told(lambda ids=ids: model.embed(ids)) == f"The text to embed {message} Leave it out."
    assert model.embed([]).shape == (0, 32)
    assert torch.equal(model.embed([[1, 2]])[0], model.embed([1, 2]))


def test_stories_have_a_row_for_every_token(stories) -> None:
    assert stories.token_rows >= len(stories.tokenizer)
    assert tiny.STORIES.is_dir()


def test_a_padding_token_alone_is_nothing_to_tell(tiny_folder, tmp_path: Path) -> None:
    """Llama 2's fine-tunes have a [PAD] beyond the table; no row of ours holds it."""
    folder = Path(shutil.copytree(tiny_folder("llama"), tmp_path / "padding"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(folder)
    said: list[str] = []
    model = eg.load_model(folder, say=said.append)
    assert said == []
    with pytest.raises(ModelError, match=r"^The prompt 'Say \[PAD\]' holds the token '\[PAD\]' \(id "):
        eg.start(model, "Say [PAD]")
