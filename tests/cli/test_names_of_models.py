"""A model's name in a run's settings finds the same model from another folder, and names of its own are kept apart."""

from __future__ import annotations

import shutil

import pytest

import rows
from embedgrad.cli.main import main
from embedgrad.model.shipped import found_again, other_of_that_name
from kept import kept_settings
from tiny_gguf import write_gguf

TUNE = ("tune", "--prompt", "Good?", "--min-steps", "1", "--epochs", "0.1", "--max-new-tokens", "2", "--quiet")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("EMBEDGRAD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    rows.write_jsonl(tmp_path / "here" / "train.jsonl", rows.sentiment(60))
    return tmp_path / "here"


def test_a_gguf_file_by_a_relative_path(here, tiny_folder, tmp_path, monkeypatch):
    write_gguf(here / "m.gguf", tiny_folder("qwen2"))
    assert main([*TUNE, "--model", "m.gguf", "--train", "train.jsonl", "--output", "run"]) == 0
    assert kept_settings(here / "run")["model"] == str(here / "m.gguf")
    (here / "run" / "result.json").unlink()
    monkeypatch.chdir(tmp_path)
    assert main(["tune", "--resume", str(here / "run"), "--quiet"]) == 0


def test_a_folder_with_the_name_of_a_model(here, tiny_folder, capsys):
    shutil.copytree(tiny_folder("qwen2"), here / "smollm2")
    assert main([*TUNE[:-1], "--model", "smollm2", "--train", "train.jsonl", "--output", "run"]) == 0
    said = (
        "The folder smollm2 here is used, not the model smollm2 that embedgrad knows. Write ./smollm2 for the folder; "
        "for the model, work in another folder or rename this one.\n"
    )
    assert capsys.readouterr().err.count(said) == 1
    assert kept_settings(here / "run")["model"] == str(here / "smollm2")
    assert main([*TUNE[:-1], "--model", "./smollm2", "--train", "train.jsonl", "--output", "again"]) == 0
    assert said not in capsys.readouterr().err


def test_a_file_with_the_name_of_a_model_is_no_model(here):
    (here / "pocket").write_text("notes")
    assert found_again("pocket") == "pocket"
    assert other_of_that_name("pocket") is None
    from embedgrad.model.load.locate import located

    assert located("pocket", None).label == "pocket"
    assert located("pocket", None).path.is_dir()
