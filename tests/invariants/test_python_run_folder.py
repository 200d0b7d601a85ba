"""`eg.tune(..., output=...)` makes the run folder that the command makes, and it repeats itself."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import embedgrad as eg
import rows
from embedgrad.cli.main import main
from embedgrad.errors import FolderExists, UsageError
from embedgrad.jobs.python import kept_rows

PROMPT = "Is it good or bad?"
OPTIONS = {"epochs": 1.0, "min_steps": 4, "evaluate_every": 2, "seed": 3}
FLAGS = ("--epochs", "1", "--min-steps", "4", "--evaluate-every", "2", "--seed", "3", "--dtype", "float32")


@pytest.fixture(scope="module")
def model() -> eg.FrozenModel:
    return eg.load_model("pocket", "float32")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("rows")
    return {
        "train": rows.write_jsonl(folder / "train.jsonl", rows.sentiment(60)),
        "test": rows.write_jsonl(folder / "test.jsonl", rows.sentiment(20, first=500)),
    }


@pytest.fixture(scope="module")
def by_command(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command") / "run"
    named = ("--train", str(files["train"]), "--test", str(files["test"]))
    assert (
        main(["tune", "--model", "pocket", "--prompt", PROMPT, *named, *FLAGS, "--output", str(folder), "--quiet"]) == 0
    )
    return folder


def told(folder: Path) -> dict[str, object]:
    """`result.json` without what differs from run to run."""
    found = json.loads((folder / "result.json").read_text("utf-8"))
    return {name: found[name] for name in found if name not in ("seconds", "peak_bytes", "files", "content_sha256")}


def settings(folder: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads((folder / "settings.toml").read_text("utf-8"))


def test_files_give_the_same_folder(model, files, by_command, tmp_path):
    run = eg.tune(model, PROMPT, files["train"], test=files["test"], output=tmp_path / "run", **OPTIONS)
    assert sorted(path.name for path in run.folder.iterdir()) == sorted(path.name for path in by_command.iterdir())
    assert told(run.folder) == told(by_command)
    assert (run.folder / "predictions.jsonl").read_bytes() == (by_command / "predictions.jsonl").read_bytes()
    ours, theirs = settings(run.folder), settings(by_command)
    assert (ours["rows"], ours["tuning"], ours["judging"]) == (theirs["rows"], theirs["tuning"], theirs["judging"])
    assert run.result.after.total == 20
    assert run.prompt.text == PROMPT


def test_rows_and_a_start_in_memory_are_kept_and_the_folder_repeats_itself(model, files, by_command, tmp_path):
    start = eg.start(model, PROMPT)
    train, test = eg.load_examples(files["train"]), eg.load_examples(files["test"])
    run = eg.tune(model, start, train, test=test, output=tmp_path / "run", **OPTIONS)
    assert told(run.folder) == told(by_command)
    moved = (tmp_path / "run").rename(tmp_path / "elsewhere")
    for name in ("result.json", "report.html"):
        (moved / name).unlink()
    assert main(["tune", "--resume", str(moved), "--quiet"]) == 0
    assert told(moved) == told(by_command)


def test_chat_rows_and_columns_are_kept(tmp_path):
    turns = (("user", "Hello."), ("assistant", "Hi."))
    examples = [eg.Example(f"row {n}", "good", columns={"hint": "x"}, history=turns if n % 3 else ()) for n in range(5)]
    path = kept_rows(examples, tmp_path / "train.jsonl")
    again = eg.load_examples(path, columns=["hint"])
    assert [replace(row, line=0) for row in again] == examples
    with pytest.raises(UsageError) as error:
        kept_rows([eg.Example("a", "b", columns={"output": "y"})], tmp_path / "odd.jsonl")
    assert str(error.value) == (
        "Row 1 of 1 would not be the same when the run folder is read again. Write the rows to a file as your tools "
        "write them, and give its path."
    )


def test_what_cannot_be(model, files, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(FolderExists):
        eg.tune(model, PROMPT, files["train"], output=tmp_path / "run")
    with pytest.raises(UsageError, match="output and checkpoint exclude each other"):
        eg.tune(model, PROMPT, files["train"], output=tmp_path / "a", checkpoint=tmp_path / "b")
    with pytest.raises(UsageError, match="test rows are for a run folder"):
        eg.tune(model, PROMPT, files["train"], test=files["test"])
    assert not (tmp_path / "a").exists()
