"""Booleans, objects, dates and numbers: one text for slots and labels, their own type in the row."""

import datetime
import decimal
import json

import pyarrow
import pytest
from pyarrow import parquet
from read_rows import pairs, read

from embedgrad.data.records import Number, written
from embedgrad.data.sources import load_examples
from embedgrad.errors import BadRows


def as_parquet(folder, columns):
    parquet.write_table(pyarrow.table(columns), folder / "rows.parquet")
    return load_examples(folder / "rows.parquet")


def test_a_boolean_label_is_one_label_in_json_and_parquet(tmp_path):
    content = '{"text": "a", "label": true}\n{"text": "b", "label": false}\n'
    in_json, _ = read(tmp_path, "rows.jsonl", content)
    in_parquet = as_parquet(tmp_path, {"text": ["a", "b"], "label": [True, False]})
    in_csv, _ = read(tmp_path, "rows.csv", "text,label\na,true\nb,false\n")
    assert [row.target for row in in_json] == [row.target for row in in_parquet] == ["true", "false"]
    assert [row.target for row in in_csv] == ["true", "false"]


@pytest.mark.parametrize("labels", [["True", "False"], ["TRUE", "FALSE"], ["true", "false"]])
def test_a_boolean_is_the_label_that_is_written_so(tmp_path, labels):
    rows, _ = read(
        tmp_path, "rows.jsonl", '{"text": "a", "label": true}\n{"text": "b", "label": false}\n', labels=labels
    )
    assert [row.target for row in rows] == labels
    rows, _ = read(tmp_path, "rows.csv", f"text,label\na,{labels[0]}\nb,{labels[1]}\n", labels=labels)
    assert [row.target for row in rows] == labels


def test_what_a_csv_says_stays_as_it_is_written(tmp_path):
    rows, _ = read(tmp_path, "rows.csv", "text,label,n\na,True,007\nb,FALSE,1.50\n")
    assert [(row.target, row.columns["n"]) for row in rows] == [("True", "007"), ("FALSE", "1.50")]
    with pytest.raises(BadRows, match='line 1: "true" is none of the 2 labels'):
        read(tmp_path, "rows.jsonl", '{"text": "a", "label": true}', labels=["yes", "no"])


@pytest.mark.parametrize(
    ("output", "target"),
    [
        (
            '{"a": 1.50, "b": [true, null], "c": {"d": "é \\"x\\""}}',
            '{"a": 1.50, "b": [true, null], "c": {"d": "é \\"x\\""}}',
        ),
        ("[1, 2]", "[1, 2]"),
        ("{}", "{}"),
        ("[]", "[]"),
        ('"{\\"a\\": 1}"', '{"a": 1}'),
        ("7", "7"),
    ],
)
def test_objects_are_targets_of_a_json_task(tmp_path, output, target):
    content = f'{{"input": "a", "output": {output}}}'
    rows, _ = read(tmp_path, "rows.jsonl", content, json_targets=True)
    assert pairs(rows) == [(1, "a", target)]
    assert json.loads(target) == json.loads(json.loads(content)["output"] if output[0] == '"' else output)


def test_without_it_they_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.jsonl", '{"input": "a", "output": {"b": 1}}\n{"input": "a", "output": [1]}')
    assert [p.problem for p in caught.value.problems] == [
        '"output" is an object; expected a text or a number, or eg.load_examples(..., json_targets=True)',
        '"output" is a list; expected a text or a number, or eg.load_examples(..., json_targets=True)',
    ]
    with pytest.raises(BadRows, match='"input" is an object; expected a text or a number\n'):
        read(tmp_path, "rows.jsonl", '{"input": {}, "output": {"b": 1}}', json_targets=True)


def test_types_of_parquet(tmp_path):
    (row,) = as_parquet(
        tmp_path,
        {
            "text": pyarrow.array(["a"]).dictionary_encode(),
            "label": pyarrow.array([1], pyarrow.int8()),
            "day": [datetime.date(2024, 1, 2)],
            "at": [datetime.datetime(2024, 1, 2, 3, 4)],
            "single": pyarrow.array([0.1], pyarrow.float32()),
            "double": [0.1],
            "price": [decimal.Decimal("1.50")],
            "category": pyarrow.array([7]).dictionary_encode(),
            "large": pyarrow.array(["b"], pyarrow.large_string()),
            "raw": [b"c\xc3\xa9"],
            "is_new": [False],
            "missing": [float("nan")],
            "none": pyarrow.array([None], pyarrow.string()),
            "tags": [["x", "y"]],
            "by": [{"n": 1}],
        },
    )
    assert (row.input, row.target) == ("a", "1")
    assert row.columns == {
        "day": "2024-01-02",
        "at": "2024-01-02 03:04:00",
        "single": "0.1",
        "double": "0.1",
        "price": "1.50",
        "category": "7",
        "large": "b",
        "raw": "cé",
        "is_new": "false",
    }
    assert (row.row["is_new"], row.row["none"], row.row["tags"], row.row["by"]) == (False, None, ["x", "y"], {"n": "1"})


def test_a_label_that_is_missing_in_parquet(tmp_path):
    with pytest.raises(BadRows) as caught:
        as_parquet(tmp_path, {"text": ["a", "b"], "label": [1.0, float("nan")]})
    assert str(caught.value).splitlines()[1:2] == ['  row 2: "label" is NaN; expected a text or a number']


def test_a_row_is_written_as_it_came(tmp_path):
    line = '{"id": 17, "n": 0.50, "big": 12345678901234567890.123, "e": 1E3, "t": true, "z": null, "l": [1, {"x": "é"}]'
    (row,), _ = read(tmp_path, "rows.jsonl", line + ', "text": "a\\n", "label": "b"}')
    assert written(row.row) == line + ', "text": "a\\n", "label": "b"}'
    assert type(row.columns["id"]) is str
    assert written([Number("1"), float("nan"), float("-inf"), 0.5, "\ud800"]) == '[1, null, null, 0.5, "\ud800"]'
