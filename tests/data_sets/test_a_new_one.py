"""A data set of one's own is one value and its place in the catalog; here it stands in this file, `src` is as it is.

The folder is not called `datasets`: tests' folders are on the import path, and libraries ask whether there is a package
of that name.
"""

import json

import pytest

from embedgrad.data.draws import halves
from embedgrad.data.example import Example
from embedgrad.datasets.catalog import DATA_SETS
from embedgrad.datasets.data_set import LARGE, DataSet, Split, Target, field
from embedgrad.datasets.source_file import SourceFile
from embedgrad.errors import SettingsError
from embedgrad.jobs.data_set_settings import DataSetSettings, from_data_set
from embedgrad.jobs.evaluate import EvaluateSettings
from embedgrad.tasks.task import Task

CAPITALS = DataSet(
    name="capitals",
    title="Capitals",
    origin=("https://example.org",),
    license="CC0-1.0",
    shown=Example("France", "Paris"),
    prompt="Name the capital.",
    input="country",
    targets={"city": Target(field("city"), Task("exact"))},
    files={"rows": SourceFile(("capitals*",))},
    splits={LARGE: Split("half of the countries for the test", halves("rows"))},
)


@pytest.fixture
def in_the_catalog(monkeypatch):
    monkeypatch.setitem(DATA_SETS, CAPITALS.name, CAPITALS)


@pytest.mark.usefixtures("in_the_catalog")
def test_a_new_data_set_is_read_split_and_settles_the_task(tmp_path):
    rows = [{"country": f"Land {number}", "city": f"City {number}"} for number in range(40)]
    (tmp_path / "capitals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = EvaluateSettings(dataset="capitals", data=str(tmp_path))
    rows_of = from_data_set(asked, excluded=(), needed_for=()).rows
    assert (rows_of.split, rows_of.target, rows_of.data) == (LARGE, "city", str(tmp_path))
    parts = rows_of.named_data_set().parts(rows_of.data_path, split_name=LARGE, seed=0, target=rows_of.target)
    assert (len(parts.test), len(parts.train) + len(parts.validation)) == (20, 20)
    assert {(row.input[5:], row.target[5:]) for row in parts.test} <= {(str(n), str(n)) for n in range(40)}


def test_without_its_place_there_it_is_unknown():
    with pytest.raises(SettingsError, match="There is no data set 'capitals'"):
        DataSetSettings(dataset="capitals").named_data_set()
