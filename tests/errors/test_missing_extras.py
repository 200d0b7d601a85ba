"""What is said, and what is left, where the package of an extra is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import rows
from embedgrad import drawing
from embedgrad.cli.main import main
from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.evaluation.baselines import baselines
from embedgrad.extras import Extra, lacking
from embedgrad.tasks.task import Task
from made_up_run import write_run

NO_FIGURES = "The report will have no figures: drawing needs matplotlib. Install it: pip install 'embedgrad[report]'"
NO_WORDS = (
    "There will be no bag of words to compare with: training one needs scikit-learn. "
    "Install it: pip install 'embedgrad[baselines]'"
)
IN_PLACE = (
    '<p class="soft">There is no figure here: drawing needs matplotlib. Install it: '
    "pip install 'embedgrad[report]'; then `embedgrad report` writes the page anew.</p>"
)
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.modules |= dict.fromkeys(("matplotlib", "sklearn", "pyarrow"))
import embedgrad
names = [module.name for module in pkgutil.walk_packages(embedgrad.__path__, "embedgrad.")]
print(len([importlib.import_module(name) for name in names if not name.endswith("__main__")]) > 100)
"""


@pytest.fixture
def without(monkeypatch):
    """`without("matplotlib")`: as if it were not installed."""
    return lambda *names: [monkeypatch.setitem(sys.modules, name, None) for name in names]


@pytest.mark.parametrize(
    ("extra", "module", "package"),
    [("report", "matplotlib", "matplotlib"), ("baselines", "sklearn", "scikit-learn"), ("hub", "pyarrow", "pyarrow")],
)
def test_the_message_names_package_and_extra(without, extra, module, package):
    assert lacking(extra, "This") is None
    without(module)
    assert lacking(extra, "This") == f"This needs {package}. Install it: pip install 'embedgrad[{extra}]'"
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (brought,) = project["optional-dependencies"][extra]
    assert brought.startswith(package)
    assert extra in project["optional-dependencies"]["all"][0]
    assert not [line for line in project["dependencies"] if line.startswith(package)]


def test_every_extra_is_tried_here():
    assert set(get_args(Extra)) == {"report", "baselines", "hub"}


def test_everything_can_be_imported_without_them():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_run_is_tuned_and_written_without_them(capsys, without, tiny_folder, tmp_path):
    without("matplotlib", "sklearn", "pyarrow")
    rows.write_jsonl(tmp_path / "rows.jsonl", rows.sentiment(60))
    words = ["--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--train", str(tmp_path / "rows.jsonl")]
    limits = ["--min-steps", "2", "--epochs", "0.1", "--max-new-tokens", "2", "--output", str(tmp_path / "run")]
    assert main(["tune", *words, *limits]) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "Install it" in line] == [NO_FIGURES, NO_WORDS]
    found = json.loads((tmp_path / "run" / "result.json").read_text())["baselines"]
    assert found["bag_of_words"] is None
    assert found["majority"]["total"] > 0
    assert (tmp_path / "run" / "prompt.safetensors").is_file()
    page = (tmp_path / "run" / "report.html").read_text()
    assert IN_PLACE in page
    assert "<svg" not in page


def test_nothing_is_said_where_they_are_installed(capsys, tmp_path):
    write_run(tmp_path / "run")
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "Install it" not in capsys.readouterr().err
    assert "<svg" in (tmp_path / "run" / "report.html").read_text()


def test_a_report_has_its_tables_without_matplotlib(capsys, without, tmp_path):
    without("matplotlib")
    write_run(tmp_path / "run")
    assert main(["report", str(tmp_path / "run")]) == 0
    assert NO_FIGURES in capsys.readouterr().err.splitlines()
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Learning curve" in page
    assert IN_PLACE in page


def test_what_stands_in_for_a_figure(without):
    without("matplotlib")
    assert drawing.drawn("the finding", 1, 1, lambda figure: None) == IN_PLACE


def test_labels_without_scikit_learn(without):
    without("sklearn")
    found = baselines(Task("label", labels=["no", "yes"]), [Example("a", "no"), Example("b", "yes")], [("a", "no")])
    assert found.bag_of_words is None
    assert found.majority.total == 1


def test_parquet_without_pyarrow(without, tmp_path, monkeypatch):
    from embedgrad.data.sources import load_examples

    without("pyarrow")
    monkeypatch.chdir(tmp_path)
    Path("rows.parquet").write_bytes(b"")
    with pytest.raises(DataError) as raised:
        load_examples("rows.parquet")
    assert str(raised.value) == "rows.parquet is Parquet, which needs pyarrow. Install it: pip install 'embedgrad[hub]'"
