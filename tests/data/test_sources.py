import io
import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples
from embedgrad.errors import BadRows, DataError, EmbedgradError, FileMissing, UsageError


@pytest.fixture
def load(tmp_path):
    def loaded(content, name="rows.jsonl", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_examples(path, **options)

    return loaded


def problems(load, content, **options):
    with pytest.raises(BadRows) as caught:
        load(content, **options)
    return [(problem.line, problem.problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("first", "second"),
    [("input", "output"), ("prompt", "completion"), ("question", "answer"), ("text", "label")],
)
def test_known_pairs(load, first, second):
    (row,) = load(json.dumps({second: "joy", first: " Hi \n", "id": 7}))
    assert row == Example(" Hi \n", "joy", {"id": "7"}, (), 1)


def test_numbers_keep_the_text_they_were_written_as(load):
    rows = load('{"text": 12, "label": 1}\n{"text": 0.50, "label": -1E3}\n{"text": 9' + "0" * 5000 + ', "label": 1}')
    assert [(row.input[:5], row.target) for row in rows] == [("12", "1"), ("0.50", "-1E3"), ("90000", "1")]


def test_texts_numbers_and_booleans_become_columns(load):
    (row,) = load('{"text": "a", "label": "b", "s": "", "n": 1.0, "t": true, "z": null, "l": [1], "o": {}}')
    assert row.columns == {"s": "", "n": "1.0", "t": "true"}


def test_blank_lines_bom_crlf_and_a_missing_final_newline(load):
    first, last = '{"text": "a", "label": "b"}', '{"text": "x\u2028y", "label": "d\\r"}'
    rows = load(f"\ufeff\r\n{first}\r\n \t\r\n{last}")
    assert [(row.line, row.input, row.target) for row in rows] == [(2, "a", "b"), (4, "x\u2028y", "d")]


def test_csv_counts_lines_as_an_editor_does(load):
    text = '\ufeff\n text ,label,\n"a\nb ""c"", d",joy,1\n\n"x\r\ny",2,\n'
    rows = load(text, "rows.csv")
    assert [(row.line, row.input, row.target, row.columns) for row in rows] == [
        (3, 'a\nb "c", d', "joy", {}),
        (6, "x\r\ny", "2", {}),
    ]


def test_tsv_and_old_line_ends(load):
    rows = load("text\tlabel\ra, b\t1\rc\t2", "rows.TSV")
    assert [(row.line, row.input, row.target) for row in rows] == [(2, "a, b", "1"), (3, "c", "2")]


def test_a_csv_field_may_be_long(load):
    (row,) = load(f'text,label\n"{"word " * 60_000}",x\n', "rows.csv")
    assert len(row.input) == 300_000


def test_standard_input_is_jsonl(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"input": "a"}\n')))
    assert load_examples("-", needs_target=False) == [Example("a", line=1)]


def test_flags(load):
    row = '{"review": "a", "stars": 5, "text": "t", "label": "l", "input": "i", "output": "o"}'
    (one,) = load(row, input_field="review", target_field="stars")
    assert (one.input, one.target) == ("a", "5")
    assert one.columns == {"text": "t", "label": "l", "input": "i", "output": "o"}
    (partner,) = load(row, input_field="text")
    assert (partner.input, partner.target) == ("text"[:1], "l")
    (partner,) = load(row, target_field="output")
    assert (partner.input, partner.target) == ("i", "o")
    (left,) = load('{"review": "a", "label": 1}', input_field="review")
    assert left.target == "1"


def test_without_a_target(load):
    for row in ('{"question": "a"}', '{"question": "a", "answer": null}', '{"question": "a", "answer": ""}'):
        assert load(row, needs_target=False)[0].target is None
    assert load('{"question": "a", "answer": "b"}', needs_target=False)[0].target == "b"
    assert load('{"review": "a", "label": 1, "output": 2}', needs_target=False, input_field="review")[0].target is None


def test_columns_for_the_template(load):
    row = '{"text": "a", "label": "b", "context": "", "extra": [1]}'
    assert load(row, columns=("input", "context", "text"))[0].columns == {"context": "", "text": "a"}
    assert problems(load, row + '\n{"text": "a", "label": "b", "contxt": "c"}', columns=("context",)) == [
        (2, 'no field "context". Did you mean "contxt"?')
    ]
    assert problems(load, row, columns=("extra",)) == [(1, '"extra" is a list; expected a text or a number')]


def chat(*turns, **more):
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns], **more})


def test_messages(load):
    (row,) = load(chat(("system", "S"), ("user", "u1"), ("assistant", "a1"), ("user", "u2"), ("assistant", "a2"), id=3))
    assert row == Example("u2", "a2", {"id": "3"}, (("system", "S"), ("user", "u1"), ("assistant", "a1")), 1)
    (open_end,) = load(chat(("user", "u")), needs_target=False)
    assert open_end == Example("u", None, line=1)
    (both,) = load(chat(("user", "u"), ("assistant", "a"), text="t", label="l"), input_field="messages")
    assert (both.input, both.target) == ("u", "a")


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([], '"messages" is an empty list; expected a list of {"role", "content"}'),
        ("hi", '"messages" is a text; expected a list of {"role", "content"}'),
        (["hi"], 'message 1 is a text; expected {"role", "content"}'),
        ([{"role": "user"}], 'message 1 has no "content"'),
        ([{"role": "user", "content": " "}], "the content of message 1 is only whitespace"),
        (
            [{"role": "user", "content": ["x"]}],
            "the content of message 1 is a list; expected a text or a number",
        ),
        (
            [{"role": "tool", "content": "x"}],
            'the role of message 1 is "tool"; expected system, user or assistant',
        ),
        (
            [{"role": None, "content": "x"}],
            "the role of message 1 is null; expected system, user or assistant",
        ),
        (
            [{"role": "user", "content": "x", "name": "Bo"}],
            'message 1 has a "name"; only role and content are read',
        ),
        (
            [("user", "a"), ("user", "b"), ("assistant", "c")],
            "messages 1 and 2 are both the user's; expected them by turns",
        ),
        (
            [("user", "a"), ("system", "b"), ("assistant", "c")],
            "message 2 is a system message; only the first may be one",
        ),
        ([("assistant", "a")], "message 1 is the assistant's; expected the user's first"),
        ([("system", "a"), ("assistant", "b")], "message 2 is the assistant's; expected the user's first"),
        ([("user", "a")], "the last message is the user's; expected the assistant's, the target"),
        ([("system", "a")], "the last message is the system's; expected the assistant's, the target"),
    ],
)
def test_odd_messages(load, messages, problem):
    if isinstance(messages, list):
        messages = [{"role": turn[0], "content": turn[1]} if isinstance(turn, tuple) else turn for turn in messages]
    assert problems(load, json.dumps({"messages": messages})) == [(1, problem)]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"[1]", 'not an object like {"input": "...", "output": "..."}'),
        (b'{"text": "a", "text": "b", "label": "c"}', 'the key "text" occurs twice'),
        (b'{"text": "a"}', 'no field "label"'),
        (b'{"text": "", "label": "c"}', '"text" is empty'),
        (b'{"text": "a", "label": " \\n"}', '"label" is only whitespace'),
        (b'{"text": "a", "label": null}', '"label" is null; expected a text or a number'),
        (b'{"text": {}, "label": "c"}', '"text" is an object; expected a text or a number'),
        (b'{"text": "a", "label": NaN}', '"label" is NaN; expected a text or a number'),
        (b'{"text": -Infinity, "label": "c"}', '"text" is -Infinity; expected a text or a number'),
        (b'{"text": "\xc3\xa4\xff", "label": "c"}', "not UTF-8: byte 0xff at position 13"),
        (b'{"text": "a\0", "label": "c"}', "holds a NUL byte"),
        (b'{"text": "a\\u0000", "label": "c"}', '"text" holds a NUL character'),
        (b'{"text": "\\ud800", "label": 1}', '"text" holds half of a surrogate pair, which is no character'),
        (b'{"text": ' + b"[" * 100_000, "not readable: nested too deeply"),
    ],
)  # fmt: skip
def test_bad_jsonl_rows(load, row, problem):
    good = b'{"text": "a", "label": "b"}\n'
    assert problems(load, good + row + b"\n" + good) == [(2, problem)]


def test_not_json_names_the_column(load):
    ((line, problem),) = problems(load, '\n{"text": nope}')
    assert line == 2
    assert problem == "not JSON: Expecting value at column 10"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (b"a,b,c\n", [(2, "3 cells, but the header has 2")]),
        (b"a\n", [(2, "1 cell, but the header has 2")]),
        (b"\xc3\xa4,b\xff\n", [(2, "not UTF-8: byte 0xff")]),
        (b"a,b\0\n", [(2, "holds a NUL byte")]),
        (b'"a\nb",\n"a"x,b\na,"b\n', [
            (2, '"label" is empty'),
            (4, 'text follows a closing quote; inside quotes a quote is written twice, ""'),
            (5, "a quote opened here is never closed"),
        ]),
    ],
)  # fmt: skip
def test_bad_csv_rows(load, rows, expected):
    assert problems(load, b"text,label\n" + rows, name="rows.csv") == expected


@pytest.mark.parametrize("rows", [b"text,label\ncaf\xc3\xa9,a\nwell \x96,b\n", b"text,label\xff\na,\xc3\xa4\n"])
def test_bytes_of_another_encoding_are_told_with_what_reads_them(load, rows):
    with pytest.raises(DataError) as error:
        load(rows, "rows.csv")
    assert str(error.value).endswith(
        "Correct these lines or take them out: a file is used whole or not at all. If the file is in another encoding, "
        'name it: encoding="cp1252".'
    )


def test_csv_headers(load):
    assert problems(load, "text,label,text\na,b,c", name="rows.csv") == [
        (1, 'in the header: two columns are called "text"')
    ]
    assert problems(load, b"text,label\xff\na,\xc3\xa4", name="rows.csv") == [
        (1, "in the header: not UTF-8: byte 0xff")
    ]
    with pytest.raises(DataError, match="has no rows"):
        load("text,label\n\n", "rows.csv")


def test_labels(load):
    rows = '{"text": "a", "label": "joy"}\n{"text": "a", "label": "Joy"}\n{"text": "a", "label": "\\u001b"}'
    assert problems(load, rows, labels=["joy", "fear"]) == [
        (2, '"Joy" is none of the 2 labels. Did you mean "joy"?'),
        (3, '"\\u001b" is none of the 2 labels'),
    ]


def test_other_files(load, tmp_path):
    for content, name, words in [
        (b"\n \n", "rows.jsonl", "has no rows"),
        (b"", "rows.csv", "has no rows"),
        (b"{}", "rows.yaml", "is of no known kind"),
        (b"PK\x03\x04", "rows.xlsx", "is a workbook"),
    ]:
        with pytest.raises(DataError, match=words):
            load(content, name)
    with pytest.raises(FileMissing, match="is a folder"):
        load_examples(tmp_path)
    with pytest.raises(UsageError, match="expected a path, which has no NUL character"):
        load_examples("a\0.csv")


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv"])
@settings(max_examples=100, deadline=None)
@given(
    data=st.binary(max_size=200)
    | st.text(alphabet='{}[]",:\n\r\t\\ua0 1textlabel-', max_size=80).map(
        lambda text: b'text,label\n{"text": "a", "label": ' + text.encode()
    )
)
def test_no_bytes_raise_anything_but_our_errors(tmp_path_factory, suffix, data):
    path = tmp_path_factory.getbasetemp() / f"random{suffix}"
    path.write_bytes(data)
    try:
        rows = load_examples(path, needs_target=False, say=lambda sentence: None)
    except EmbedgradError:
        return
    assert rows
    assert all(row.input.strip() and row.line >= 1 for row in rows)


def test_white_space_before_targets_is_told(tmp_path):
    """A completion's leading space, or the indent of code: the target has one form, and what is left out is said."""
    path, said = tmp_path / "rows.jsonl", []
    path.write_text('{"prompt": "a", "completion": "no\\n"}\n{"prompt": "b", "completion": " yes"}\n')
    assert [row.target for row in load_examples(path, say=said.append)] == ["no", "yes"]
    assert said == [
        "The white space before 1 of 2 targets is left out (the first in line 2): what stands before an answer is the "
        "template's to say."
    ]
