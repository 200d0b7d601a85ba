"""Every recipe runs: two steps on a tiny random model of its family, and one per task on the real rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import made_up
import pytest

import tiny
from embedgrad.cli.main import main
from embedgrad.prompt import file as prompt_file
from embedgrad.recipes.catalog import Recipe, all_recipes, load_recipe
from kept import kept_settings

SHORT = ["--dtype", "float32", "--epochs", "0.01", "--min-steps", "2", "--evaluate-every", "2"]
SHORT += ["--max-new-tokens", "3", "--quiet"]
REAL = {
    "table2/math500-qwen2.5-math-1.5b": ["math500/test.jsonl"],
    "table2/imdb-llama3.1-8b": ["imdb/train_sample_5000.jsonl", "imdb/test_sample_5000.jsonl"],
    "table2/medd-qwen2.5-0.5b": ["medd/medd_traditional.jsonl"],
    "table2/causal-qwen2.5-14b": ["causal_judgement/bigbench_190.jsonl"],
}


def _family(recipe: Recipe) -> str:
    return "llama" if "llama" in recipe.model.lower() else "qwen2"


def _run(recipe: Recipe, model: Path, data: Path, folder: Path) -> Path:
    arguments = ["tune", "--recipe", recipe.name, "--model", str(model), "--data", str(data)]
    assert main([*arguments, *SHORT, "--output", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_two_steps_on_a_tiny_model_of_its_family(
    recipe: Recipe, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    data = made_up.write_rows(tmp_path / "data", str(recipe.settings["dataset"]), 40)
    run = _run(recipe, tiny_folder(_family(recipe)), data, tmp_path / "run")
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    settings = kept_settings(run)
    assert (result["steps"], result["recipe"], settings["recipe"]) == (2, recipe.name, recipe.name)
    assert float(settings["learning_rate"]) == float(recipe.settings["learning_rate"])
    assert settings["prompt"] == recipe.settings["prompt"] == result["prompt_text"]
    assert result["after"]["total"] == (40 if recipe.settings["dataset"] == "imdb" else 20)
    assert prompt_file.read(run / "prompt.safetensors").record.text == recipe.settings["prompt"]


def test_its_settings_alone_run_it_again(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    recipe = load_recipe("table2/medd-qwen2.5-0.5b")
    data = made_up.write_rows(tmp_path / "data", "medd", 40)
    run = _run(recipe, tiny_folder("qwen2"), data, tmp_path / "run")
    again = tmp_path / "again"
    assert main(["tune", "--settings", str(run / "settings.toml"), "--output", str(again), "--quiet"]) == 0
    assert (again / "settings.toml").read_bytes() == (run / "settings.toml").read_bytes()
    first, second = (json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder in (run, again))
    assert first["after"] == second["after"]


@pytest.mark.parametrize("name", REAL)
def test_the_real_rows_go_through_to_the_table(
    name: str, tiny_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The 40 shortest rows of each file, so that it takes seconds."""
    files = [tiny.SHARED / "data" / file for file in REAL[name]]
    if not all(file.is_file() for file in files):
        pytest.skip(f"{files[0]} is not here")
    for file in files:
        lines = file.read_text(encoding="utf-8").rstrip("\n").split("\n")
        (tmp_path / "data").mkdir(exist_ok=True)
        kept = sorted(lines, key=len)[:40]
        (tmp_path / "data" / file.name).write_text("\n".join(kept) + "\n", encoding="utf-8")
    recipe = load_recipe(name)
    model = tiny_folder(_family(recipe), max_position_embeddings=2048)
    run = _run(recipe, model, tmp_path / "data", tmp_path / "run")
    assert "<html" in (run / "report.html").read_text(encoding="utf-8")

    capsys.readouterr()
    assert main(["recipes", "report", str(run), "--output", str(tmp_path / "table2.md"), "--json"]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["ours"]]
    assert {row["recipe"] for row in rows} == {name}
    predictions = [json.loads(line) for line in (run / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert rows[0]["ours"]["after"]["total"] == len(predictions)
    assert sum(row["ours"]["after"]["total"] for row in rows[1:]) == (len(predictions) if recipe.about.levels else 0)
    said = rows[0]["ours"]["differences"]
    assert said[0] == f"model {model.name}, a folder, instead of {recipe.model}"
    assert "dtype float32 instead of bfloat16" in said
    if recipe.about.paper.rows:
        assert f"{len(predictions)} test rows instead of {recipe.about.paper.rows}" in said
    assert f"{run} [1]" in (tmp_path / "table2.md").read_text(encoding="utf-8")
