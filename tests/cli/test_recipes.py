"""`embedgrad recipes` as a person or a script uses it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from embedgrad.cli.main import main
from embedgrad.recipes.catalog import recipe_names

MEDD = "table2/medd-qwen2.5-0.5b"


def _output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["recipes", *arguments]) == 0
    return capsys.readouterr().out


def test_list_shows_sixteen(capsys) -> None:
    shown = _output(capsys)
    assert all(shown.count(f" {name} ") == 1 for name in recipe_names())
    (line,) = (line for line in shown.splitlines() if MEDD in line)
    assert line.split() == [MEDD, "MEDD", "Qwen/Qwen2.5-0.5B-Instruct", "16.03", "->", "90.57", "5.5"]


def test_list_for_machines(capsys) -> None:
    found = json.loads(_output(capsys, "--json"))["recipes"]
    assert [recipe["name"] for recipe in found] == list(recipe_names())
    medd = next(recipe for recipe in found if recipe["name"] == MEDD)
    assert (medd["task"], medd["model"]) == ("MEDD", "Qwen/Qwen2.5-0.5B-Instruct")
    assert medd["paper"] == {"before": 0.1603, "after": 0.9057, "rows": None}
    assert medd["settings"]["dataset"] == "medd"


def test_show_prints_the_file(capsys) -> None:
    assert tomllib.loads(_output(capsys, "show", MEDD))["recipe"]["paper"] == {"before": 0.1603, "after": 0.9057}
    assert json.loads(_output(capsys, "show", MEDD, "--json"))["name"] == MEDD


def test_an_unknown_name_is_bad_usage(capsys) -> None:
    for arguments in (["recipes", "show", "medd"], ["tune", "--recipe", "medd"]):
        assert main(arguments) == 2
        told = capsys.readouterr().err
        assert told == "embedgrad: There is no recipe 'medd'. `embedgrad recipes` lists them.\n"


def test_report_without_runs_says_that_nobody_has_run_them(capsys, tmp_path: Path) -> None:
    file = tmp_path / "table2.md"
    rows = json.loads(_output(capsys, "report", "--json", "--output", str(file)))["rows"]
    assert len(rows) == 26
    assert all(row["ours"] is None for row in rows)
    assert file.read_text(encoding="utf-8").count("| - | - | - | - | - | - |") == 26
    assert "-: nobody has run it" in " ".join(_output(capsys, "report").split())


def test_a_run_of_no_recipe_is_left_out_and_said(capsys, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    score = {
        "prompt": "p",
        "accuracy": 0.5,
        "correct": 1,
        "total": 2,
        "interval": [0.1, 0.9],
        "loss": 1,
        "truncated": 0,
    }
    difference = {"difference": 0.0, "interval": [0.0, 0.0], "p_value": 1.0}
    result = {
        "before": score, "after": score, "comparison": difference, "loss_comparison": difference,
        "prompt_file": "prompt.safetensors", "steps": 1, "seconds": 1, "peak_bytes": 1, "versions": {},
        "rows": {"train": 8, "validation": 8, "test": 0, "removed_duplicates": 0}, "model": "tiny",
        "prompt_text": "p", "best_step": 1, "stopped": "all epochs done",
    }  # fmt: skip
    (run / "result.json").write_text(json.dumps(result))
    for name in ("metrics.jsonl", "predictions.jsonl"):
        (run / name).write_text("")
    for settings in ('model = "tiny"', 'recipe = "table2/of-a-later-version"'):
        (run / "settings.toml").write_text(settings)
        found = json.loads(_output(capsys, "report", str(run), "--json"))
        assert found["left_out"] == [f"{run} is left out: its settings name no recipe that ships."]
        assert all(row["ours"] is None for row in found["rows"])


def test_a_missing_run_is_bad_usage(capsys, tmp_path: Path) -> None:
    assert main(["recipes", "report", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"embedgrad: There is no run folder {tmp_path / 'none'}.\n"


def test_it_loads_no_torch() -> None:
    code = "import sys; from embedgrad.cli.main import main; main(['recipes', '--quiet']); "
    code += "main(['recipes', 'report', '--quiet']); print([m for m in ('torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
