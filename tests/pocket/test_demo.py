"""`embedgrad demo`: both blocks in the promised shape, honest arms, a run folder per task that repeats its run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from embedgrad.cli.main import main
from embedgrad.evaluation.evaluate import evaluate
from embedgrad.model.load import load_model
from embedgrad.pocket import trial as trials
from embedgrad.pocket.tasks import PocketTask, load_task
from embedgrad.pocket.trial import settings_of
from embedgrad.run.demo_tables import TrialResult
from embedgrad.tuning.settings import TuningSettings
from rows import said

FEW_STEPS = {"epochs": 1.0, "min_steps": 1, "evaluate_every": 10, "checkpoint_seconds": 60.0}


def few_steps(task: PocketTask, seed: int = 0) -> TuningSettings:
    return settings_of(task, seed).model_copy(update=FEW_STEPS)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[dict[str, object]]], Path, str]:
    """The demo on a task of each block, with few steps: its JSON, its folder, and what it prints for people."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "settings_of", few_steps)
        printed: list[str] = []
        patch.setattr("builtins.print", lambda *texts, **options: printed.append(str(texts[0])))
        assert main(["demo", "--tasks", "desk,sentiment", "--output", str(folder), "--json", "--quiet"]) == 0
    assert len(printed) == 1
    return json.loads(printed[0]), folder, printed[0]


def test_json_has_both_blocks_in_the_promised_shape(demo):
    found, folder, _ = demo
    assert [t["name"] for t in found["paper"]] == ["sentiment"]
    assert [t["name"] for t in found["own"]] == ["desk"]
    for row in (*found["paper"], *found["own"]):
        result = TrialResult.model_validate_json(json.dumps(row))
        assert result.test_rows == result.before.total == result.best_written.total == result.after.total == 400
        assert 0 <= result.majority <= 1
        assert 0 <= result.bag_of_words <= 1
        difference = result.after.accuracy - result.best_written.accuracy
        assert result.comparisons.after_vs_best_written.difference == pytest.approx(difference)
        assert result.comparisons.after_vs_before.difference == pytest.approx(
            result.after.accuracy - result.before.accuracy
        )
        assert result.after.by_meaning is not None
        assert result.after.by_likelihood is not None
        assert result.after.by_likelihood.total == 400
    assert json.loads(said(folder / "demo.json")) == {"format_version": 1, **found}


def test_the_best_written_prompt_is_chosen_on_validation_rows_and_its_score_is_its_own(demo):
    found, _, _ = demo
    model, task = load_model("pocket"), load_task("desk")
    shown = found["own"][0]["best_written"]["prompt"].removesuffix("...")
    (text,) = [prompt for prompt in task.prompts if prompt.startswith(shown)]
    on_validation = [evaluate(model, p, task.rows("validation"), task.task).score for p in task.prompts]
    best = max(on_validation, key=lambda score: (score.accuracy, -score.loss))
    assert best == on_validation[task.prompts.index(text)]
    on_test = evaluate(model, text, task.rows("test"), task.task, score_by="both").score
    assert on_test.model_dump(mode="json") == found["own"][0]["best_written"]


@pytest.mark.parametrize("name", ["desk", "sentiment"])
def test_each_task_has_a_run_folder_whose_settings_repeat_it(demo, name, tmp_path):
    _, folder, _ = demo
    run = folder / name
    for file in (
        "settings.toml",
        "metrics.jsonl",
        "prompt.safetensors",
        "predictions.jsonl",
        "result.json",
        "report.html",
    ):
        assert (run / file).is_file(), file
    again = tmp_path / "again"
    assert main(["tune", "--settings", str(run / "settings.toml"), "--output", str(again), "--quiet"]) == 0
    assert (again / "predictions.jsonl").read_text() == _without_likeliest((run / "predictions.jsonl").read_text())


def _without_likeliest(lines: str) -> str:
    """The demo also scores by likelihood, on the test rows only."""
    rows = [json.loads(line) for line in lines.splitlines()]
    for row in rows:
        for arm in ("before", "after"):
            row[arm]["likeliest"] = None
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_people_get_tables_rows_files_and_the_next_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(trials, "settings_of", few_steps)
    assert main(["demo", "--tasks", "claims", "--output", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    header = next(line for line in out.splitlines() if line.lstrip().startswith("task "))
    assert re.split(r"\s{2,}", header.strip()) == [
        "task",
        "majority, words",
        "first prompt",
        "best written",
        "tuned",
        "tuned - best written",
        "meaning",
        "likelihood",
    ]
    assert "five written prompts; 400 test rows each" in out
    assert str(tmp_path / "out" / "claims" / "report.html") in out
    assert "embedgrad tune --model" in out
    assert "parameters, frozen" in err


def test_an_unknown_task_and_an_existing_folder_are_refused(tmp_path, capsys):
    assert main(["demo", "--tasks", "order"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: There is no task 'order'; write some of math, sentiment, emotion, causal, desk, reviews, claims, "
        'orders. Did you mean "orders"?\n'
    )
    assert main(["demo", "--output", str(tmp_path)]) == 2
    told = f"embedgrad: The folder {tmp_path} exists already. Choose another --output.\n"
    assert capsys.readouterr().err == told
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_is_none_is_refused_before_anything_is_done(tmp_path, capsys):
    assert main(["demo", "--tasks", "desk", "--seed", "-1", "--output", str(tmp_path / "out")]) == 2
    told = "embedgrad: seed is -1; expected a whole number from 0 to 9223372036854775807.\n"
    assert capsys.readouterr().err.endswith(told)
    assert not (tmp_path / "out").exists()


def test_a_demo_that_is_stopped_keeps_the_tasks_that_are_done(monkeypatch, tmp_path, capsys):
    folder, run_trial = tmp_path / "out", trials.run_trial

    def stopped_at_causal(model, task, settings, **options):
        if task.name == "causal":
            raise KeyboardInterrupt
        return run_trial(model, task, settings, **options)

    monkeypatch.setattr(trials, "settings_of", few_steps)
    monkeypatch.setattr(trials, "run_trial", stopped_at_causal)
    assert main(["demo", "--tasks", "causal", "--output", str(folder)]) == 1
    assert not folder.exists()
    assert main(["demo", "--tasks", "sentiment,causal", "--output", str(folder)]) == 1
    assert [path.name for path in folder.iterdir()] == ["sentiment"]
    assert (folder / "sentiment" / "result.json").is_file()
    assert "Traceback" not in capsys.readouterr().err


def test_the_full_demo_puts_everything_on_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from embedgrad.analysis.analyses import ANALYSES
    from embedgrad.jobs import demo as job

    monkeypatch.setattr(trials, "settings_of", few_steps)
    monkeypatch.setattr(job, "ROWS_LOOKED_AT", 32)
    monkeypatch.setattr(job, "RATES", "0.5rms")
    monkeypatch.setattr(job, "EPOCHS", "0.1")
    folder = tmp_path / "out"
    assert main(["demo", "--tasks", "sentiment", "--full", "--output", str(folder), "--quiet"]) == 0
    assert {path.stem for path in (folder / "sentiment" / "analysis").iterdir()} == {*ANALYSES}
    cells = json.loads((folder / "sentiment-sweep" / "sweep.json").read_text())["cells"]
    assert [(cell["relative_rate"], cell["epochs"]) for cell in cells] == [(pytest.approx(0.5), 0.1)]
    page = (folder / "report.html").read_text()
    for heading in ("Sweep: sentiment-sweep", "Anchoring", "Trajectory entropy", "Reading by LAT", "Blend"):
        assert f"<h2>{heading}</h2>" in page
    assert "The paper&#39;s four prompts" in page, "the demo's own table"
