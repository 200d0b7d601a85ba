"""`embedgrad sweep`, and `tune --learning-rate auto`: grids on the validation rows, resumable, the test rows unseen."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

import rows
from embedgrad.cli.main import main
from embedgrad.jobs.sweep_settings import SweepSettings
from embedgrad.run.grid import Grid
from kept import kept_settings
from stopping import stopped_at


@pytest.fixture(scope="module")
def job(tmp_path_factory, tiny_folder) -> list[str]:
    folder = tmp_path_factory.mktemp("sweep")
    return [
        *("--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--max-new-tokens", "2"),
        *rows.sentiment_files(folder, 32),
        *("--evaluate-every", "4"),
    ]


GRID = ("--rates", "0.02rms,0.5rms", "--epochs-grid", "4,1,2.5")


def read_grid(path: Path) -> Grid:
    return Grid.model_validate_json(rows.said(path))


@pytest.fixture(scope="module")
def swept(job, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    assert main(["sweep", *job, *GRID, "--output", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture
def seen(monkeypatch) -> set[str]:
    """The inputs of all rows that the model is given."""
    from embedgrad.engine.plan import Engine

    found: set[str] = set()

    def watched(method):
        def call(engine, prompt, layouts, *rest):
            decode = engine.model.tokenizer.decode
            found.update(decode(row.ids[row.input.start : row.input.stop]) for row in layouts)
            return method(engine, prompt, layouts, *rest)

        return call

    monkeypatch.setattr(Engine, "row_nats", watched(Engine.row_nats))
    monkeypatch.setattr(Engine, "loss_and_gradient", watched(Engine.loss_and_gradient))
    return found


def test_folder_and_grid(swept):
    names = {path.name for path in swept.iterdir()}
    assert names == {"settings.toml", "split.json", "checkpoint", "sweep.json", "heat_map.svg"}
    grid = read_grid(swept / "sweep.json")
    assert [(round(c.relative_rate, 6), c.epochs, c.steps) for c in grid.cells] == [
        (0.02, 1, 2), (0.02, 2.5, 5), (0.02, 4, 8), (0.5, 1, 2), (0.5, 2.5, 5), (0.5, 4, 8)
    ]  # fmt: skip
    assert grid.validation_rows == 10
    for cell in grid.cells:
        assert cell.interval[0] <= cell.accuracy <= cell.interval[1]
    assert (swept / "heat_map.svg").read_text().startswith("<svg")
    settings = kept_settings(swept)
    assert (settings["rates"], settings["epochs_grid"], settings["min_steps"]) == ("0.02rms,0.5rms", "4,1,2.5", 0)
    assert (settings["dtype"], settings["task"]) == ("float32", "label"), "defaults are resolved"
    assert "learning_rate" not in settings


def test_what_is_printed(capsys, swept):
    assert main(["sweep", "--resume", str(swept)]) == 0
    told = capsys.readouterr()
    assert told.err == f"{swept} is finished; this is its grid.\n"
    assert "Accuracy with its 95 % interval and loss on 10 validation rows" in told.out
    assert "epochs 2.5" in told.out
    assert "0.02rms" in told.out
    assert told.out.count(" *") == 1
    assert "figures compare settings and are no result" in told.out
    assert main(["sweep", "--resume", str(swept), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("folder") == str(swept)
    assert Grid.model_validate_json(json.dumps(printed)) == read_grid(swept / "sweep.json")


def test_a_stopped_sweep_goes_on(capsys, job, swept, tmp_path, monkeypatch):
    folder = tmp_path / "sweep"
    with monkeypatch.context() as patch:
        stopped_at(patch, 20)
        assert main(["sweep", *job, *GRID, "--output", str(folder), "--quiet"]) == 1
    assert capsys.readouterr().err == (
        "embedgrad: Stopped after step 2 of 5. The sweep so far is saved. "
        f"Continue with: embedgrad sweep --resume {folder}\n"
    )
    assert main(["sweep", "--resume", str(folder), "--quiet"]) == 0
    found, whole = read_grid(folder / "sweep.json"), read_grid(swept / "sweep.json")
    assert (found.cells, found.chosen) == (whole.cells, whole.chosen)


def test_a_failed_cell_has_no_figures():
    from embedgrad.cli.grid_table import grid_table, remarks
    from embedgrad.tuning.choice import Validation
    from embedgrad.tuning.grid import as_grid
    from embedgrad.tuning.trials import Cell, Trials

    cells = (Cell(0.1, 2, 20, Validation(0.5, None), kept_step=10), Cell(0.4, 2, 3, None, "The loss became NaN."))
    grid = as_grid(Trials(cells, chosen=0, validation_rows=10, table_rms=0.2, seconds=1.0))
    failed = json.loads(grid.model_dump_json())["cells"][1]
    assert (failed["loss"], failed["accuracy"], failed["interval"]) == (None, None, None)
    assert Grid.model_validate_json(grid.model_dump_json()) == grid
    assert grid_table(grid)[1:] == [["0.5rms", "loss 0.500 *"], ["2rms", "failed"]]
    assert remarks(grid) == ["2rms failed: The loss became NaN."]


def test_a_cell_that_keeps_the_start_is_marked():
    from embedgrad.cli.grid_table import grid_table, remarks
    from embedgrad.report.grid import grid_finding
    from embedgrad.tuning.choice import Validation
    from embedgrad.tuning.grid import as_grid
    from embedgrad.tuning.trials import Cell, Trials

    found = Validation(0.5, 0.25, 40)
    cells = (Cell(0.1, 2, 20, found), Cell(0.4, 2, 20, found, kept_step=10))
    grid = as_grid(Trials(cells, chosen=1, validation_rows=40, table_rms=0.2, seconds=1.0))
    table = grid_table(grid)
    assert [row[1] for row in table[1:]] == [
        "25.0 % (14.2 to 40.2), loss 0.500, the start", "25.0 % (14.2 to 40.2), loss 0.500 *"
    ]  # fmt: skip
    assert remarks(grid) == ["1 of 2 tunings kept the start: they found nothing better on the validation rows."]
    assert grid_finding(grid)[1:] == ["1 of 2 tunings kept the start (in brackets)."]


def test_a_sweep_that_fails_at_once_leaves_nothing(capsys, job, tmp_path):
    folder = tmp_path / "sweep"
    assert main(["sweep", *job, *GRID, "--device", "abacus", "--output", str(folder), "--quiet"]) == 2
    assert not folder.exists()


def test_neither_sweep_nor_calibration_sees_the_test_rows(job, tmp_path, monkeypatch, seen):
    assert main(["sweep", *job, *GRID, "--output", str(tmp_path / "sweep"), "--quiet"]) == 0

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("embedgrad.jobs.judged.judged_side_by_side", stop)  # the test rows are judged there
    auto = ("--learning-rate", "auto", "--min-steps", "8", "--epochs", "1", "--output", str(tmp_path / "run"))
    assert main(["tune", *job, *auto, "--quiet"]) == 1
    assert len(seen) == 42
    assert seen.isdisjoint(row["text"] for row in rows.sentiment(20, first=500))


def test_rates_that_say_the_same_are_tuned_once():
    settings = SweepSettings(rates="0.5rms,0.50rms, 5e-1rms,0.5,0.01,1e-2,0.5rms")
    assert settings.rate_texts == ["0.5rms", "0.5", "0.01"]


def test_rows_from_stdin_stay_in_the_folder(job, tmp_path, monkeypatch):
    data = Path(job[job.index("--train") + 1]).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    piped = ["-" if argument.endswith("train.jsonl") else argument for argument in job]
    one = ("--rates", "0.5rms,0.50rms", "--epochs-grid", "1", "--output", str(tmp_path / "sweep"))
    assert main(["sweep", *piped, *one, "--quiet"]) == 0
    assert (tmp_path / "sweep" / "train.jsonl").read_bytes() == data
    settings = kept_settings(tmp_path / "sweep")
    assert settings["train"] == str(tmp_path / "sweep" / "train.jsonl")
    assert len(read_grid(tmp_path / "sweep" / "sweep.json").cells) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--rates", "fast"], 2,
         "--rates is 'fast': expected a positive number below 1e+30 like \"0.01\", or one relative to the table like "
         "\"0.5rms\". See --help."),
        (["--rates", ","], 2, '--rates is \',\': expected rates like "0.1rms,0.5rms". See --help.'),
        (["--epochs-grid", "2,x"], 2,
         '--epochs-grid is \'2,x\': expected positive numbers up to a million like "2,5,10". See --help.'),
        (["--learning-rate", "0.1"], 2, "A sweep has several: write --rates instead of --learning-rate."),
        (["--epochs", "3"], 2, "A sweep has several: write --epochs-grid instead of --epochs."),
        (["--restarts", "3"], 2,
         "--restarts belongs to tune: a sweep makes one tuning for each of its cells. Leave it out."),
        (["--resume", "nowhere"], 1, "nowhere is no sweep's folder. Give the folder that sweep wrote."),
        (["--resume", "nowhere", "--seed", "1"], 2,
         "--resume continues a sweep with its own settings: give no others with it."),
    ],
)  # fmt: skip
def test_bad_usage(capsys, arguments, code, message):
    assert main(["sweep", *arguments]) == code
    assert capsys.readouterr().err == f"embedgrad: {message}\n"


def test_an_existing_folder_is_refused(capsys, job, tmp_path):
    assert main(["sweep", *job, "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"embedgrad: The folder {tmp_path} exists already. Choose another --output.\n"
    (tmp_path / "settings.toml").touch()
    assert main(["sweep", *job, "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"embedgrad: The folder {tmp_path} exists already. Choose another --output, or continue that sweep with "
        f"`embedgrad sweep --resume {tmp_path}`.\n"
    )


AUTO = ("--learning-rate", "auto", "--min-steps", "16", "--epochs", "1")


@pytest.fixture(scope="module")
def run(job, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("auto") / "run"
    assert main(["tune", *job, *AUTO, "--output", str(folder), "--quiet"]) == 0
    return folder


def test_after_auto_the_settings_hold_what_was_chosen(run):
    settings = kept_settings(run)
    grid = read_grid(run / "calibration.json")
    assert len(grid.cells) == 4
    assert float(settings["learning_rate"]) == grid.cells[grid.chosen].learning_rate
    assert settings["epochs"] in (1, grid.cells[grid.chosen].epochs)


def test_they_alone_repeat_the_run(run, tmp_path):
    again = tmp_path / "again"
    assert main(["tune", "--settings", str(run / "settings.toml"), "--output", str(again), "--quiet"]) == 0
    assert not (again / "calibration.json").exists()
    assert (again / "predictions.jsonl").read_bytes() == (run / "predictions.jsonl").read_bytes()
    for path in (run / "trajectory").iterdir():
        assert (again / "trajectory" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("count", [7, 22])
def test_stopped_in_the_calibration_or_after_it(capsys, job, run, tmp_path, monkeypatch, count):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        stopped_at(patch, count)
        assert main(["tune", *job, *AUTO, "--output", str(folder), "--quiet"]) == 1
    error = capsys.readouterr().err
    assert ("That was short run 2 of 4 for the rate." in error) == (count == 7)
    assert error.endswith(f"The tuning so far is saved. Continue with: embedgrad tune --resume {folder}\n")
    assert main(["tune", "--resume", str(folder), "--quiet"]) == 0
    for name in ("settings.toml", "predictions.jsonl"):
        assert (folder / name).read_bytes() == (run / name).read_bytes()
    found, whole = read_grid(folder / "calibration.json"), read_grid(run / "calibration.json")
    assert (found.cells, found.chosen) == (whole.cells, whole.chosen)
