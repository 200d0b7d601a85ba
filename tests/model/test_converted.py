"""What is kept in the cache is whole or absent."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from pathlib import Path

import pytest

from embedgrad import durable
from embedgrad.errors import OutputError
from embedgrad.model.converted import cache_folder, converted, keep

DIGEST = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBEDGRAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")


def test_it_is_found_again() -> None:
    assert converted(DIGEST) is None
    folder = keep(DIGEST, "tiny", write)
    assert (converted(DIGEST), folder.name) == (folder, "tiny")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("stops", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_of_one_that_stopped(stops: type[BaseException], cache: Path) -> None:
    def stopping(folder: Path) -> None:
        write(folder)
        raise stops

    with pytest.raises(stops):
        keep(DIGEST, "tiny", stopping)
    assert converted(DIGEST) is None
    assert [*(cache / "models").iterdir()] == []


def test_what_a_killed_process_left_does_not_load_and_goes_in_time(cache: Path) -> None:
    left, working = (cache / "models" / f".{DIGEST[:32]}-1.{name}.part" for name in ("left", "working"))
    for part in (left, working):
        (part / "tiny").mkdir(parents=True)
        write(part / "tiny")
    old = time.time() - 2 * 24 * 3600
    os.utime(left, (old, old))
    assert converted(DIGEST) is None
    keep(DIGEST, "tiny", write)
    assert (left.exists(), working.exists()) == (False, True)


def test_of_two_at_once_one_wins(cache: Path) -> None:
    def meanwhile(folder: Path) -> None:
        keep(DIGEST, "tiny", write)
        (folder / "config.json").write_text("the slower one's")

    folder = keep(DIGEST, "tiny", meanwhile)
    assert (folder / "config.json").read_text() == "{}"
    assert converted(DIGEST) == folder
    assert len([*(cache / "models").iterdir()]) == 1


def _shorten(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weight")


def _edit(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def _add(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def _lose(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _forget(folder: Path) -> None:
    (folder.parent / "files.json").unlink()


def _garble(folder: Path) -> None:
    (folder.parent / "files.json").write_text("{")


@pytest.mark.parametrize("damage", [_shorten, _edit, _add, _lose, _forget, _garble])
def test_a_damaged_one_counts_as_absent_and_is_replaced(damage, cache: Path) -> None:
    damage(keep(DIGEST, "tiny", write))
    assert converted(DIGEST) is None
    assert converted(DIGEST) == keep(DIGEST, "tiny", write) or converted(DIGEST) is not None
    assert [path.name for path in (cache / "models").iterdir()] == [f"{DIGEST[:32]}-1"]
    assert {*json.loads((converted(DIGEST).parent / "files.json").read_text())} == {"config.json", "model.safetensors"}


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "No space left on device. Make room on that disk."),
     (errno.EROFS, "Read-only file system. Choose a folder that you may write to.")],
)  # fmt: skip
def test_a_disk_that_refuses(number: int, says: str, cache: Path) -> None:
    def refused(folder: Path) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError) as raised:
        keep(DIGEST, "tiny", refused)
    assert str(raised.value) == f"Could not write {cache / 'models' / f'{DIGEST[:32]}-1'}: {says}"
    assert [*(cache / "models").iterdir()] == []


def test_all_of_it_is_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(durable, "_sync_file", lambda path: synced.append(path.name))
    monkeypatch.setattr(durable, "_sync_folder", lambda path: synced.append(path.name.split(".")[-1]))
    keep(DIGEST, "tiny", write)
    assert {"config.json", "model.safetensors", "files.json", "tiny", "part", "models"} <= {*synced}
    assert synced[-1] == "models"  # after the renaming


@pytest.mark.parametrize(
    ("system", "given", "wanted"),
    [
        ("linux", {}, "/ada/.cache/embedgrad"),
        ("linux", {"XDG_CACHE_HOME": "/big"}, "/big/embedgrad"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/ada/.cache/embedgrad"),
        ("darwin", {"XDG_CACHE_HOME": "/big"}, "/ada/Library/Caches/embedgrad"),
        ("linux", {"XDG_CACHE_HOME": "/big", "EMBEDGRAD_CACHE": "~/mine"}, "/ada/mine"),
    ],
)
def test_where_the_cache_is(system: str, given: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "EMBEDGRAD_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/ada", **given}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert str(cache_folder()) == wanted
