"""`eg.tune(..., output=...)` makes the run folder that the command makes, and it repeats itself."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import embedgrad as eg
import rows
import tiny
from embedgrad.cli.main import main
from embedgrad.errors import DataError, EmbedgradError, FolderExists, UsageError
from embedgrad.jobs.python import _fields, kept_rows

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


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> eg.FrozenModel:
    folder = tmp_path_factory.mktemp("chat") / "tiny"
    tiny.make_model_folder(folder, "qwen2", chat="{% if date %}Today is {{ date }}.\n{% endif %}" + tiny.CHATML)
    return eg.load_model(folder, "float32")


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


@pytest.mark.parametrize("columns", [{"hint": "x"}, {"instruction": "x"}, {"input": "a", "output": "b"}, {}])
def test_rows_are_kept_whatever_their_columns_are_called(columns, tmp_path):
    examples = [eg.Example(f"row {n}", "good", columns=columns) for n in range(5)]
    fields = _fields(examples)
    again = eg.load_examples(kept_rows(examples, tmp_path / "train.jsonl", fields, "examples"), **fields)
    assert [replace(row, line=0) for row in again] == examples


def test_earlier_turns_are_kept(tmp_path):
    turns = (("user", "Hello."), ("assistant", "Hi."))
    examples = [eg.Example(f"row {n}", "good", columns={"hint": "x"}, history=turns[: 2 * (n % 2)]) for n in range(5)]
    again = eg.load_examples(kept_rows(examples, tmp_path / "train.jsonl", _fields(examples), "examples"))
    assert [replace(row, line=0) for row in again] == examples


def test_what_is_wrong_with_rows_names_the_argument(model, tmp_path):
    examples = [eg.Example("a", "good"), eg.Example("", "bad")] * 80
    with pytest.raises(DataError) as error:
        eg.tune(model, PROMPT, examples, output=tmp_path / "run")
    assert str(error.value).startswith("train: 80 rows cannot be used.")
    assert not (tmp_path / "run").exists()
    odd = [eg.Example("a", "b", columns={"messages": "c"}, history=(("user", "x"), ("assistant", "y")))]
    with pytest.raises(DataError, match="train: 1 row cannot be used"):
        kept_rows(odd, tmp_path / "odd.jsonl", _fields(odd), "train")


@pytest.mark.parametrize("columns", [{"output": "y"}, {"instruction": "y"}])
def test_rows_that_would_be_read_as_others_are_refused(columns, model, files, tmp_path):
    """Beside a file, whose columns are its own, rows from Python cannot have columns under other names."""
    examples = [eg.Example(f"row {n}", "good", columns=columns) for n in range(60)]
    with pytest.raises(UsageError) as error:
        eg.tune(model, PROMPT, examples, test=files["test"], output=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert str(error.value) == (
        "Row 1 of 60 in train would not be the same when the run folder is read again. Write the rows to a file as "
        "your tools write them, and give its path."
    )


def test_the_prompt_is_checked_as_without_a_folder(model, files, tmp_path):
    for prompt in ("runs/reviws", "~/prompts/good.txt", ""):
        messages = []
        for given in ({}, {"output": tmp_path / "run"}):
            with pytest.raises(EmbedgradError) as error:
                eg.tune(model, prompt, files["train"], **given)
            messages.append(str(error.value))
        assert messages[0] == messages[1]
    assert not (tmp_path / "run").exists()


def test_a_home_folder_is_written_out_once(model, files, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run = eg.tune(model, PROMPT, eg.load_examples(files["train"]), output="~/run", min_steps=1, epochs=0.01)
    assert run.folder == tmp_path / "run"
    assert (run.folder / "train.jsonl").exists()


def test_a_template_s_own_choice_of_chat_template_goes_along(chat_model, tmp_path):
    template = eg.Template.chat("{prompt}\n{input}", template_arguments={"date": "x"})
    rows = [eg.Example(f"row {n}", "good" if n % 2 else "bad") for n in range(150)]
    options = {"min_steps": 1, "epochs": 0.01, "learning_rate": 0.01, "template": template}
    run = eg.tune(chat_model, PROMPT, rows, output=tmp_path / "run", **options)
    assert run.prompt.template.source.template_arguments == {"date": "x"}
    assert settings(run.folder)["model"]["template_argument"] == ['date="x"']


def test_what_cannot_be(model, files, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(FolderExists):
        eg.tune(model, PROMPT, files["train"], output=tmp_path / "run")
    with pytest.raises(UsageError, match="output and checkpoint exclude each other"):
        eg.tune(model, PROMPT, files["train"], output=tmp_path / "a", checkpoint=tmp_path / "b")
    with pytest.raises(UsageError, match="test rows are for a run folder"):
        eg.tune(model, PROMPT, files["train"], test=files["test"])
    assert not (tmp_path / "a").exists()
