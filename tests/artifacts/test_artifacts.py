"""What a tuning leaves behind is saved, loaded, told whose base it is, and bound: texts and soft prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import embedgrad as eg
from embedgrad.artifacts.artifact import Artifact
from embedgrad.artifacts.kinds import KINDS, load
from embedgrad.artifacts.text import Text
from embedgrad.errors import BadPromptFile, FileMissing, UnknownVersion, WrongBase
from embedgrad.prompt.sealed import sealed
from prompt.mutants import random_mutants, take_apart

PROMPT = "Is it positive or negative?"
SPOKEN = eg.Template.messages([{"role": "system", "content": "{prompt}"}, {"role": "user", "content": "{input}"}])


@pytest.fixture
def placed(tiny_model) -> eg.SoftPrompt:
    return eg.start(tiny_model("qwen2"), PROMPT, SPOKEN, special_tokens_in_rows=True)


@pytest.mark.parametrize("kind", [*KINDS])
def test_each_kind_is_saved_and_loaded(kind: str, placed: eg.SoftPrompt, tiny_model, tmp_path: Path) -> None:
    artifact: Artifact = {"text": Text.of(placed), "soft prompt": placed}[kind]
    path = tmp_path / "it.safetensors"
    digest = artifact.save(path)
    again = load(path)
    assert type(again) is type(artifact)
    assert (again.kind, again.base, again.template, again.name) == (kind, placed.base, placed.template, PROMPT)
    assert again.save(tmp_path / "again.safetensors") == digest
    bound = again.bind(tiny_model("qwen2"))
    assert bound.prompt.template == placed.template
    assert torch.equal(bound.embeddings, placed.embeddings)
    assert bound.cuts == ()


def test_a_soft_prompt_is_for_its_base_and_a_text_for_any(placed: eg.SoftPrompt, tiny_model) -> None:
    other = tiny_model("llama")
    with pytest.raises(WrongBase) as error:
        placed.bind(other)
    assert str(error.value).startswith(f"This prompt was tuned on {placed.base.name} (weights ")
    bound = Text.of(placed).bind(other)
    assert torch.equal(bound.embeddings, eg.start(other, PROMPT, SPOKEN).embeddings)
    assert bound.prompt.base == other.identity


def test_a_text_that_says_no_place_stands_where_texts_do(tiny_model) -> None:
    model = tiny_model("qwen2")
    assert Text(PROMPT).bind(model).prompt.template == eg.start(model, PROMPT).template
    assert Text("so long " * 20).name == "so long so long so long so long so long so long so long s..."


@pytest.mark.parametrize("words", ["run", "yes/no", "prompt.txt"])
def test_its_words_are_never_a_path(words: str, tiny_model, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tiny_model("qwen2")
    (tmp_path / "run").mkdir()
    eg.start(model, PROMPT).save(tmp_path / "run" / "prompt.safetensors")
    assert Text(words).bind(model).prompt.text == words


def test_a_prompt_without_a_text_is_none(placed: eg.SoftPrompt) -> None:
    with pytest.raises(ValueError, match="this prompt started from no text"):
        Text.of(eg.SoftPrompt(placed.embeddings))


def stored(path: Path, placed: eg.SoftPrompt) -> bytes:
    Text.of(placed).save(path)
    return path.read_bytes()


def test_altered_files_are_refused(placed: eg.SoftPrompt, tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    for mutant in random_mutants(stored(path, placed), 500, seed=1):
        path.write_bytes(mutant)
        for read in (load, Text.load):
            with pytest.raises((BadPromptFile, UnknownVersion)):
                read(path)


EDITS = [
    ({"kind": "verse"}, "kind is 'verse': Input should be 'text'"),
    ({"text": 5}, "text is 5: Input should be a valid string"),
    ({"more": 1}, "more is 1: Extra inputs are not permitted"),
    ({"template": None, "base": {}}, "base.name is missing from its record"),
]


@pytest.mark.parametrize(("changes", "says"), EDITS, ids=[says[:30] for _, says in EDITS])
def test_hand_made_edits_are_told(changes, says: str, placed: eg.SoftPrompt, tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    _, record, _ = take_apart(stored(path, placed))
    record.pop("content_sha256")
    path.write_bytes(sealed({**record, **changes}, {}))
    with pytest.raises(BadPromptFile) as error:
        Text.load(path)
    assert str(error.value) == f"{path} cannot be used: {says}. Get it again from where it came."


def test_what_no_reader_is_for(placed: eg.SoftPrompt, tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    _, record, _ = take_apart(stored(path, placed))
    record.pop("content_sha256")
    path.write_bytes(sealed({**record, "kind": "verse"}, {}))
    with pytest.raises(BadPromptFile) as error:
        load(path)
    assert str(error.value) == (
        f"{path} holds an artifact of the kind 'verse'; this embedgrad knows soft prompt, text. "
        "Update it: pip install --upgrade embedgrad"
    )
    path.write_bytes(sealed({**record, "format_version": 2}, {}))
    with pytest.raises(UnknownVersion) as later:
        load(path)
    assert str(later.value) == (
        f"{path} has the format version 2; this embedgrad reads version 1. Update it: pip install --upgrade embedgrad"
    )
    path.write_text(json.dumps({"text": PROMPT}))
    with pytest.raises(BadPromptFile, match="is not a usable prompt file: its first 8 bytes"):
        load(path)
    with pytest.raises(FileMissing):
        load(tmp_path / "nowhere")
