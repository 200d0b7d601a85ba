"""JSON in the layouts that people have, each row with its line."""

import gzip
import json

import pytest
from read_rows import pairs, read

from embedgrad.errors import BadRows, DataError

A, B = {"text": 'a [b] {c} "d"', "label": "x"}, {"text": "e", "label": "y", "tags": ["[", {"n": 1}]}
AT = '{} is read from the list at "{}".'


@pytest.mark.parametrize(
    ("name", "content", "lines", "said"),
    [
        ("rows.json", json.dumps([A, B], indent=2), [2, 6], []),
        ("rows.json", json.dumps([A, B]), [1, 2], []),
        ("rows.jsonl", json.dumps([A, B], indent=2), [2, 6], []),
        ("rows.jsonl", f"[{json.dumps(A)},\n{json.dumps(B)}]\n", [1, 2], []),
        ("rows.jsonl", f"[\n{json.dumps(A)}\n, {json.dumps(B)}\n]\n", [2, 3], []),
        ("rows.json", json.dumps({"version": 1, "data": [A, B]}, indent=1), [4, 8], [AT.format("rows.json", "data")]),
        ("rows.json", json.dumps({"data": [A, B]}), [1, 2], [AT.format("rows.json", "data")]),
        (
            "rows.json",
            json.dumps({"meta": {"rows": [1]}, "tags": ["x"], "rows": [A, B]}),
            [1, 2],
            [AT.format("rows.json", "rows")],
        ),
        (
            "rows.jsonl",
            f"{json.dumps(A)},\n{json.dumps(B)},\n",
            [1, 2],
            ["rows.jsonl is read without the commas at the ends of its lines."],
        ),
        ("rows.json", f"{json.dumps(A)}\n{json.dumps(B)}\n", [1, 2], []),
        ("rows.json", f"{json.dumps(A, indent=2)}\n{json.dumps(B, indent=2)}\n", [1, 5], []),
        ("rows.jsonl", f"{json.dumps(A, indent=2)},\n{json.dumps(B)}\n", [1, 5], []),
        ("rows.ndjson", f"{json.dumps(A)}\r\n\r\n{json.dumps(B)}", [1, 3], []),
    ],
)  # fmt: skip
def test_layouts(tmp_path, name, content, lines, said):
    rows, told = read(tmp_path, name, content)
    assert pairs(rows) == [(lines[0], A["text"], "x"), (lines[1], "e", "y")]
    assert told == said
    assert (rows[0].row, rows[1].row["tags"]) == (A, ["[", {"n": "1"}])
    assert pairs(read(tmp_path, f"{name}.gz", gzip.compress(content.encode()))[0]) == pairs(rows)


@pytest.mark.parametrize("rows_at", ["train", "result.train"])
def test_one_of_several_lists_is_named(tmp_path, rows_at):
    lists = {"train": [A, B], "test": [B]}
    content = json.dumps(lists if "." not in rows_at else {"result": lists}, indent=2)
    rows, said = read(tmp_path, "rows.json", content, rows_at=rows_at)
    assert ([row.input for row in rows], said) == ([A["text"], "e"], [])


def test_one_row_over_several_lines(tmp_path):
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert pairs(read(tmp_path, "row.json", json.dumps(chat, indent=2))[0]) == [(1, "a", "b")]
    assert pairs(read(tmp_path, "row.json", json.dumps(A, indent=2))[0]) == [(1, A["text"], "x")]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            json.dumps({"train": [A], "test": [B]}),
            {},
            'holds several lists of rows: train, test. Name one of them, like eg.load_examples(..., rows_at="train").',
        ),
        (
            json.dumps({"meta": {}, "train": [A], "n": 1}),
            {"rows_at": "data"},
            'has no list at "data" (rows_at). Found there: meta, train.',
        ),
        (json.dumps([A]), {"rows_at": "data"}, 'has no list at "data" (rows_at). Found there: nothing.'),
        ('[\n{"text": "a", "label": "b"},\n', {}, "is not JSON: the [ in line 1 is never closed."),
        ('{"data": [\n{"text": "a"}]', {}, "is not JSON: the { in line 1 is never closed."),
        ('[{"text": "a"}\n}]', {}, "is not JSON: the } in line 2 closes nothing."),
        (
            '[{"text": "a"},\n3, {"text": "b"}]',
            {},
            'is no list of rows: 3 in line 2 is not an object like {"input": "...", "output": "..."}.',
        ),
        (
            '[{"text": "a"}\n{"text": "b"}]',
            {},
            "is not JSON: in line 2 a comma is missing or too many.",
        ),
    ],
)
def test_shapes_that_are_refused(tmp_path, content, options, message):
    with pytest.raises(DataError) as caught:
        read(tmp_path, "rows.json", content, needs_target=False, **options)
    assert str(caught.value) == f"{tmp_path / 'rows.json'} {message}"


def test_bad_rows_in_a_list_have_their_lines(tmp_path):
    content = '[\n  {"text": "a", "label": "b"},\n  {"text": "a",\n   "label": nope},\n'
    content += '  ["a"],\n  {"text": "a",  "text": 1}\n]'
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.json", content)
    assert [(p.line, p.problem) for p in caught.value.problems] == [
        (4, "not JSON: Expecting value at column 13"),
        (5, 'not an object like {"input": "...", "output": "..."}'),
        (6, 'the key "text" occurs twice'),
    ]
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.json", '[{"text": "a", "label": "b"}, {"text": "a"}]')
    assert 'row 2: no field "label"' in str(caught.value)


def test_one_broken_line_stays_one_broken_line(tmp_path):
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.jsonl", '{"text": "a", "label": "b"\n{"text": "a", "label": "b"}\n')
    assert [(p.line, p.problem) for p in caught.value.problems] == [
        (1, "not JSON: Expecting ',' delimiter at column 27")
    ]


def test_nan_is_no_value_and_harms_only_where_it_is_used(tmp_path):
    rows, _ = read(tmp_path, "rows.jsonl", '{"text": "a", "label": "b", "score": NaN, "most": -Infinity}')
    assert rows[0].columns == {}
    with pytest.raises(BadRows, match='"score" is NaN; expected a text or a number'):
        read(tmp_path, "rows.jsonl", '{"text": "a", "label": "b", "score": NaN}', columns=("score",))
