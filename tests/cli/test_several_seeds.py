"""`embedgrad tune --seeds 3`: whole runs in a folder, their mean the headline, the best by validation kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape

import rows
from embedgrad.cli.main import main
from embedgrad.evaluation.seeds import over_seeds
from embedgrad.report.seeds import seeds_table, seeds_words
from embedgrad.run.record import read_run
from embedgrad.run.seeds import Seeds, read_seeds
from kept import kept_settings
from stopping import stopped_at


@pytest.fixture(scope="module")
def job(tmp_path_factory, tiny_folder) -> list[str]:
    folder = tmp_path_factory.mktemp("seeds")
    train = rows.write_jsonl(folder / "train.jsonl", rows.sentiment(60))
    return [
        *("tune", "--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--max-new-tokens", "2"),
        *("--train", str(train), "--split", "50/20/30", "--evaluate-every", "4", "--min-steps", "8", "--epochs", "1"),
        *("--seed", "7", "--learning-rate", "2rms"),
    ]


THREE = ("--seeds", "3")


@pytest.fixture(scope="module")
def folder(job, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run"
    assert main([*job, *THREE, "--output", str(path), "--quiet"]) == 0
    return path


def test_each_seed_is_the_run_that_it_makes_alone(job, folder, tmp_path):
    assert {path.name for path in folder.iterdir()} == {
        "settings.toml", "split.json", "seeds.json", "prompt.safetensors", "report.html", "seed-7", "seed-8", "seed-9"
    }  # fmt: skip
    alone = tmp_path / "alone"
    one = [*job, "--run-seed", "8", "--output", str(alone), "--quiet"]
    assert main(one) == 0
    assert (alone / "predictions.jsonl").read_bytes() == (folder / "seed-8" / "predictions.jsonl").read_bytes()
    assert (alone / "split.json").read_bytes() == (folder / "split.json").read_bytes(), "the same split for all seeds"
    settings = kept_settings(folder / "seed-8")
    assert (settings["seed"], settings["run_seed"]) == (7, 8)
    assert "seeds" not in settings


def test_the_mean_is_over_seeds_and_rows(folder):
    found = read_seeds(folder / "seeds.json")
    records = [read_run(folder / f"seed-{seed}") for seed in (7, 8, 9)]
    before = np.array([float(row.before.correct) for row in records[0].predictions])
    after = np.array([[float(row.after.correct) for row in run.predictions] for run in records])
    assert found.accuracy.value == after.mean()
    difference = over_seeds(after - before)
    assert (found.difference.value, found.difference.interval) == (difference.mean, difference.interval)
    nats = np.array([[row.after.loss for row in run.predictions] for run in records])
    assert found.loss.value == pytest.approx(nats.mean())
    assert [run.after for run in found.runs] == [run.result.after for run in records]


def test_the_prompt_is_that_of_the_best_validation(folder):
    found = read_seeds(folder / "seeds.json")
    losses = [run.validation_loss for run in found.runs]
    accuracies = [run.validation_accuracy for run in found.runs]
    assert len(set(losses)) == 3
    if len(set(accuracies)) == 1:
        assert losses[found.chosen] == min(losses)
    best = folder / found.runs[found.chosen].folder / "prompt.safetensors"
    assert (folder / "prompt.safetensors").read_bytes() == best.read_bytes()


@pytest.mark.parametrize("count", [5, 12, 24])
def test_a_stopped_one_goes_on(job, folder, tmp_path, monkeypatch, capsys, count):
    path = tmp_path / "run"
    steps = stopped_at(monkeypatch, count)
    assert main([*job, *THREE, "--output", str(path), "--quiet"]) == 1
    said = capsys.readouterr().err
    step = (count - 1) % 8
    assert said == (
        f"embedgrad: Stopped after step {step} of 8. The tuning so far is saved. "
        f"Continue with: embedgrad tune --resume {path}\n"
    )
    assert main(["tune", "--resume", str(path), "--quiet"]) == 0
    assert len(steps) == 25, "what was done is not done again"
    one, other = (read_seeds(at / "seeds.json").model_dump(exclude={"seconds"}) for at in (path, folder))
    assert one == other


def test_one_that_fails_at_once_leaves_nothing(job, tmp_path, capsys):
    path = tmp_path / "run"
    assert main([*job, *THREE, "--output", str(path), "--device", "abacus", "--quiet"]) == 2
    assert not path.exists()


def test_what_is_printed(folder, capsys):
    assert main(["tune", "--resume", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.err == f"{folder} is finished; this is its result.\n"
    found = read_seeds(folder / "seeds.json")
    for sentence in seeds_words(found):
        assert sentence in told.out
    assert told.out.count(" *") == 2, "the kept one, and the note"
    assert main(["tune", "--resume", str(folder), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("folder") == str(folder)
    assert Seeds.model_validate_json(json.dumps(printed)) == found


def test_an_analysis_is_of_one_of_them(folder, capsys):
    assert main(["analyze", str(folder), "--quiet"]) == 1
    told = capsys.readouterr().err
    assert f"{folder} holds 3 runs and is none itself. Give one of them, such as {folder / 'seed-7'}." in told


def test_the_report_shows_all_and_the_mean(folder, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["report", str(folder), "--output", str(page), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in printed["runs"]] == ["seed-7", "seed-8", "seed-9"]
    assert printed["seeds"][0]["chosen"] == read_seeds(folder / "seeds.json").chosen
    html = page.read_text()
    assert html == (folder / "report.html").read_text()
    assert "<h2>3 seeds: run</h2>" in html
    for sentence in seeds_words(read_seeds(folder / "seeds.json")):
        assert f"<p>{escape(sentence)}</p>" in html


def test_what_is_said_while_they_run(tiny_folder, tmp_path, capsys):
    train = rows.write_jsonl(tmp_path / "train.jsonl", rows.sentiment(60))
    words = ["tune", "--model", str(tiny_folder("qwen2")), "--prompt", "Good?", "--train", str(train)]
    words += ["--seeds", "2", "--restarts", "2", "--min-steps", "2", "--epochs", "0.1", "--max-new-tokens", "2"]
    assert main([*words, "--output", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().err
    assert told.count("to tune on more of them, choose other shares, such as --split 70/15/15\n") == 1
    assert "up to 2 steps of 16 rows (1.6 epochs), the best of 2 runs, learning rate" in told
    assert re.search(r"^tuning 2 of 2: seed-2, about [0-9.]+ (s|min [0-9]+ s) left for all$", told, re.MULTILINE)
    assert main(["report", str(tmp_path / "run"), "--output", str(tmp_path / "page.html")]) == 0
    header = capsys.readouterr().out
    assert "majority" in header
    assert "bag of words" in header


def mean(value: float, low: float, high: float, spread: float = 0.05) -> dict[str, object]:
    return {"value": value, "interval": (low, high), "spread": spread}


def made_up(**changes: object) -> Seeds:
    def score(name: str, correct: int) -> dict[str, object]:
        share = correct / 100
        return {
            "prompt": name, "accuracy": share, "correct": correct, "total": 100,
            "interval": (share - 0.1, share + 0.1), "loss": 1 - share, "truncated": 0,
        }  # fmt: skip

    runs = [
        {
            "seed": seed, "folder": f"seed-{seed}", "validation_accuracy": 0.5 + seed / 100, "validation_loss": 0.5,
            "after": score("tuned", correct),
            "comparison": {"difference": correct / 100 - 0.4, "interval": (0.0, 0.3), "p_value": 0.01},
            "loss_comparison": {"difference": -0.2, "interval": (-0.3, -0.1), "p_value": 0.01},
        }
        for seed, correct in enumerate((55, 65, 60))
    ]  # fmt: skip
    values = {
        "before": score("the text", 40), "runs": runs, "chosen": 1, "accuracy": mean(0.6, 0.45, 0.74),
        "difference": mean(0.2, 0.05, 0.34), "loss": mean(0.4, 0.3, 0.5), "loss_difference": mean(-0.2, -0.3, -0.1),
        "baselines": None, "prompt_file": "prompt.safetensors", "seconds": 3.0,
    }  # fmt: skip
    return Seeds.model_validate_json(json.dumps(values | changes))


def test_the_words_whole():
    assert seeds_words(made_up()) == [
        "40.0 % -> 60.0 % on 100 unseen rows, the mean of 3 seeds: +20.0 points, 95 % interval 5.0 to 34.0 over "
        "seeds and rows.",
        "The seeds reach 55.0 % to 65.0 %, standard deviation 5.0 points; with 3 seeds the true one may be 0.5 to 6.3 "
        "times that.",
        "Kept is the prompt of seed 1, the best on the validation rows. Quote the mean: which seed does best on these "
        "rows is luck.",
    ]
    unclear = seeds_words(made_up(difference=mean(0.2, -0.05, 0.44)))[0]
    assert unclear == (
        "no difference that 3 seeds on these 100 rows can show: 40.0 % -> 60.0 % on 100 unseen rows, the mean of 3 "
        "seeds: +20.0 points, 95 % interval -5.0 to 44.0 over seeds and rows."
    )
    assert seeds_words(made_up(accuracy=None, difference=None))[:2] == [
        "loss 0.600 -> 0.400 nats per target token on 100 unseen rows, the mean of 3 seeds: -0.200, 95 % interval "
        "-0.300 to -0.100 over seeds and rows.",
        "The seeds reach 0.350 to 0.450, standard deviation 0.050; with 3 seeds the true one may be 0.5 to 6.3 times "
        "that.",
    ]


def test_two_seeds_say_what_a_third_would_do_and_what_needs_no_model():
    share = {"correct": 70, "total": 100, "interval": (0.6, 0.78)}
    runs = made_up().model_dump(mode="json")["runs"][:2]
    baselines = {"majority_label": "no", "majority": share, "bag_of_words": None}
    assert seeds_words(made_up(runs=runs, baselines=baselines))[1:3] == [
        "Without a language model: always 'no' is right on 70.0 % (60.0 to 78.0).",
        "Two seeds say little about a third: with --seeds 3 such intervals are about three times narrower.",
    ]


def test_the_table():
    assert seeds_table(made_up()) == [
        ["prompt", "strict accuracy", "difference", "validation"],
        ["the text", "40.0 % (30.0 to 50.0)", "-", "-"],
        ["seed 0", "55.0 % (45.0 to 65.0)", "+15.0 (0.0 to 30.0)", "50.0 %, loss 0.500"],
        ["seed 1 *", "65.0 % (55.0 to 75.0)", "+25.0 (0.0 to 30.0)", "51.0 %, loss 0.500"],
        ["seed 2", "60.0 % (50.0 to 70.0)", "+20.0 (0.0 to 30.0)", "52.0 %, loss 0.500"],
        ["mean", "60.0 % (45.0 to 74.0)", "+20.0 (5.0 to 34.0)", "-"],
    ]
    assert seeds_table(made_up(accuracy=None, difference=None))[-1] == [
        "mean", "0.400 (0.300 to 0.500)", "-0.200 (-0.300 to -0.100)"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "--seeds is '0': input should be greater than or equal to 1. See --help."),
        (["--tuning-rows", "3"], "--tuning-rows is '3': input should be greater than or equal to 8. See --help."),
        (["--tuning-rows", "31"],
         "--tuning-rows 31 is more than there are: 30 tuning rows. Give fewer, or leave it out."),
    ],
)  # fmt: skip
def test_bad_usage(job, capsys, arguments, message, tmp_path):
    assert main([*job, *arguments, "--output", str(tmp_path / "run"), "--quiet"]) in (1, 2)
    assert capsys.readouterr().err == f"embedgrad: {message}\n"
    assert not (tmp_path / "run").exists()
