"""Run folders that an embedgrad of before wrote are read, reported, analyzed and continued.

`golden/` was made by commit 494847b with the bundled model in float32: `finished`, and `stopped` by Ctrl-C in the third
of four steps. In both settings.toml `@FOLDER@` stands for the folder with the rows.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import embedgrad as eg
from embedgrad.cli.main import main
from embedgrad.strict_json import sealed_json

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "golden"))
    for settings in folder.glob("*/settings.toml"):
        settings.write_text(settings.read_text("utf-8").replace("@FOLDER@", str(folder)), "utf-8")
    return folder


def test_a_finished_run_is_read_and_reported(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = json.loads((golden / "finished" / "result.json").read_text("utf-8"))
    of_the_file = ("files", "content_sha256")
    stored["engine"]["techniques"] = stored["engine"].pop("means")  # as they are called now
    assert main(["tune", "--resume", str(golden / "finished"), "--json", "--quiet"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {key: shown[key] for key in stored if key not in of_the_file} == {
        key: value for key, value in stored.items() if key not in of_the_file
    }
    assert main(["report", str(golden / "finished"), "--quiet"]) == 0
    assert "Is it good?" in (golden / "finished" / "report.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["result.json", "split.json"])
def test_a_format_of_tomorrow_is_refused_by_its_number(
    name: str, golden: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = golden / "finished" / name
    value = json.loads(path.read_text("utf-8"))
    value.pop("content_sha256", None)
    path.write_bytes(sealed_json(value | {"format_version": 2, "new": 1}))
    assert main(["analyze", str(golden / "finished"), "--only", "anchoring", "--quiet"]) == 1
    says = f"{path} has the format version 2; this embedgrad reads version 1. Use the embedgrad that wrote it."
    assert says in capsys.readouterr().err


def test_its_prompt_is_used(golden: Path) -> None:
    prompt = eg.SoftPrompt.load(golden / "finished" / "prompt.safetensors")
    assert (prompt.text, prompt.embeddings.shape[1]) == ("Is it good?", 256)
    model = eg.load_model("pocket", "float32")
    assert eg.start(model, prompt).template == prompt.template
    assert eg.evaluate(model, prompt, golden / "test.jsonl").score.total == 10


def test_it_is_analyzed(golden: Path) -> None:
    assert main(["analyze", str(golden / "finished"), "--only", "anchoring", "--rows", "2", "--quiet"]) == 0
    assert (golden / "finished" / "analysis" / "anchoring.json").exists()


def test_a_stopped_run_goes_on_where_it_was(golden: Path) -> None:
    before = (golden / "stopped" / "metrics.jsonl").read_text("utf-8").splitlines()
    assert main(["tune", "--resume", str(golden / "stopped"), "--quiet"]) == 0
    after = (golden / "stopped" / "metrics.jsonl").read_text("utf-8").splitlines()
    assert after[: len(before)] == before
    assert [json.loads(line)["step"] for line in after[len(before) :]] == [3, 4, 4]
    assert json.loads((golden / "stopped" / "result.json").read_text("utf-8"))["steps"] == 4


def test_its_settings_file_makes_the_run_again(golden: Path, tmp_path: Path) -> None:
    settings = golden / "finished" / "settings.toml"
    assert main(["tune", "--settings", str(settings), "--output", str(tmp_path / "again"), "--quiet"]) == 0
    assert json.loads((tmp_path / "again" / "result.json").read_text("utf-8"))["steps"] == 4
