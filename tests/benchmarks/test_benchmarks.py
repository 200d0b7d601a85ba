"""Every benchmark runs from end to end on sizes without a meaning: keys, files and checks, never a duration."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from embedgrad.evaluation.judging import Judging
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings

FOLDER = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.filterwarnings("ignore:Position ids are not supported")  # PEFT says so at every answer
SIZES = ["placement", "k", "n", "m", "batch", "dtype"]
STEP_KEYS = ["model", *SIZES, "peft_seconds", "seconds", "ratio", "gemm_share", "peft_peak_bytes", "peak_bytes"]
LENGTHS_KEYS = [
    "data",
    "placement",
    "batch",
    "dtype",
    "mean_tokens",
    "padding_share",
    "peft_seconds",
    "seconds",
    "ratio",
]

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`script("step")`: that benchmark as a module, its neighbours in reach as when it is run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def run(script, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`run("step", "--repeats", "1")`: the rows of its JSON line, after a look at the files it wrote."""

    def rows(name: str, *words: str) -> list[dict[str, Any]]:
        assert script(name).main([*words, "--json", "--output", str(tmp_path / "out")]) == 0
        line = capsys.readouterr().out
        assert line.count("\n") == 1
        found = json.loads(line)
        assert [*found] == ["rows"]
        figures = json.loads((tmp_path / "out" / "figures.json").read_text())
        assert figures["rows"] == found["rows"]
        assert figures["setup"]["threads"] >= 1
        table = (tmp_path / "out" / "table.md").read_text().splitlines()
        assert len(table) == 2 + len(found["rows"])
        if found["rows"]:
            assert (tmp_path / "out" / "chart.svg").read_text().startswith("<?xml")
        return found["rows"]

    return rows


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_step(run: Run, dtype: str) -> None:
    rows = run(
        "step", "--preset", "tiny", "--shapes", "4,6,2,3", "2,5,3,2", "--repeats", "1", "--dtype", dtype, "--no-memory"
    )
    assert [(row["placement"], row["k"]) for row in rows] == [("before", 4), ("before", 2), ("after", 4), ("after", 2)]
    for row in rows:
        assert [*row] == STEP_KEYS
        assert row["ratio"] == pytest.approx(row["peft_seconds"] / row["seconds"])
        assert row["gemm_share"] > 0
        assert row["peak_bytes"] is None


def test_step_by_default_has_toy_shapes_and_tells_each_row(script, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    step, models = script("step"), script("models")
    monkeypatch.setattr(step, "SHAPES", (models.Sizes(2, 5, 3, 2),))
    monkeypatch.setattr(step, "TOYS", (models.Sizes(3, 4, 2, 3),))
    assert step.main(["--preset", "tiny", "--vocabulary", "4500", "--placements", "before", "--json"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)["rows"]
    assert [(row["model"], row["k"]) for row in rows] == [("tiny", 2), ("tiny", 3)]
    lines = err.splitlines()
    assert lines[0].startswith("matrix units of the processor: ")
    assert [line.startswith("model tiny; prompt before; k ") for line in lines] == [
        False,
        False,
        True,
        False,
        True,
        False,
    ]
    assert lines[-1].startswith(("slower than PEFT: tiny ", "no step is slower than PEFT's"))


def test_step_memory_is_that_of_a_child_per_arm(run: Run) -> None:
    tiny = ("--preset", "tiny", "--shapes", "4,6,2,3", "--vocabulary", "5000", "--repeats", "1")
    (row,) = run("step", *tiny, "--placements", "before", "--memory")
    assert row["peft_peak_bytes"] > 10_000_000
    assert row["peak_bytes"] > 10_000_000


def test_necessary_arithmetic(script) -> None:
    models, step = script("models"), script("step")
    model = models.random_model("tiny", "float32", "cpu")
    body, head = models.parameter_counts(model)
    assert head == 4096 * 32
    assert body + head == model.parameters  # tied
    sizes = models.Sizes.parse("4,6,2,3")
    assert step.necessary_flops(model, sizes, "before") == 4 * body * (4 + 3 * 8) + 4 * head * 6
    assert step.necessary_flops(model, sizes, "after") == 4 * body * 3 * 6 + 4 * head * 6


def test_arms_that_differ_are_not_timed(script) -> None:
    models, arms = script("models"), script("arms")
    model = models.random_model("tiny", "float32", "cpu")
    batches = models.random_batches(model, models.Sizes(4, 6, 2, 3), 1, "before")
    ours = arms.OurArm(model, models.random_start(model, 4), batches)
    assert arms.check_equal(ours, arms.PeftArm(model, models.random_start(model, 4), batches), model.dtype) is None
    with pytest.raises(SystemExit, match="The arms compute different things"):
        arms.check_equal(ours, arms.PeftArm(model, 2 * models.random_start(model, 4), batches), model.dtype)


def test_lengths(run: Run, tmp_path: Path) -> None:
    for file in ("imdb/train_sample_5000.jsonl", "medd/medd_traditional.jsonl"):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True)
        texts = [" ".join(["word"] * (1 + 7 * i % 23)) + "\u2028" for i in range(80)]
        path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts))
    rows = run("lengths", "--preset", "tiny", "--shared", str(tmp_path), "--batches", "2")
    assert [(row["data"], row["placement"], row["batch"]) for row in rows] == [
        ("imdb", "before", 16),
        ("imdb", "after", 16),
        ("medd", "before", 32),
        ("medd", "after", 32),
    ]
    assert all([*row] == LENGTHS_KEYS and 0 < row["padding_share"] < 1 for row in rows)


def test_lengths_without_the_data(run: Run, script, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lengths", "--preset", "tiny", "--shared", str(tmp_path)) == []
    script("lengths").main(["--preset", "tiny", "--shared", str(tmp_path), "--data", "medd"])
    path = tmp_path / "data" / "medd" / "medd_traditional.jsonl"
    assert capsys.readouterr().err == f"medd is skipped: {path} is not here. Give its folder with --shared.\n"


def test_real_rows(run: Run, tmp_path: Path) -> None:
    """Of any model; a data set that is not there is skipped."""
    for file, label in (("sst2/train.jsonl", {"label": 1}), ("trec/train.jsonl", {"label_coarse": "HUM"})):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True)
        rows = [{"text": " ".join(["word"] * (1 + 7 * i % 23)), **label} for i in range(20)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = run("real_rows", "--model", "pocket", "--dtype", "bfloat16", "--shared", str(tmp_path), "--steps", "1")
    assert [row["data"] for row in rows] == ["sst2", "trec"]
    for row in rows:
        techniques = ["own attention", "the last layer only at targets", "packed rows", "fused norms and MLPs"]
        assert (row["path"], row["techniques"][:4]) == ("shared prefix", techniques)
        assert row["techniques"][4:] in ([], ["weights widened to float32"])  # by the processor
        assert row["differs_in_float32"] < 1e-4 < row["rounding"]
        assert row["ratio"] == pytest.approx(row["plain_seconds"] / row["seconds"])


def test_smollm2_is_random_where_it_is_not_there(script, monkeypatch: pytest.MonkeyPatch) -> None:
    smollm2 = script("smollm2")
    monkeypatch.setattr("embedgrad.model.shipped.find_spec", lambda name: None)
    monkeypatch.setattr("embedgrad.model.shipped.converted", lambda digest: None)
    monkeypatch.setattr(smollm2, "random_model", lambda *given: given)
    assert smollm2.smollm2("bfloat16", "cpu") == ("smollm2-135m", "bfloat16", "cpu")
    assert script("models").PRESETS["smollm2-135m"]["num_hidden_layers"] == 30


def test_smollm2_is_the_products(script, monkeypatch: pytest.MonkeyPatch) -> None:
    smollm2 = script("smollm2")
    monkeypatch.setattr(smollm2, "load_model", lambda *given: given)
    assert smollm2.smollm2("bfloat16") == ("smollm2", "bfloat16", "cpu")


def test_generate(run: Run) -> None:
    pocket, random = run("generate", "--preset", "tiny", "--rows", "12", "--repeats", "1")
    assert (pocket["model"], random["model"]) == ("pocket", "random tiny")
    for row in (pocket, random):
        assert row["rows"] == 12
        assert row["hf_differing"] <= 1  # a tie; any other difference ends the script
        assert row["peft_ratio"] == pytest.approx(row["peft_seconds"] / row["seconds"])


def test_generate_stops_at_a_wrong_answer(script, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = script("generate")
    monkeypatch.setattr(generate, "our_answers", lambda test, embeddings: [(5,)] * len(test.layouts))
    with pytest.raises(SystemExit, match="Row 0 is answered"):
        generate.main(["--models", "random", "--preset", "tiny", "--rows", "2", "--repeats", "1"])


def test_tune(run: Run, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--tasks", "desk", "--rows", "8", "--steps", "3", "--evaluate-every", "2", "--best-of", "0.25", "0.5"]
    words += ["--runs", str(tmp_path / "runs.jsonl"), "--seeds", "0", "1"]
    best, documented = run("tune", *words)
    assert (best["against"], documented["against"]) == ("best of 2", "documented")
    for row in (best, documented):
        assert (row["model"], row["seeds"], row["total"]) == ("pocket", [0, 1], 8)
        for one in row["runs"]:
            assert [at["step"] for at in one["curve"]] == [at["step"] for at in one["peft_curve"]] == [0, 2, 3]
            assert one["interval"][0] <= one["accuracy"] <= one["interval"][1]
            assert one["ratio"] == pytest.approx(one["peft_seconds"] / one["seconds"])
            assert one["ratio"] == pytest.approx(one["by_step"] * one["by_validation"] * one["by_optimizer"])
        assert row["ratio"] == pytest.approx(sum(one["ratio"] for one in row["runs"]) / 2)
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    arms = [(found["arm"], found["seed"]) for found in map(json.loads, lines)]
    assert arms[:4] == [("ours", 0), ("documented", 0), ("0.25rms", 0), ("0.5rms", 0)]
    assert arms[4] == ("documented", 1)
    assert arms[6:] == [("ours", 1)]

    def not_again(*_: object) -> None:
        raise AssertionError("a run that the file has was repeated")

    monkeypatch.setattr(script("contest").Contest, "run", not_again)
    assert run("tune", *words) == [best, documented]


def test_the_parts_of_a_whole_tuning(script) -> None:
    """PEFT: 4 steps of 3 s and 3 validations of 5 s. Ours: 2 of 1 s and 2 of 2 s."""
    spent = script("contest").Spent
    found = spent(4, 3, 12.0, 15.0).over(spent(2, 2, 2.0, 4.0))
    assert found == pytest.approx(
        {"ratio": 27 / 6, "by_step": 27 / 19, "by_validation": 19 / 10, "by_optimizer": 10 / 6}
    )


def test_tune_stops_where_the_arms_differ(script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also shows that with one update their losses agree, but for rounding."""
    contest, tune = script("contest"), script("tune")
    monkeypatch.setitem(contest.TOLERANCE, torch.float32, -1.0)
    with pytest.raises(SystemExit) as error:
        tune.main(["--tasks", "desk", "--rows", "8", "--steps", "3"])
    told = re.fullmatch(
        r"The arms tune different things: over 3 steps of desk their losses differ by ([0-9.e-]+) relative\. Nothing "
        r"was timed\.",
        str(error.value),
    )
    assert told is not None
    assert float(told[1]) < 1e-4


def test_validation(run: Run) -> None:
    """Verdicts of all validations are compared, those of the first and the last are timed."""
    words = ("--models", "pocket", "--tasks", "desk", "--rows", "6", "--batch", "2", "--steps", "2", "--every", "1")
    first, last = run("validation", *words, "--repeats", "1")
    assert (first["step"], last["step"]) == (0, 2)
    assert (first["compared"], last["compared"]) == (6, 18)
    for row in (first, last):
        assert row["differing"] == 0
        assert row["ratio"] == pytest.approx(row["full_seconds"] / row["seconds"])


def test_validation_without_the_data(run: Run, script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script("validation"), "smollm2", lambda *given: None)
    assert run("validation", "--models", "smollm2", "--shared", str(tmp_path), "--data", "trec") == []


def test_validation_stops_at_another_loss(script, monkeypatch: pytest.MonkeyPatch) -> None:
    validation = script("validation")
    monkeypatch.setattr(validation, "verdicts_of", lambda *given: SimpleNamespace(loss=-1.0))
    words = ("--models", "pocket", "--tasks", "desk", "--rows", "2", "--batch", "2", "--steps", "1")
    with pytest.raises(SystemExit, match=r"The loss is -1\.0 by verdicts and"):
        validation.main([*words, "--repeats", "1"])


QUICK = ("--rows", "32", "--set", "min_steps=4", "epochs=0.1", "evaluate_every=2")


def test_learning(script, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Resumable, and every rule keeps a step that was validated."""
    learning, runs = script("learning"), tmp_path / "runs.jsonl"
    words = ["tune", str(runs), "--tasks", "sentiment", "--arms", "default", "whole", *QUICK]
    assert learning.main([*words, "--workers", "2"]) == 0
    assert len(learning.read(runs)) == 1
    assert learning.main(words) == 0
    assert all("tests" not in run for run in learning.read(runs))
    assert learning.main(["test", str(runs), "--measures"]) == 0
    found = learning.read(runs)
    assert [run["arm"] for run in found] == ["default", "whole"]
    for run in found:
        assert [at["step"] for at in run["validations"]] == [0, 2, 4]
        assert run["validation_rows"] == 8
        assert {run["kept"], 0} <= {int(step) for step in run["tests"]}
        assert learning.RULES["lowest loss within an error of it"](run["validations"], 8) == run["kept"]
    capsys.readouterr()
    assert learning.main(["table", str(runs)]) == 0
    assert learning.main(["rules", str(runs)]) == 0
    printed = capsys.readouterr().out
    assert "sentiment, 32 rows  default" in printed
    assert "test, mean of 2 runs" in printed


def test_learning_stops_after_as_many_seconds(script, tmp_path: Path) -> None:
    learning, first, second = script("learning"), tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert learning.main(["tune", str(first), "--tasks", "sentiment", *QUICK]) == 0
    (run,) = learning.read(first)
    run["seconds"] = 0.0
    first.write_text(json.dumps(run) + "\n")
    assert learning.main(["tune", str(second), "--tasks", "sentiment", "--at-most-seconds-of", str(first), *QUICK]) == 0
    (stopped,) = learning.read(second)
    assert (stopped["steps"], stopped["finished"], stopped["kept"]) == (0, None, 0)


ONE_OF_EACH = "adamw muon-0.8 rows whole signs lion-0.08 whitened-0.3 averaged waits residual labels free-8"


@pytest.mark.parametrize("name", ONE_OF_EACH.split())
def test_an_update_begins_at_its_start_and_moves(name: str, script) -> None:
    task = script("learning_tasks").learning_task("sentiment", FOLDER).of_rows(32)
    parts, arm = tuning_parts(task.train, task.validation, 0, columns=()), script("updates").ARMS[name]
    options = TuningSettings.model_validate({**arm.settings, "min_steps": 2, "epochs": 0.1})
    start = arm.start(task)
    setup = arm.applied(Setup.prepare(task.model, start, parts, options, Judging(task.task)))
    first = setup.method.artifact(setup.method.begin().tensors)
    torch.testing.assert_close(first.embeddings, start.embeddings)
    moved = setup.method.artifact(setup.run(options, 0.1 * task.model.table_rms).tensors)
    assert bool((moved.embeddings != start.embeddings).any())


def test_bad_starts(run: Run, tmp_path: Path) -> None:
    for file in ("train.jsonl", "test.jsonl"):
        rows = [{"text": f"{file} {i}", "label_coarse": ("HUM", "LOC", "NUM", "ABBR")[i % 4]} for i in range(80)]
        (tmp_path / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("--tasks", "claims", "--steps", "2", "--rows", "8", "--five", str(tmp_path))
    rows = run("bad_starts", *words)
    assert [row["task"] for row in rows] == ["claims"] * 5 + ["TREC, five labels"]
    assert len({row["start"] for row in rows}) == 6
    for row in rows:
        assert (row["steps"], row["total"]) == (2, 8)
        assert row["kept"] in (0, 2)
        assert row["sentence"]
