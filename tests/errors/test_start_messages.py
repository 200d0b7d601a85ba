"""What `eg.start`, `eg.generate` and `eg.evaluate` say to a slip, instead of guessing what was meant."""

from __future__ import annotations

import pytest
import torch
from transformers import BertGenerationConfig, BertGenerationDecoder

import embedgrad as eg
import tiny
from embedgrad.errors import FileMissing, NotCausal, PromptError, SettingsError, UsageError


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


def test_a_long_text_without_spaces_is_a_text(tiny_model):
    text = "判断这条消息的情绪" * 40
    assert eg.start(tiny_model("qwen2"), text).text == text


def test_a_run_folder_with_a_space_in_its_name(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tiny_model("qwen2")
    (tmp_path / "my runs").mkdir()
    eg.start(model, "Answer.").save("my runs/prompt.safetensors")
    assert eg.start(model, "my runs").text == "Answer."


def test_what_a_soft_prompt_must_be():
    with pytest.raises(PromptError) as error:
        eg.SoftPrompt(torch.zeros(4))
    assert str(error.value) == (
        "A soft prompt's embeddings are a float32 [P, D] tensor on the CPU, neither side 0; got float32 [4] on cpu."
    )
    with pytest.raises(PromptError, match=r"^There are 1 initial id for 2 tokens\.$"):
        eg.SoftPrompt(torch.zeros(2, 3), initial_ids=(1,))


def test_labels_are_a_sequence():
    assert eg.Task("label", labels=["b", "a"]).labels == ("b", "a")
    with pytest.raises(SettingsError) as error:
        eg.Task("label", labels="positive")
    assert str(error.value) == "Labels are a sequence of texts; got the single text 'positive'."


def test_a_model_that_reads_both_ways(tmp_path):
    config = BertGenerationConfig(
        vocab_size=600,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        is_decoder=False,
    )
    model = BertGenerationDecoder(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # wide enough that tokens matter to each other
    model.save_pretrained(tmp_path / "both")
    tiny.make_tokenizer(bos=False).save_pretrained(tmp_path / "both")
    with pytest.raises(NotCausal) as error:
        eg.load_model(tmp_path / "both")
    assert str(error.value) == "both (bert-generation) reads a text in both directions: it cannot continue a prompt."


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


def test_a_prompt_without_a_place_is_no_peft_folder(tiny_model, tmp_path):
    model = tiny_model("qwen2")
    with pytest.raises(PromptError) as error:
        eg.save_peft(model, eg.SoftPrompt(torch.zeros(2, model.width)), tmp_path / "peft")
    assert str(error.value) == "The prompt has no template yet: place it with embedgrad.start(model, prompt)."
    assert not (tmp_path / "peft").exists()


def test_prompts_and_models_show_themselves_in_a_line(tiny_model):
    model = tiny_model("qwen2")
    assert repr(model).startswith("FrozenModel('qwen2") or repr(model).startswith("FrozenModel(")
    assert repr(eg.start(model, "Answer.")).startswith("SoftPrompt('Answer.', ")
    assert len(repr(model)) < 120
