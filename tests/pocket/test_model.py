"""The bundled model is what its document says, and small."""

from __future__ import annotations

from pathlib import Path

import embedgrad
from embedgrad.model.load import load_model

FOLDER = Path(embedgrad.__file__).parent / "pocket" / "model"


def test_size_and_kind():
    model = load_model("pocket")
    assert 3e6 <= model.parameters <= 6e6
    assert model.lm.config.model_type == "llama"
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 25e6
    assert model.identity.name == "pocket"


def test_label_words_are_one_token_each():
    from tools.pocket.tokenizer import single_words

    tokenizer = load_model("pocket").tokenizer
    assert [word for word in single_words() if len(tokenizer(word).input_ids) != 1] == []
    assert len(tokenizer("1234").input_ids) == 4


def test_a_folder_of_that_name_goes_first(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pocket").symlink_to(tiny_folder("llama"))
    assert load_model("pocket").parameters < 1e6


def test_the_tokenizer_is_the_one_its_script_trains(tmp_path):
    from tools.pocket.tokenizer import train_tokenizer

    train_tokenizer(tmp_path)
    assert (tmp_path / "tokenizer.json").read_text() == (FOLDER / "tokenizer.json").read_text()
