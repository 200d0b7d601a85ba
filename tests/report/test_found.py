"""Analyses of a run folder: read where they are there, told in words where they are broken."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.records import Records, read_records
from embedgrad.errors import EmbedgradError, UsageError
from embedgrad.report.comparison import as_json, run_names, runs_table, same_test_rows
from embedgrad.report.page import render_comparison
from embedgrad.report.runs import collect
from embedgrad.run.grid import read_grid
from made_up_analyses import anchoring, entropy, grid, write_analyses
from made_up_run import write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def test_every_kind_is_read(run_folder: Path) -> None:
    assert read_records(run_folder) == Records()
    assert read_records(run_folder).missing == tuple(ANALYSES)
    write_analyses(run_folder)
    found = read_records(run_folder)
    assert found.missing == ()
    for analysis in ANALYSES.values():
        assert isinstance(found.of(analysis), analysis.record)
    assert read_grid(run_folder / "calibration.json") is not None


def test_a_broken_analysis(run_folder: Path) -> None:
    write_analyses(run_folder, {"anchoring": anchoring() | {"along": 3}})
    with pytest.raises(EmbedgradError) as caught:
        read_records(run_folder)
    assert str(caught.value) == (
        f"{run_folder}/analysis/anchoring.json is not what embedgrad writes: along: Input should be a valid array. "
        f"Delete it, or write it anew: `embedgrad analyze {run_folder} --only anchoring`"
    )


def test_an_entropy_whose_rows_do_not_agree(run_folder: Path) -> None:
    found = entropy()
    found["after"]["row_loops"] = [False]
    write_analyses(run_folder, {"entropy": found})
    with pytest.raises(EmbedgradError) as caught:
        read_records(run_folder)
    assert str(caught.value) == (
        f"{run_folder}/analysis/entropy.json is not what embedgrad writes: row_loops: 1 values for 40 of row_bits. "
        f"Delete it, or write it anew: `embedgrad analyze {run_folder} --only entropy`"
    )


def test_an_analysis_that_cannot_be_read(run_folder: Path) -> None:
    (run_folder / "analysis" / "entropy.json").mkdir(parents=True)
    with pytest.raises(EmbedgradError) as caught:
        read_records(run_folder)
    assert str(caught.value) == (
        f"Could not read {run_folder}/analysis/entropy.json: it is a folder, not a file. Delete it, or write it anew: "
        f"`embedgrad analyze {run_folder} --only entropy`"
    )


def test_a_grid_that_chose_nothing(run_folder: Path) -> None:
    (run_folder / "calibration.json").write_text(json.dumps(grid() | {"chosen": 9}), encoding="utf-8")
    with pytest.raises(EmbedgradError) as caught:
        read_grid(run_folder / "calibration.json")
    assert str(caught.value) == (
        f"{run_folder}/calibration.json is not what embedgrad writes: chosen: there is no cell 9 among 9. "
        "Delete it, or repeat what wrote it."
    )


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """Two finished runs, one unfinished, a sweep, and something else."""
    folder = tmp_path / "demo"
    folder.mkdir()
    write_run(folder / "desk")
    write_run(folder / "reviews")
    (folder / "claims").mkdir()
    (folder / "claims" / "settings.toml").write_text("", encoding="utf-8")
    (folder / "sweep").mkdir()
    (folder / "sweep" / "sweep.json").write_text(json.dumps(grid()), encoding="utf-8")
    (folder / "notes").mkdir()
    return folder


def test_a_demo_brings_its_tables(demo: Path) -> None:
    score = {"prompt": "p", "accuracy": 0.5, "correct": 200, "total": 400, "interval": [0.45, 0.55], "loss": 1.0}
    better = score | {"accuracy": 0.75, "correct": 300, "interval": [0.7, 0.79], "truncated": 0}
    comparison = {"difference": 0.25, "interval": [0.2, 0.3], "p_value": 0.0}
    trial = {
        "name": "desk",
        "test_rows": 400,
        "majority": 0.28,
        "bag_of_words": 0.4,
        "seconds": 12.0,
        "before": score | {"truncated": 0},
        "best_written": score | {"truncated": 0},
        "after": better,
        "comparisons": {"after_vs_before": comparison, "after_vs_best_written": comparison},
    }
    (demo / "demo.json").write_text(json.dumps({"paper": [], "own": [trial]}), encoding="utf-8")
    html = render_comparison(collect([demo]))
    assert re.search(r"75\.0\s\(70\.0\sto\s79\.0\)", html)
    assert "The paper&#39;s four prompts" not in html, "a block without tasks has no table"
    assert "Four tasks of one&#39;s own" in html
    (demo / "demo.json").write_text("{}\n[", encoding="utf-8")
    with pytest.raises(EmbedgradError) as caught:
        collect([demo])
    assert str(caught.value).startswith(f"{demo / 'demo.json'} is not what embedgrad writes: ")
    assert str(caught.value).endswith(" Repeat the demo.")


def test_a_folder_counts_as_its_runs(demo: Path) -> None:
    found = collect([demo, demo / "desk"])
    assert [run.folder.name for run in found.runs] == ["desk", "reviews"]
    assert [sweep.folder.name for sweep in found.sweeps] == ["sweep"]
    assert found.left_out == ("claims has not finished and is left out.",)
    html = render_comparison(found)
    assert "claims has not finished and is left out." in html
    assert "<h2>Sweep: sweep</h2>" in html


def test_an_unfinished_run_that_is_named_is_an_error(demo: Path) -> None:
    with pytest.raises(EmbedgradError) as caught:
        collect([demo / "claims"])
    assert str(caught.value) == (
        f"The run folder {demo / 'claims'} has no result.json: the run has not finished. "
        f"First continue it: `embedgrad tune --resume {demo / 'claims'}`"
    )


def test_a_folder_without_runs(demo: Path) -> None:
    with pytest.raises(UsageError) as caught:
        collect([demo / "notes"])
    assert str(caught.value) == (
        f"{demo / 'notes'} holds no run: neither it nor a folder in it has a settings.toml. Give a folder that tune, "
        "demo or sweep wrote."
    )


def test_a_folder_of_unfinished_runs(tmp_path: Path) -> None:
    (tmp_path / "all" / "claims").mkdir(parents=True)
    (tmp_path / "all" / "claims" / "settings.toml").write_text("", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        collect([tmp_path / "all"])
    assert str(caught.value) == (
        f"No run in {tmp_path / 'all'} has finished. Continue them with `embedgrad tune --resume FOLDER`, "
        "or repeat them."
    )


def test_all_folders_of_unfinished_runs_are_named(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        (folder / "claims").mkdir(parents=True)
        (folder / "claims" / "settings.toml").write_text("", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        collect(folders)
    assert str(caught.value) == (
        f"No run in {folders[0]} or {folders[1]} has finished. Continue them with `embedgrad tune --resume FOLDER`, "
        "or repeat them."
    )


def test_runs_on_other_rows_are_not_ranked(demo: Path) -> None:
    rows = demo / "reviews" / "predictions.jsonl"
    assert same_test_rows(collect([demo]).runs)
    rows.write_text(rows.read_text(encoding="utf-8").replace("input 3", "another 3"), encoding="utf-8")
    found = collect([demo])
    assert not same_test_rows(found.runs)
    assert "Not all runs were tested on the same rows: their accuracies and gains do not rank" in render_comparison(
        found
    )
    assert as_json(found)["same_test_rows"] is False


def test_the_table_of_runs(demo: Path) -> None:
    found = collect([demo]).runs
    assert runs_table(run_names(found), found)[:2] == [
        ["run", "test rows", "before", "after", "difference", "p", "time", "model", "prompt"],
        [
            "desk",
            "1,240",
            "42.1 % (40.1 to 45.1)",
            "71.3 % (69.3 to 74.3)",
            "+29.2 (26.4 to 32.0)",
            "< 0.001",
            "12 min 34 s",
            "Qwen/Qwen2.5-0.5B-Instruct",
            "Name the emotion.",
        ],
    ]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_run(tmp_path / folder / "desk")
    write_run(tmp_path / "c")
    assert run_names(collect([tmp_path / "a", tmp_path / "b" / "desk", tmp_path / "c"]).runs) == [
        "a/desk",
        "b/desk",
        "c",
    ]
