"""Paths that lead nowhere: home folders of nobody, names that are too long, devices that are not here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import embedgrad as eg
from embedgrad.cli.main import main
from embedgrad.errors import UsageError

NOBODY = (
    "The path {0!r} begins with ~nouser, and there is no such user here, or no home folder. Check the path; for "
    "something that is called ~nouser itself write ./ in front."
)
LONG = "a" * 5000


def told(capsys, *arguments: str) -> str:
    assert main(list(arguments)) != 0
    return capsys.readouterr().err


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "label": "b"}\n')
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("generate", "--model", "~nouser/x", "--prompt", "Is it good?", "x"), "~nouser/x"),
        (("generate", "--model", "pocket", "--prompt", "~nouser/x.safetensors", "x"), "~nouser/x.safetensors"),
        (("generate", "--model", "pocket", "--prompt", "@~nouser/x", "x"), "~nouser/x"),
        (("tune", "--model", "pocket", "--prompt", "Is it good?", "--train", "~nouser/x.jsonl"), "~nouser/x.jsonl"),
        (("tune", "--model", "~nouser/x", "--prompt", "Is it good?", "--train", "rows.jsonl"), "~nouser/x"),
        (("evaluate", "--model", "~nouser/x", "--prompt", "Is it good?", "--data", "rows.jsonl"), "~nouser/x"),
    ],
)
def test_the_home_folder_of_nobody(arguments: tuple[str, ...], path: str, here, capsys) -> None:
    assert told(capsys, *arguments) == f"embedgrad: {NOBODY.format(path)}\n"


def test_the_home_folder_of_nobody_in_python(here) -> None:
    for name in ("~nouser/x", Path("~nouser/x")):
        with pytest.raises(UsageError) as raised:
            eg.load_model(name)
        assert str(raised.value) == NOBODY.format("~nouser/x")


def test_a_name_that_is_too_long(here, capsys) -> None:
    with pytest.raises(UsageError) as raised:
        eg.load_model(f"/{LONG}")
    assert str(raised.value) == f"There is no model folder /{LONG}."
    says = f"embedgrad: /{LONG} cannot be used: File name too long. Check the path and the disk.\n"
    assert told(capsys, "report", f"/{LONG}") == says
    says = f"embedgrad: /{LONG}.jsonl cannot be read: File name too long.\n"
    assert told(capsys, "evaluate", "--model", "pocket", "--prompt", "a b", "--data", f"/{LONG}.jsonl") == says
    says = f"embedgrad: /{LONG}.safetensors cannot be read: File name too long. Check the path.\n"
    assert told(capsys, "inspect", f"/{LONG}.safetensors") == says


def test_the_memory_of_a_process_is_no_file_of_rows(here, capsys) -> None:
    says = "embedgrad: /proc/self/mem cannot be read: it is one of the system's own, not a file.\n"
    for more in ((), ("--dataset", "medd")):
        assert (
            told(capsys, "evaluate", "--model", "pocket", "--prompt", "a b", "--data", "/proc/self/mem", *more) == says
        )


def test_a_model_without_a_name() -> None:
    with pytest.raises(UsageError) as raised:
        eg.load_model("")
    assert str(raised.value) == (
        'The name of the model is empty. Give a folder, a name on the Hugging Face Hub, or "pocket".'
    )


@pytest.mark.skipif(torch.accelerator.is_available(), reason="for machines with a CPU alone")
@pytest.mark.parametrize("device", ["meta", "mps", "xpu:3"])
def test_a_device_that_is_not_here(device: str) -> None:
    with pytest.raises(UsageError) as raised:
        eg.load_model("pocket", device=device)
    assert str(raised.value) == (
        f"{device!r} is not here: torch {torch.__version__} sees no such device. Write auto, cpu, cuda or cuda:1."
    )


def test_rows_without_any_field(here, capsys) -> None:
    (here / "rows.json").write_text("{}")
    assert told(capsys, "evaluate", "--model", "pocket", "--prompt", "a b", "--data", "rows.json") == (
        'embedgrad: The rows of rows.json have no fields. Expected some like {"input": "...", "output": "..."}.\n'
    )
