"""An analysis of one's own: a folder (`vector_lengths`, here) and its place among the analyses. The study measures it,
the terminal says it, the run folder keeps it and the page shows it, and `src` is as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from studied import EXAMPLES, LABELS, TEXT, moved
from vector_lengths import LENGTHS, Lengths

import embedgrad as eg
from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.records import read_records
from embedgrad.analysis.study import Study
from embedgrad.cli.analyze import told
from embedgrad.cli.console import Terminal
from embedgrad.errors import EmbedgradError, UsageError
from embedgrad.evaluation.judging import Judging
from embedgrad.jobs.analyze import AnalyzeJob, check_names
from embedgrad.report.page import write_report
from embedgrad.run.folder import RunFolder
from made_up_run import write_run


@pytest.fixture
def among_the_analyses(monkeypatch):
    monkeypatch.setitem(ANALYSES, LENGTHS.name, LENGTHS)


@pytest.fixture
def run_folder(tmp_path):
    write_run(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def study(tiny_model):
    start = eg.start(tiny_model("qwen2"), TEXT)
    rows = tuple(EXAMPLES)
    return Study(tiny_model("qwen2"), text=start, start=start, tuned=moved(start), rows=rows, judging=Judging(LABELS))


@pytest.mark.usefixtures("among_the_analyses")
def test_it_is_measured_said_kept_and_shown(study, run_folder, capsys):
    assert AnalyzeJob(run_folder).names[-1] == "vector_lengths"
    with RunFolder.open(run_folder) as folder:
        found = AnalyzeJob(folder, check_names(["vector_lengths"])).analyzed(study, tell=told(Terminal(False, False)))
    assert found.left_out == {}
    record = found.records["vector_lengths"]
    assert isinstance(record, Lengths)
    assert len(record.lengths) == len(study.tuned)
    [sentence] = LENGTHS.sentences(record)
    assert sentence in " ".join(capsys.readouterr().out.split())
    kept = read_records(run_folder)
    assert kept.of(LENGTHS) == record
    assert "vector_lengths" not in kept.missing
    html = write_report(run_folder).read_text(encoding="utf-8")
    assert "<h2>Lengths</h2>" in html
    assert sentence in html.replace("\u00a0", " ")
    assert "How long each vector is." in html


@pytest.mark.usefixtures("among_the_analyses")
def test_records_have_a_version(run_folder):
    path = run_folder / "analysis" / "vector_lengths.json"
    path.parent.mkdir()
    path.write_text('{"lengths": [1.0]}')  # of before records had one
    assert read_records(run_folder).of(LENGTHS) == Lengths(format_version=1, lengths=(1.0,))
    path.write_text('{"format_version": 2, "lengths": [1.0]}')
    with pytest.raises(EmbedgradError) as caught:
        read_records(run_folder)
    assert str(caught.value) == (
        f"{path} has the format version 2; this embedgrad reads version 1. Use the embedgrad that wrote it."
    )


def test_without_its_place_there_it_is_unknown(run_folder):
    with pytest.raises(UsageError, match="There is no analysis 'vector_lengths'"):
        check_names(["vector_lengths"])
    (run_folder / "analysis").mkdir()
    (run_folder / "analysis" / "vector_lengths.json").write_text("{")
    assert read_records(run_folder).of(LENGTHS) is None


def test_what_shows_analyses_does_not_load_what_measures_them():
    program = (
        "import sys, embedgrad.report.page, embedgrad.analysis.analyses\n"
        "assert not {'torch', 'transformers', 'matplotlib'} & {*sys.modules}\n"
        "assert not [name for name in sys.modules if name.endswith('.measure')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_each_has_its_folder():
    for name, analysis in ANALYSES.items():
        assert analysis.package == f"embedgrad.analysis.{name}"
        folder = Path(sys.modules[analysis.package].__file__).parent
        assert {path.name for path in folder.glob("*.py")} >= {"__init__.py", "record.py", "shown.py", "measure.py"}
