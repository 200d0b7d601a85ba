"""`embedgrad report` as a person or a script uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from embedgrad.cli.main import main
from made_up_run import write_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    write_run(folder / "desk")
    write_run(folder / "reviews")
    return folder


def test_a_run(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(runs / "desk")]) == 0
    page = runs / "desk" / "report.html"
    assert capsys.readouterr().out == (
        f"42.1 % -> 71.3 % on 1,240 unseen rows, +29.2 points, 95 % interval 26.4 to 32.0, p < 0.001\nreport  {page}\n"
    )
    first = page.read_bytes()
    assert b"<h2>Settings</h2>" in first
    assert b"<details" not in first
    assert main(["report", str(runs / "desk"), "--quiet"]) == 0
    assert page.read_bytes() == first


def test_several_runs(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "both.html"
    assert main(["report", str(runs / "desk"), str(runs / "reviews"), "--output", str(page), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"report", "runs", "same_test_rows", "seeds", "learning_curves", "sweeps", "left_out"}
    assert found["report"] == str(page)
    assert [run["name"] for run in found["runs"]] == ["desk", "reviews"]
    assert found["runs"][0]["comparison"] == {"difference": 0.29194, "interval": [0.264, 0.32], "p_value": 1e-40}
    assert found["runs"][0]["test_rows"] == 14
    assert page.read_text(encoding="utf-8").count("<details>") == 2


def test_a_folder_of_runs_has_its_page_inside(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(runs)]) == 0
    assert capsys.readouterr().out.endswith(f"report  {runs / 'report.html'}\n")
    assert (runs / "report.html").read_text(encoding="utf-8").count("<details>") == 2


def test_what_is_missing_is_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: Name a run folder, like: embedgrad report runs/reviews. See --help.\n"
    )
    assert main(["report", str(runs / "desk"), str(runs / "reviews")]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: Several folders make one page: say where it goes with --output FILE.html.\n"
    )
    assert main(["report", str(runs / "des")]) == 2
    assert capsys.readouterr().err == f'embedgrad: There is no run folder {runs / "des"}. Did you mean "desk"?\n'


def test_a_report_needs_no_torch(runs: Path) -> None:
    code = (
        "import sys; from embedgrad.cli.main import main; "
        f"assert main(['report', {str(runs / 'desk')!r}, '--quiet']) == 0; "
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
