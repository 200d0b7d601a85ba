"""Models with several chat templates, and the arguments of one: chosen, stored with the prompt, used again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

import embedgrad as eg
import tiny
from embedgrad.errors import EmbedgradError, NoChatTemplate, TemplateError
from embedgrad.prompt.file import decode, encode
from embedgrad.prompt.rows import lay_out_rows

PROMPT = "Determine the main emotion. Answer with one word."
RAG = "Grounded.\n" + tiny.CHATML
THINKS = tiny.CHATML.replace(
    "{% if add_generation_prompt %}<|im_start|>assistant\n",
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is false %}<think></think>{% endif %}",
)
DATED = "{{ date_string | default('no date') }}\n" + tiny.CHATML
TOOLS = "{% if tools %}{{ tools | tojson }}{% endif %}" + tiny.CHATML
SEVERAL = {"default": THINKS, "rag": RAG, "tool_use": TOOLS}


def with_templates(folder: Path, templates: dict[str, str], form: str = "folder") -> Path:
    """The same model with these chat templates, written as tokenizers write them: as a list in tokenizer_config.json
    (before transformers 4.52) or as .jinja files."""
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    if form == "list":
        path = folder / "tokenizer_config.json"
        named = [{"name": name, "template": text} for name, text in templates.items()]
        path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": named}))
        return folder
    (folder / "additional_chat_templates").mkdir()
    for name, text in templates.items():
        file = "chat_template.jinja" if name == "default" else f"additional_chat_templates/{name}.jinja"
        (folder / file).write_text(text)
    return folder


@pytest.fixture(scope="module")
def folder(tiny_folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with three chat templates. Do not change it."""
    path = tmp_path_factory.mktemp("several") / "several"
    return with_templates(Path(shutil.copytree(tiny_folder("llama"), path)), SEVERAL)


@pytest.fixture(scope="module")
def model(folder: Path) -> eg.FrozenModel:
    return eg.load_model(folder)


@pytest.fixture(scope="module")
def rag(folder: Path) -> eg.FrozenModel:
    return eg.load_model(folder, chat_template="rag")


@pytest.fixture(scope="module")
def quiet(folder: Path) -> eg.FrozenModel:
    return eg.load_model(folder, template_arguments={"enable_thinking": False})


def written(model: eg.FrozenModel, prompt: eg.SoftPrompt, example: eg.Example) -> str:
    (layout,) = lay_out_rows(model, prompt, [example], with_target=False)
    ids = [*layout.ids[: layout.prompt.start], *prompt.initial_ids, *layout.ids[layout.prompt.stop :]]
    return model.tokenizer.decode(ids)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def told(error: type[EmbedgradError], folder: Path, **options: object) -> str:
    with pytest.raises(error) as raised:
        eg.load_model(folder, **options)
    assert type(raised.value) is error
    return str(raised.value)


ROW = eg.Example("hello")
LATER = eg.Example("and now?", history=(("user", "hello"), ("assistant", "hi")))


@pytest.mark.parametrize("form", ["list", "folder"])
class TestWhichOne:
    @pytest.fixture
    def several(self, form: str, tiny_folder, tmp_path: Path) -> Path:
        return with_templates(Path(shutil.copytree(tiny_folder("llama"), tmp_path / "several")), SEVERAL, form)

    def test_the_default_is_used(self, several: Path) -> None:
        model = eg.load_model(several)
        prompt = eg.start(model, PROMPT)
        assert written(model, prompt, ROW).startswith("<|im_start|>user\n")
        assert prompt.template.source.chat_template == "default"
        assert prompt.base.chat_template == model.identity.chat_template == sha256(THINKS)

    def test_another_is_chosen(self, several: Path) -> None:
        model = eg.load_model(several, chat_template="rag")
        prompt = eg.start(model, PROMPT)
        assert written(model, prompt, ROW).startswith("Grounded.\n<|im_start|>user\n")
        assert written(model, prompt, LATER).startswith("Grounded.\n<|im_start|>user\nhello<|im_end|>\n")
        assert prompt.template.source.chat_template == "rag"
        assert prompt.base.chat_template == sha256(RAG)
        assert model.identity == eg.load_model(several).identity, "the choice is the prompt's, not the base's"

    def test_none_is_called_default(self, form: str, tiny_folder, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(tiny_folder("llama"), tmp_path / "nameless"))
        model = eg.load_model(with_templates(folder, {"rag": RAG, "tool_use": TOOLS}, form))
        with pytest.raises(NoChatTemplate) as raised:
            eg.start(model, PROMPT)
        assert str(raised.value) == (
            f"{model.tokenizer.name_or_path} has chat templates by name and none is called default. Choose one with "
            "chat_template of eg.load_model: rag, tool_use."
        )
        assert eg.start(model, PROMPT, eg.Template.text("{prompt}\n{input}\n")).text == PROMPT
        assert eg.start(eg.load_model(folder, chat_template="rag"), PROMPT).text == PROMPT


def test_a_single_one_is_called_default(tiny_folder) -> None:
    plain = eg.start(eg.load_model(tiny_folder("llama")), PROMPT)
    named = eg.start(eg.load_model(tiny_folder("llama"), chat_template="default"), PROMPT)
    assert plain.template.segments == named.template.segments
    assert (plain.template.source.chat_template, plain.base) == (None, named.base)


def test_an_unknown_name(folder: Path, tiny_folder) -> None:
    assert told(NoChatTemplate, folder, chat_template="ragg") == (
        f"{folder} has no chat template 'ragg'; it has default, rag, tool_use. Did you mean \"rag\"?"
    )
    single = tiny_folder("llama")
    assert told(NoChatTemplate, single, chat_template="rag") == f"{single} has no chat template 'rag'; it has default."
    none = tiny_folder("llama", chat=False)
    for choice in ({"chat_template": "rag"}, {"template_arguments": {"enable_thinking": False}}):
        assert told(NoChatTemplate, none, **choice) == (
            f"{none} has no chat template. Use a plain text template, for example "
            'template=eg.Template.text("{prompt}\\n{input}\\n").'
        )


class TestArguments:
    def test_they_reach_the_template(self, quiet: eg.FrozenModel, model: eg.FrozenModel) -> None:
        prompt = eg.start(quiet, PROMPT)
        for row in (ROW, LATER):
            assert written(quiet, prompt, row).endswith("<|im_start|>assistant\n<think></think>")
            assert written(model, eg.start(model, PROMPT), row).endswith("<|im_start|>assistant\n")
        assert prompt.template.source.template_arguments == {"enable_thinking": False}

    @pytest.mark.parametrize(
        ("name", "arguments", "start"),
        [
            ("tool_use", {"tools": [{"type": "function", "function": {"name": "look_up"}}]}, '[{"type": "function"'),
            ("tool_use", {}, "<|im_start|>user"),
        ],
    )
    def test_tools_are_for_the_template(self, name: str, arguments: dict, start: str, folder: Path) -> None:
        model = eg.load_model(folder, chat_template=name, template_arguments=arguments)
        assert written(model, eg.start(model, PROMPT), ROW).startswith(start)

    def test_a_text(self, tiny_folder, tmp_path: Path) -> None:
        folder = with_templates(Path(shutil.copytree(tiny_folder("llama"), tmp_path / "dated")), {"default": DATED})
        model = eg.load_model(folder, template_arguments={"date_string": "1 May 2026"})
        assert written(model, eg.start(model, PROMPT), LATER).startswith("1 May 2026\n<|im_start|>user\nhello")

    def test_one_that_the_template_does_not_read(self, folder: Path) -> None:
        assert told(TemplateError, folder, template_arguments={"enable_thinkng": False}) == (
            f"The chat template of {folder} reads no argument 'enable_thinkng'. Did you mean \"enable_thinking\"? "
            "Leave it out, or correct its name."
        )
        assert told(TemplateError, folder, chat_template="rag", template_arguments={"enable_thinking": False}) == (
            f"The chat template of {folder} reads no argument 'enable_thinking'. Leave it out, or correct its name."
        )

    @pytest.mark.parametrize("name", ["messages", "add_generation_prompt", "tokenize", "chat_template", "conversation"])
    def test_one_that_is_ours(self, name: str, folder: Path) -> None:
        assert told(TemplateError, folder, template_arguments={name: True}) == (
            f"The template argument {name!r} is set by embedgrad itself. Leave it out."
        )

    def test_one_that_is_no_json(self) -> None:
        with pytest.raises(TemplateError) as raised:
            eg.Template.chat("{prompt} {input}", template_arguments={"x": {1, 2}})
        assert str(raised.value) == (
            "A chat template is named by a text, and its arguments are JSON values by name; got None and {'x': {1, 2}}."
        )


class TestUsedAgain:
    @pytest.fixture
    def file(self, rag: eg.FrozenModel, tmp_path: Path) -> Path:
        eg.start(rag, PROMPT).save(tmp_path / "rag.safetensors")
        return tmp_path / "rag.safetensors"

    def test_what_is_stored_applies(self, file: Path, model: eg.FrozenModel, rag: eg.FrozenModel) -> None:
        for now in (model, rag):
            said: list[str] = []
            prompt = eg.start(now, file, say=said.append)
            assert said == []
            assert written(now, prompt, LATER).startswith("Grounded.\n<|im_start|>user\nhello")

    @pytest.mark.parametrize(
        ("choice", "words"),
        [
            ({"chat_template": "default"}, "chat template default"),
            ({"chat_template": "tool_use", "template_arguments": {"tools": []}}, "chat template tool_use, tools=[]"),
            ({"template_arguments": {"enable_thinking": False}}, "enable_thinking=false"),
        ],
    )
    def test_another_choice_is_told_and_changes_nothing(
        self, choice: dict, words: str, file: Path, folder: Path
    ) -> None:
        other = eg.load_model(folder, **choice)
        said: list[str] = []
        prompt = eg.start(other, file, say=said.append)
        assert said == [
            f"This prompt keeps what it was tuned with (chat template rag) instead of {words}. To place it anew, give "
            "template too."
        ]
        assert prompt.template == eg.SoftPrompt.load(file).template

    def test_the_stored_arguments_are_told(self, quiet: eg.FrozenModel, rag: eg.FrozenModel) -> None:
        said: list[str] = []
        eg.start(rag, eg.start(quiet, PROMPT), say=said.append)
        assert said == [
            "This prompt keeps what it was tuned with (chat template default, enable_thinking=false) instead of chat "
            "template rag. To place it anew, give template too."
        ]

    def test_a_template_places_it_anew(self, file: Path, model: eg.FrozenModel, quiet: eg.FrozenModel) -> None:
        """With the choice of the template, else of the model, else its own."""
        said: list[str] = []
        content = "{input}\n\n{prompt}"
        moved = eg.start(model, file, eg.Template.chat(content), say=said.append)
        assert moved.template.source == eg.Template.chat(content, chat_template="rag")
        assert said == [
            r"The prompt is placed as 'user: {input}\n\n{prompt} (chat template rag)', otherwise than where it was "
            "tuned."
        ]
        named = eg.start(quiet, file, eg.Template.chat(content, chat_template="default"))
        assert named.template.source.template_arguments == {"enable_thinking": False}
        assert named.base == quiet.identity

    def test_plain_text_has_none(self, rag: eg.FrozenModel) -> None:
        said: list[str] = []
        plain = eg.start(rag, PROMPT, eg.Template.text("{prompt}\n{input}\n"), say=said.append)
        assert said == ["Plain text is written by no chat template: chat template rag is not used for it."]
        assert plain.template.source.chat_template is None
        eg.start(rag, plain, say=said.append)
        assert said[1:] == [
            "This prompt keeps what it was tuned with (plain text) instead of chat template rag. To place it anew, "
            "give template too."
        ]

    def test_a_chat_template_that_has_changed(self, file: Path, folder: Path, tmp_path: Path) -> None:
        """The digest is of the template that was chosen: another default is no change for it."""
        for name, text, changes in (("default", "Hi! " + THINKS, False), ("rag", "Hi! " + RAG, True)):
            copy = Path(shutil.copytree(folder, tmp_path / name))
            shutil.rmtree(copy / "additional_chat_templates")
            said: list[str] = []
            now = eg.load_model(with_templates(copy, SEVERAL | {name: text}))
            prompt = eg.start(now, file, say=said.append)
            assert [("The model's chat template has changed" in sentence) for sentence in said] == [True] * changes
            assert written(now, prompt, ROW).startswith("Grounded.\n<|im_start|>user")

    def test_a_base_without_that_template(self, file: Path, tiny_folder) -> None:
        other = eg.load_model(tiny_folder("llama"))
        prompt = eg.start(other, file)
        assert written(other, prompt, ROW).startswith("Grounded.\n")
        with pytest.raises(NoChatTemplate, match=r"has no chat template 'rag'; it has default\.$"):
            lay_out_rows(other, prompt, [LATER])


class TestPromptFile:
    def test_what_is_not_chosen_is_not_written(self, tiny_model) -> None:
        """So that a file without a choice is what it always was, for earlier versions too."""
        source = eg.start(tiny_model("llama"), PROMPT).content().record.model_dump(mode="json")["template"]["source"]
        assert sorted(source) == ["plain", "turns"]

    @pytest.mark.parametrize(
        "choice",
        [
            {"chat_template": "rag"},
            {"template_arguments": {"enable_thinking": False, "b": [1, 2.5, None, "é"], "a": {"z": 1, "y": True}}},
            {"chat_template": "rag", "template_arguments": {"n": 1}},
        ],
    )
    def test_it_is_what_it_was(self, choice: dict, tiny_model) -> None:
        prompt = eg.start(tiny_model("llama"), PROMPT)
        source = eg.Template.chat("{prompt}\n\n{input}", **choice)
        content = eg.SoftPrompt(
            prompt.embeddings, template=prompt.template.model_copy(update={"source": source}), created=prompt.created
        ).content()
        data = encode(content)
        again = decode(data, "it")
        assert again.record.template.source == source
        assert encode(again) == data


def test_they_are_downloaded_with_the_model() -> None:
    from huggingface_hub.utils import filter_repo_objects

    from embedgrad.model.load.loaders import hub_files

    files = ["chat_template.jinja", "additional_chat_templates/rag.jinja", "consolidated.safetensors", "original/a.pth"]
    assert list(filter_repo_objects(files, allow_patterns=hub_files())) == files[:2]
