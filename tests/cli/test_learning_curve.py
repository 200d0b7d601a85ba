"""`embedgrad learning-curve`: whole runs on nested rows, resumable, and an answer to how many rows one needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rows
from embedgrad.cli.main import main
from embedgrad.jobs.learning_curve_settings import LearningCurveSettings
from embedgrad.report.learning_curve import curve_note, curve_table, curve_words
from embedgrad.run.learning_curve import LearningCurve, read_learning_curve
from embedgrad.run.record import read_run
from kept import kept_settings
from stopping import stopped_at


@pytest.fixture(scope="module")
def job(tmp_path_factory, tiny_folder) -> list[str]:
    folder = tmp_path_factory.mktemp("curve")
    return [
        *("learning-curve", "--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--max-new-tokens", "2"),
        *rows.sentiment_files(folder, 24),
        *("--evaluate-every", "4"),
        *("--min-steps", "8", "--epochs", "8", "--rows-grid", "8,12,all"),
    ]


@pytest.fixture(scope="module")
def folder(job, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run"
    assert main([*job, "--output", str(path), "--quiet"]) == 0
    return path


def lines(folder: Path, part: str) -> list[int]:
    return json.loads((folder / "split.json").read_text())[part]["lines"]


def test_the_runs_have_nested_rows_and_the_same_validation_and_test(folder):
    runs = [folder / name for name in ("rows-08", "rows-12", "rows-24")]
    assert {path.name for path in folder.iterdir()} == {
        "settings.toml", "split.json", "learning_curve.json", "learning_curve.svg", "report.html",
        *(run.name for run in runs),
    }  # fmt: skip
    train = [lines(run, "train") for run in runs]
    assert [len(part) for part in train] == [8, 12, 24]
    assert set(train[0]) < set(train[1]) < set(train[2])
    for part in train:
        assert sum(line % 2 for line in part) == len(part) / 2, "both labels alike"
    for part in ("validation", "test"):
        assert len({tuple(lines(run, part)) for run in runs}) == 1
    assert [read_run(run).result.steps for run in runs] == [8, 8, 12], "as many epochs, but at least min_steps"


def test_a_run_alone_is_the_same(folder, tmp_path):
    settings, again = folder / "rows-12" / "settings.toml", tmp_path / "again"
    assert kept_settings(folder / "rows-12")["tuning_rows"] == 12
    assert main(["tune", "--settings", str(settings), "--output", str(again), "--quiet"]) == 0
    for name in ("predictions.jsonl", "split.json", "settings.toml"):
        assert (again / name).read_bytes() == (folder / "rows-12" / name).read_bytes()


def test_the_curve_is_what_the_runs_reached(folder):
    found = read_learning_curve(folder / "learning_curve.json")
    results = [read_run(folder / size.folders[0]).result for size in found.sizes]
    assert [size.value for size in found.sizes] == [result.after.accuracy for result in results]
    for size, result in zip(found.sizes, results, strict=True):
        assert size.interval == pytest.approx(result.after.interval)
    assert [size.baselines for size in found.sizes] == [result.baselines for result in results]
    assert found.before_value == results[0].before.accuracy
    assert (found.law, found.doubling) == (None, None), "three points support no law"
    assert (folder / "learning_curve.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("count", [5, 11, 20])
def test_a_stopped_curve_goes_on(job, folder, tmp_path, monkeypatch, capsys, count):
    path = tmp_path / "run"
    steps = stopped_at(monkeypatch, count)
    assert main([*job, "--output", str(path), "--quiet"]) == 1
    assert capsys.readouterr().err.endswith(
        f"The curve so far is saved. Continue with: embedgrad learning-curve --resume {path}\n"
    )
    assert main(["learning-curve", "--resume", str(path), "--quiet"]) == 0
    assert len(steps) == 29, "what was done is not done again"
    one, other = (read_learning_curve(at / "learning_curve.json") for at in (path, folder))
    assert one.model_dump(exclude={"seconds"}) == other.model_dump(exclude={"seconds"})


def test_with_several_seeds(job, tmp_path):
    path = tmp_path / "run"
    fewer = [*job[:-2], "--rows-grid", "8,all", "--seeds", "2", "--start", "random"]
    assert main([*fewer, "--output", str(path), "--quiet"]) == 0
    found = read_learning_curve(path / "learning_curve.json")
    assert [size.folders for size in found.sizes] == [
        ("rows-08-seed-0", "rows-08-seed-1"), ("rows-24-seed-0", "rows-24-seed-1")
    ]  # fmt: skip
    for size in found.sizes:
        reached = [read_run(path / name).result.after.accuracy for name in size.folders]
        assert size.of_seeds == pytest.approx(reached)
        assert size.value == pytest.approx(sum(reached) / 2)
    assert not any("another seed" in sentence for sentence in curve_words(found))


def test_what_is_printed(folder, capsys, tmp_path):
    assert main(["learning-curve", "--resume", str(folder)]) == 0
    told, found = capsys.readouterr(), read_learning_curve(folder / "learning_curve.json")
    assert told.err == f"{folder} is finished; this is its curve.\n"
    for sentence in (*curve_words(found), curve_note(found)):
        assert sentence in told.out
    assert main(["learning-curve", "--resume", str(folder), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("folder") == str(folder)
    assert LearningCurve.model_validate_json(json.dumps(printed)) == found
    page = tmp_path / "page.html"
    assert main(["report", str(folder), "--output", str(page), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in printed["runs"]] == ["rows-08", "rows-12", "rows-24"]
    assert len(printed["learning_curves"]) == 1
    assert page.read_text() == (folder / "report.html").read_text()
    assert "<h2>Learning curve: run</h2>" in page.read_text()


def made_up(values: list[float], to_all: list[tuple[float, float, float]], **changes: object) -> LearningCurve:
    sizes = [
        {
            "rows": 16 * 2**at, "steps": (200,), "folders": (f"rows-{at}",), "value": value,
            "interval": (value - 0.05, value + 0.05), "of_seeds": (value,),
            "to_all": {"value": gap[0], "interval": gap[1:]}, "baselines": None,
        }
        for at, (value, gap) in enumerate(zip(values, to_all, strict=True))
    ]  # fmt: skip
    score = {
        "prompt": "the text", "accuracy": 0.4, "correct": 160, "total": 400, "interval": (0.35, 0.45), "loss": 1.0,
        "truncated": 0,
    }  # fmt: skip
    whole = {
        "measure": "accuracy", "before": score, "before_value": 0.4, "sizes": sizes, "law": None, "doubling": None,
        "validation_rows": 60, "seconds": 9.0,
    }  # fmt: skip
    return LearningCurve.model_validate_json(json.dumps(whole | changes))


LAW = {"ceiling": 0.85, "ceiling_interval": (0.8, 0.95), "factor": 1.4, "exponent": 0.5}
ONE_SEED = "Each point is one tuning: how far another seed would have moved it is in no interval. --seeds 3 shows that."


def test_the_words_whole():
    values, gaps = [0.5, 0.6, 0.7, 0.72], [(0.22, 0.15, 0.29), (0.12, 0.05, 0.19), (0.02, -0.03, 0.07), (0, 0, 0)]
    doubling = {"value": 0.03, "interval": (0.01, 0.05)}
    assert curve_words(made_up(values, gaps, law=LAW, doubling=doubling)) == [
        "40.0 % with the text prompt, 50.0 % tuned on 16 rows, 72.0 % on 128.",
        "From 64 rows on, the 400 test rows show no difference to 128: 128 minus 64 rows is +2.0 points (95 % interval "
        "-3.0 to 7.0).",
        "If the curve goes on like this, 256 rows would change accuracy by +3.0 points (95 % interval 1.0 to 5.0), and "
        "ever more rows would lead to 85.0 % (95 % interval 80.0 to 95.0).",
        ONE_SEED,
    ]
    gaps[2] = (0.02, 0.01, 0.03)
    assert curve_words(made_up(values, gaps))[1] == (
        "More rows helped up to the last: the 400 test rows show that 128 are better than fewer."
    )
    assert curve_words(made_up([0.7, 0.72], [(0.02, -0.03, 0.07), (0, 0, 0)]))[1:] == [
        "What 64 rows would bring is unknown: 2 numbers of rows cannot show how a curve goes on; 4 can.",
        ONE_SEED,
    ]
    flat = [(0.02, -0.03, 0.07)] * 3 + [(0, 0, 0)]
    assert curve_words(made_up([0.7, 0.7, 0.7, 0.72], flat))[1:2] == [
        "What 256 rows would bring is unknown: the 400 test rows do not show that 128 rows are better than 16."
    ]
    loss = made_up([0.7, 0.6], [(-0.1, -0.2, -0.01), (0, 0, 0)], measure="loss", before_value=1.5)
    assert curve_words(loss)[:2] == [
        "1.500 with the text prompt, 0.700 tuned on 16 rows, 0.600 on 32.",
        "More rows helped up to the last: the 400 test rows show that 32 are better than fewer.",
    ]


def test_tunings_that_ended_too_early_are_told_before_the_conclusion():
    whole = made_up([0.7, 0.72], [(0.02, -0.03, 0.07), (0, 0, 0)]).model_dump(mode="json")
    whole["sizes"][0]["still_learning"] = 1
    found = LearningCurve.model_validate_json(json.dumps(whole))
    assert curve_words(found)[1] == (
        "1 of 2 tunings was still learning when the steps ran out (their reports say which): with more --epochs or "
        "--min-steps the curve may be another."
    )


@pytest.mark.parametrize(("correct", "is_told"), [(72, True), (71, False)])
def test_a_bag_of_words_that_is_as_good_is_told(correct, is_told):
    whole = made_up([0.7, 0.72], [(0.02, -0.03, 0.07), (0, 0, 0)]).model_dump(mode="json")
    share = {"correct": correct, "total": 100, "interval": [0.6, 0.8]}
    whole["sizes"][-1]["baselines"] = {"majority_label": "a", "majority": share, "bag_of_words": share}
    found = LearningCurve.model_validate_json(json.dumps(whole))
    sentence = "A bag of words, without a language model, reaches 72.0 % with 32 rows."
    assert (sentence in curve_words(found)) == is_told
    assert curve_table(found)[-1][-2:] == [f"{correct}.0 %", f"{correct}.0 %"]


def test_the_table_and_its_note():
    curve = made_up([0.7, 0.72], [(0.02, -0.03, 0.07), (0, 0, 0)])
    assert curve_table(curve) == [
        ["rows", "steps", "strict accuracy", "to all"],
        ["16", "200", "70.0 % (65.0 to 75.0)", "+2.0 (-3.0 to 7.0)"],
        ["32", "200", "72.0 % (67.0 to 77.0)", "-"],
    ]
    assert curve_note(curve) == (
        "Strict accuracy on the same 400 test rows throughout; in brackets 95 % intervals over rows. To all: what all "
        "rows have more. Validation had 60 rows of its own throughout, however few there were to tune on."
    )


@pytest.mark.parametrize(
    ("grid", "rows_", "sizes"),
    [(None, 480, [16, 32, 64, 128, 256, 480]), (None, 65, [16, 32, 64, 65]), (None, 64, [8, 16, 32, 64]),
     (None, 20, [8, 16, 20]), (None, 12, [8, 12]),
     ("64,all,8", 480, [8, 64, 480]), ("64,480,all", 480, [64, 480])],
)  # fmt: skip
def test_on_how_many_rows(grid, rows_, sizes):
    assert LearningCurveSettings(rows_grid=grid).sizes(rows_) == sizes


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--rows-grid", "8,200"], 1,
         "--rows-grid asks for 200 rows, and there are 24 tuning rows. Ask for fewer, or write all."),
        (["--rows-grid", "few"], 2,
         '--rows-grid is \'few\': expected numbers of rows like "16,64,256,all". See --help.'),
        (["--rows-grid", "4,16"], 2,
         "--rows-grid is '4,16': expected at least 8 rows each, and at most 1,000,000,000. See --help."),
        (["--tuning-rows", "12"], 2,
         "A learning curve has several numbers of rows: write --rows-grid instead of --tuning-rows."),
    ],
)  # fmt: skip
def test_bad_usage(job, capsys, arguments, code, message, tmp_path):
    assert main([*job[:-2], *arguments, "--output", str(tmp_path / "run"), "--quiet"]) == code
    assert capsys.readouterr().err == f"embedgrad: {message}\n"
    assert not (tmp_path / "run").exists()


def test_other_folders_are_none_of_its_own(capsys, tmp_path):
    assert main(["learning-curve", "--resume", "nowhere"]) == 1
    assert capsys.readouterr().err == (
        "embedgrad: nowhere is no learning curve's folder. Give the folder that learning-curve wrote.\n"
    )
    assert main(["learning-curve", "--resume", "nowhere", "--seed", "1"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: --resume continues a learning curve with its own settings: give no others with it.\n"
    )
