"""`--chat-template` and `--template-argument`: from the command line into the prompt file and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import embedgrad as eg
import rows
import tiny
from embedgrad.cli.main import main
from embedgrad.jobs.model_settings import read_arguments
from kept import kept_settings

TERSE = tiny.CHATML.replace("assistant\n{% endif %}", "assistant\n{% if think is false %}No.{% endif %}{% endif %}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with two chat templates, and a run that was tuned under the second with an argument."""
    folder = tmp_path_factory.mktemp("flags")
    model = tiny.make_model_folder(folder / "tiny", "qwen2")
    (model / "additional_chat_templates").mkdir()
    (model / "additional_chat_templates" / "terse.jinja").write_text(TERSE)
    rows.write_jsonl(folder / "train.jsonl", rows.sentiment(100))
    tune = ["tune", "--model", str(model), "--prompt", "Is it good?", "--train", str(folder / "train.jsonl")]
    short = ["--min-steps", "2", "--epochs", "0.1", "--max-new-tokens", "4", "--learning-rate", "0.1"]
    choice = ["--chat-template", "terse", "--template-argument", "think=false"]
    assert main([*tune, *short, *choice, "--output", str(folder / "run"), "--quiet"]) == 0
    return folder


def test_a_run_keeps_them(folder: Path) -> None:
    settings = kept_settings(folder / "run")
    assert (settings["chat_template"], settings["template_argument"]) == ("terse", ["think=false"])
    source = eg.SoftPrompt.load(folder / "run" / "prompt.safetensors").template.source
    assert (source.chat_template, source.template_arguments) == ("terse", {"think": False})


def test_inspect_shows_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "run" / "prompt.safetensors")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "chat template              terse" in lines
    assert "template arguments think   False" in lines
    assert main(["inspect", str(folder / "run" / "prompt.safetensors"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["chat_template"], facts["template_arguments"]) == ("terse", {"think": False})


def generated(folder: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[str, str]:
    prompt = ["--prompt", str(folder / "run"), "--max-new-tokens", "4"]
    assert main(["generate", "--model", str(folder / "tiny"), *prompt, *flags, "so sad"]) == 0
    found = capsys.readouterr()
    return found.out, found.err


def test_the_prompt_brings_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = generated(folder, capsys)
    assert err == ""
    assert generated(folder, capsys, "--chat-template", "terse", "--template-argument", "think=false") == (out, "")
    assert generated(folder, capsys, "--chat-template", "default") == (
        out,
        "This prompt keeps what it was tuned with (chat template terse, think=false) instead of chat template default. "
        "To place it anew, give --template too.\n",
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--chat-template", "ters"],
            "{model} has no chat template 'ters'; it has default, terse. Did you mean \"terse\"?",
        ),
        (
            ["--chat-template", "terse", "--template-argument", "thnk=false"],
            "The chat template of {model} reads no argument 'thnk'. Did you mean \"think\"? Leave it out, or correct "
            "its name.",
        ),
    ],
)
def test_a_slip(flags: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder / "tiny")
    assert main(["generate", "--model", model, "--prompt", "Is it good?", *flags, "so sad"]) == 1
    assert capsys.readouterr().err == f"embedgrad: {message.format(model=model)}\n"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (["think"], "'think' is no NAME=VALUE"),
        (["=false"], "'=false' is no NAME=VALUE"),
        (["a b=1"], "'a b=1' is no NAME=VALUE"),
        (["think=false", "think=true"], "'think' is given twice"),
    ],
)
def test_an_argument_that_is_none(given: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [part for text in given for part in ("--template-argument", text)]
    assert main(["generate", "--model", "nowhere", "--prompt", "Good?", *flags, "so sad"]) == 2
    assert capsys.readouterr().err == f"embedgrad: --template-argument is {given!r}: {what}. See --help.\n"


def test_values_are_json_or_text() -> None:
    given = ["a=false", "b=3", "c=2.5", "d=[1, 2]", 'e="no"', "f=26 Jul 2024", "g=", "h=NaN", "i=x=y", "j=null"]
    assert read_arguments(given) == {
        "a": False, "b": 3, "c": 2.5, "d": [1, 2], "e": "no", "f": "26 Jul 2024", "g": "", "h": "NaN", "i": "x=y",
        "j": None,
    }  # fmt: skip


def test_several_prompts_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The flags are for the text; the tuned prompt keeps its own, and says so."""
    prompts = ["--prompt", "Is it good?", "--prompt", str(folder / "run")]
    evaluate = ["evaluate", "--model", str(folder / "tiny"), *prompts, "--data", str(folder / "train.jsonl")]
    assert main([*evaluate, "--chat-template", "default", "--max-new-tokens", "2", "--json"]) == 0
    found = capsys.readouterr()
    assert len(json.loads(found.out)["scores"]) == 2
    assert "This prompt keeps what it was tuned with (chat template terse, think=false)" in found.err
