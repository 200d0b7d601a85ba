"""The benchmark of the trust region, from end to end, on numbers without a meaning."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_trust_region(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    words = ["--tasks", "orders", "--rows", "8", "--steps", "3", "--radii", "0.01", "--penalties", "1000"]
    script = importlib.import_module("trust_region")
    assert script.main([*words, "--json", "--output", str(tmp_path)]) == 0
    text, free, radius, penalty, nearest = json.loads(capsys.readouterr().out)["rows"]
    assert (text["bound"], text["drift"], text["kept_cosine"], text["kept_l2"]) == ("text prompt", 0, 1, 1)
    assert free["drift"] > 0.01 >= radius["largest_drift"]
    assert (penalty["bound"], nearest["bound"]) == ("penalty 1000", "original stays nearest")
    assert nearest["kept_l2"] == 1
    for row in (text, free, radius, penalty, nearest):
        assert row["test_rows"] == row["validation_rows"] == 8
        assert row["test_interval"][0] <= row["test_accuracy"] <= row["test_interval"][1]
    assert len((tmp_path / "table.md").read_text().splitlines()) == 2 + 5
    assert (tmp_path / "chart.svg").read_text().startswith("<?xml")
