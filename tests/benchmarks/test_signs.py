"""The experiment behind the diagnosis: its areas on made-up starts, and one start from end to end."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from embedgrad.tuning.settings import TuningSettings

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("diagnosis")


def made_up(after: float, told_apart: float, **changed: Any) -> dict[str, Any]:
    row = dict.fromkeys(
        ("accuracy", "readable", "truncated", "meaning", "likelihood", "majority", "loss", "random_words_loss"), 0.5
    )
    return {"task": "claims", "before": 0.0, "after": after, "told_apart": told_apart, "reach": 1.0, **row, **changed}


def test_areas(script: Any) -> None:
    """On claims, where the most frequent answer is right on about a third of the validation rows."""
    starts = [made_up(0.30, 0.5), made_up(0.31, 0.7), made_up(0.80, 0.6), made_up(0.90, 0.9)]
    found = {row["sign"]: row for row in script.judged(starts)}
    apart = found["targets told apart"]
    assert apart["starts"] == 4
    assert apart["no_help"] == 3 / 4, "of the four pairs of one of no help and one of help, one is the wrong way round"
    assert apart["less_help"] == 1.0, "0.30, 0.31 and 0.80 are 10 points or more below 0.90"
    assert found["loss"]["no_help"] == 0.5, "all alike"
    assert apart["rho"] == {"claims": pytest.approx(0.8)}


def test_a_sign_that_a_task_lacks_is_left_out(script: Any) -> None:
    starts = [made_up(0.30, 0.5, likelihood=None), made_up(0.80, 0.6), made_up(0.90, 0.9)]
    found = {row["sign"]: row for row in script.judged(starts)}
    assert found["likeliest label right - majority"]["starts"] == 2
    assert found["likeliest label right - majority"]["no_help"] is None


def test_one_start(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    short = TuningSettings(epochs=0.01, min_steps=1, batch_size=4)
    monkeypatch.setattr(script, "settings_of", lambda task: short)
    words = ["--tasks", "claims", "--most", "1", "--rows", "24", "--output", str(tmp_path / "out"), "--json"]
    assert script.main(words) == 0
    printed = json.loads(capsys.readouterr().out)
    (row,) = printed["rows"]
    assert row["rows"] == 24
    assert 0 <= row["after"] <= 1
    assert row["verdict"] in ("fit", "doubtful", "poor")
    assert [json.loads(line) for line in (tmp_path / "out" / "starts.jsonl").read_text().splitlines()] == [row]
    assert (tmp_path / "out" / "table.md").read_text().count("\n") == 2 + len(script.SIGNS)
    monkeypatch.setattr(script, "measured", None)
    assert script.main(words) == 0, "started again, what is there is left out"
