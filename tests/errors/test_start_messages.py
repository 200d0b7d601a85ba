"""What `eg.start`, `eg.generate` and `eg.evaluate` say to a slip, instead of guessing what was meant."""

from __future__ import annotations

import pytest

import embedgrad as eg
from embedgrad.errors import FileMissing, UsageError


def test_a_mistyped_file_is_not_tuned_as_words(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tiny_model("qwen2")
    for name in ("emotion.safetensors", "emotion.safetensor", "./runs/emotion.safetenors"):
        with pytest.raises(FileMissing):
            eg.start(model, name)
    (tmp_path / "notes").mkdir()
    with pytest.raises(UsageError) as error:
        eg.start(model, "notes")
    assert str(error.value) == (
        "The prompt 'notes' names a folder, which holds neither prompt.safetensors (a run) nor adapter_config.json "
        "(PEFT). Give the prompt file, or a text of more than one word."
    )
    assert eg.start(model, "Answer.").text == "Answer.", "a word that names nothing here is a text"


def test_a_run_folder_stands_for_its_prompt(tiny_model, tmp_path):
    model = tiny_model("qwen2")
    prompt = eg.start(model, "Answer with one word.")
    (tmp_path / "run").mkdir()
    prompt.save(tmp_path / "run" / "prompt.safetensors")
    assert eg.start(model, str(tmp_path / "run")).text == "Answer with one word."


def test_an_unknown_start(tiny_model):
    with pytest.raises(UsageError) as error:
        eg.start(tiny_model("qwen2"), "Answer.", kind="randm")
    assert str(error.value) == "There is no start 'randm'; write text, random, vocabulary."


def test_one_string_is_not_a_list_of_inputs(tiny_model):
    with pytest.raises(UsageError) as error:
        eg.generate(tiny_model("qwen2"), "Answer.", "one input")
    assert str(error.value) == "generate takes a list of inputs; put the one text into brackets: [text]."


def test_a_prompt_without_a_place_says_where_it_was_put(tiny_model):
    model = tiny_model("qwen2")
    told: list[str] = []
    bare = eg.SoftPrompt(eg.start(model, "Answer.").embeddings)
    eg.start(model, bare, say=told.append)
    assert told == [
        "The prompt does not say which base model it belongs to; nothing was checked.",
        "The prompt does not say where it stands; it is placed as 'user: {prompt}\\n\\n{input}'.",
    ]


def test_prompts_and_models_show_themselves_in_a_line(tiny_model):
    model = tiny_model("qwen2")
    assert repr(model).startswith("FrozenModel('qwen2") or repr(model).startswith("FrozenModel(")
    assert repr(eg.start(model, "Answer.")).startswith("SoftPrompt('Answer.', ")
    assert len(repr(model)) < 120
