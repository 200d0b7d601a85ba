"""A file of a run folder that says something else than what was written is told by its name, its score not shown."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import made_up_run
from embedgrad.analysis.records import read_records
from embedgrad.cli.main import main
from embedgrad.data.example import Example
from embedgrad.data.splits import Parts
from embedgrad.errors import CannotResume, EmbedgradError
from embedgrad.report.runs import collect
from embedgrad.run.grid import read_grid
from embedgrad.run.record import read_run
from embedgrad.run.split import check_split, keep_split, split_record
from embedgrad.strict_json import MalformedError, sealed_json, unsealed_json
from made_up_analyses import analyses, grid

FILES = ("predictions.jsonl", "metrics.jsonl", "prompt.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A made-up run as this embedgrad writes it."""
    folder = tmp_path / "run"
    made_up_run.write_run(folder)
    (folder / "prompt.safetensors").write_bytes(b"a prompt")
    seal(folder, made_up_run.result())
    return folder


def seal(folder: Path, result: dict[str, Any]) -> None:
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    (folder / "result.json").write_bytes(sealed_json(result | {"files": digests}))


def refused(folder: Path, name: str, says: str) -> None:
    with pytest.raises(EmbedgradError) as error:
        read_run(folder)
    assert str(error.value).startswith(f"{folder / name} is not what embedgrad writes: {says}")


def test_what_was_written_is_read(folder: Path) -> None:
    assert read_run(folder).is_sealed
    (folder / "prompt.safetensors").unlink()  # it can be had back from where it was copied to
    assert read_run(folder).result.after.correct == 884


def test_a_better_score_is_noticed(folder: Path, capsys) -> None:
    path = folder / "result.json"
    path.write_text(path.read_text().replace('"correct": 884', '"correct": 1184'))
    refused(folder, "result.json", "its content_sha256 is '")
    page = folder / "report.html"
    page.unlink(missing_ok=True)
    assert main(["report", str(folder)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"embedgrad: {path} is not what embedgrad writes: its content_sha256 is '")
    assert told.endswith("it is damaged or altered. It was damaged or changed: restore it or repeat the run.\n")
    assert not page.exists()


@pytest.mark.parametrize("name", FILES)
def test_a_file_beside_the_result_is_noticed(name: str, folder: Path) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    refused(folder, name, "its SHA-256 starts with ")


def test_another_layout_of_the_same_words_is_read(folder: Path) -> None:
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True, indent=8))
    assert read_run(folder).is_sealed


def test_a_folder_of_an_earlier_embedgrad_is_read_and_said(tmp_path: Path, capsys) -> None:
    made_up_run.write_run(tmp_path / "run")
    assert not read_run(tmp_path / "run").is_sealed
    assert main(["report", str(tmp_path / "run")]) == 0
    assert (
        "run: its result.json has no content_sha256, as an earlier embedgrad wrote it; whether it was changed since "
        "then cannot be told.\n"
    ) in capsys.readouterr().err


def mutants(data: bytes, count: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(rng.choice((1, 1, 2))):
            match rng.randrange(4):
                case 0:
                    mutant[rng.randrange(len(mutant))] ^= 1 << rng.randrange(8)
                case 1:
                    del mutant[rng.randrange(len(mutant)) :]
                    mutant = mutant or bytearray(b"{")
                case 2:
                    mutant[rng.randrange(len(mutant))] = rng.choice(b'0123456789"{}[],:\\ eEnul-.')
                case 3:
                    place = rng.randrange(len(mutant))
                    mutant[place:place] = rng.choice((b"1", b"0", b",", b"\xff", b'"a":1,', b"[" * 2000))
        found.append(bytes(mutant))
    return found


def only_equal(good: bytes, altered: list[bytes]) -> int:
    """Each mutant is refused, or says word for word the same; how many did."""
    said, equal = unsealed_json(good)[0], 0
    for mutant in altered:
        try:
            found, is_sealed = unsealed_json(mutant)
        except MalformedError:
            continue
        assert found == said or not is_sealed, mutant
        equal += is_sealed
    return equal


def test_mutants_of_a_result_are_refused(folder: Path) -> None:
    good = (folder / "result.json").read_bytes()
    assert only_equal(good, mutants(good, 2_000, seed=1)) < 200


@pytest.mark.stress
def test_a_hundred_thousand_mutants_of_a_result_are_refused(folder: Path) -> None:
    good = (folder / "result.json").read_bytes()
    only_equal(good, mutants(good, 100_000, seed=2))


def trials(folder: Path) -> None:
    (folder / "demo.json").write_bytes(sealed_json({"own": [], "paper": []}))


def a_grid(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(sealed_json(grid()))

    return write


def found(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "analysis").mkdir(exist_ok=True)
        (folder / "analysis" / f"{name}.json").write_bytes(sealed_json(analyses()[name]))

    return write


KINDS: list[tuple[str, Callable[[Path], None], Callable[[Path], object]]] = [
    *((f"analysis/{name}.json", found(name), read_records) for name in analyses()),
    ("calibration.json", a_grid("calibration.json"), lambda f: read_grid(f / "calibration.json")),
    ("sweep.json", a_grid("sweep.json"), lambda f: read_grid(f / "sweep.json")),
    ("demo.json", trials, lambda f: collect([f])),
]


@pytest.mark.parametrize(("name", "write", "read"), KINDS, ids=[name for name, _, _ in KINDS])
def test_every_json_of_a_folder_is_sealed(
    name: str, write: Callable[[Path], None], read: Callable[[Path], object], folder: Path
) -> None:
    write(folder)
    assert read(folder) is not None
    path = folder / name
    good = path.read_text()
    digits = re.search(r"\d+(?!.*\d)", good, re.DOTALL)  # the last number
    edits = [good[:-3], "", "[]", "null", "{", "[" * 100_000, good + "}", '{"x": NaN}', good.replace('"', "'")]
    if digits:
        edits.append(good[: digits.start()] + "9" + digits[0] + good[digits.end() :])
    for text in edits:
        path.write_text(text)
        with pytest.raises(EmbedgradError) as error:
            read(folder)
        assert str(error.value).startswith(f"{path} is not what embedgrad writes: ")


def test_a_split_is_sealed(tmp_path: Path) -> None:
    rows = [Example(f"text {number}", "a", line=number) for number in range(30)]
    parts = Parts(tuple(rows[:10]), tuple(rows[10:20]), tuple(rows[20:]), 0, 0)
    path, record = tmp_path / "split.json", split_record(parts, seed=0)
    keep_split(path, record)
    keep_split(path, record)
    good = path.read_text()
    for text in (good.replace('"rows": 10', '"rows": 11'), good[:-4], "", "[]", "5", "[" * 100_000, '{"seed": NaN}'):
        path.write_text(text)
        with pytest.raises(CannotResume) as error:
            check_split(path, record)
        assert str(error.value) == f"{path} cannot be read: it was damaged or changed. Start the run anew."


class TestSealedJson:
    @pytest.mark.parametrize(
        "value", [{}, {"a": 1.5, "b": [None, True, "é\u2028🙂"]}, {"x": {"content_sha256": "inner"}}]
    )
    def test_what_is_sealed_is_unsealed(self, value: dict[str, Any]) -> None:
        said, is_sealed = unsealed_json(sealed_json(value))
        assert is_sealed
        assert json.loads(said) == value

    def test_half_a_character_is_told(self) -> None:
        with pytest.raises(MalformedError, match="which is no character"):
            unsealed_json(b'{"a": "\\ud800"}')

    def test_a_key_twice_is_told(self) -> None:
        with pytest.raises(MalformedError, match="the key 'a' occurs twice"):
            unsealed_json(b'{"a": 1, "a": 2}')
