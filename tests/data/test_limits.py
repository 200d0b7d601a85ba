"""What is too much, or no file, is refused before it is read or tokenized."""

import gzip
import io
import os
import socket
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from embedgrad.cli.flags import prompt_from_flag
from embedgrad.data.records import Limits
from embedgrad.data.sources import load_examples, load_lines
from embedgrad.errors import BadRows, DataError, FileMissing, SettingsError
from embedgrad.settings import read_toml

SMALL = Limits(rows=3, row_characters=100, file_bytes=1000)
ROW = '{"text": "a", "label": "b"}'
FEW, LONG, LARGE = f"{ROW}\n" * 4, ROW.replace('"a"', f'"{"a" * 90}"'), ROW.replace('"a"', f'"{"a" * 1000}"')
AS_CSV = {
    FEW: "text,label\n" + "a,b\n" * 4,
    LONG: f"text,label\n{'a' * 100},b\n",
    LARGE: f"text,label\n{'a' * 1000},b\n",
}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (FEW, "has more than 3 rows; no more are read (limits.rows of eg.load_examples)."),
        (LARGE, "has more than 0 MB; no more is read (limits.file_bytes of eg.load_examples)."),
    ],
)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "list.json", "rows.csv", "rows.jsonl.gz", "-"])
def test_too_much_of_a_file(tmp_path, monkeypatch, name, content, problem):
    monkeypatch.chdir(tmp_path)
    if name == "rows.csv":
        content = AS_CSV[content]
    if name == "list.json":
        content = "[" + ",\n".join(content.split("\n")[:-1] or [content]) + "]"
    if name == "-":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    else:
        Path(name).write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    with pytest.raises(DataError) as caught:
        load_examples(name, limits=SMALL)
    assert str(caught.value) == f"{'standard input' if name == '-' else name} {problem}"


@pytest.mark.parametrize(("name", "characters"), [("rows.jsonl", 116), ("list.json", 116), ("rows.csv", 101)])
def test_a_row_that_is_too_long(tmp_path, monkeypatch, name, characters):
    monkeypatch.chdir(tmp_path)
    content = {"rows.jsonl": LONG, "list.json": f"[{LONG}]", "rows.csv": AS_CSV[LONG]}[name]
    Path(name).write_text(content)
    with pytest.raises(BadRows) as caught:
        load_examples(name, limits=SMALL)
    ((line, problem),) = [(p.line, p.problem) for p in caught.value.problems]
    assert line == (2 if name == "rows.csv" else 1)
    assert problem == f"has {characters} characters; at most 100 are read (limits.row_characters of eg.load_examples)"
    assert len(load_examples(name)) == 1


@pytest.mark.parametrize(
    ("texts", "compression", "problem"),
    [
        (["a"] * 4, "snappy", "has 4 rows; at most 3 are read (limits.rows of eg.load_examples)."),
        (
            ["a" * 900] * 3,
            "snappy",
            "unpacks to more than 0 MB; no more is read (limits.file_bytes of eg.load_examples).",
        ),  # a dictionary
        (["a" * 3000], "zstd", "unpacks to more than 0 MB; no more is read (limits.file_bytes of eg.load_examples)."),
        (
            [str(n) * 450 for n in range(3)],
            "zstd",
            "unpacks to more than 0 MB; no more is read (limits.file_bytes of eg.load_examples).",
        ),
    ],
)
def test_parquet_is_counted_before_it_is_unpacked(tmp_path, monkeypatch, texts, compression, problem):
    monkeypatch.chdir(tmp_path)
    table = pyarrow.table({"text": texts, "label": ["b"] * len(texts)})
    parquet.write_table(table, "rows.parquet", compression=compression, use_dictionary=compression == "snappy")
    with pytest.raises(DataError) as caught:
        load_examples(
            "rows.parquet", limits=Limits(3, 10_000, 2000 if len(texts) == 3 and texts[0][0] == "a" else 1000)
        )
    assert str(caught.value) == f"rows.parquet {problem}"
    assert len(load_examples("rows.parquet")) == len(texts)


def test_a_long_row_of_parquet(tmp_path):
    parquet.write_table(pyarrow.table({"text": ["a", "a" * 200], "label": ["b", "b"]}), tmp_path / "rows.parquet")
    with pytest.raises(BadRows, match="row 2: has 201 characters; at most 100 are read"):
        load_examples(tmp_path / "rows.parquet", limits=Limits(3, 100, 100_000))


@pytest.fixture
def odd_files(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # the name of a socket is short
        server.bind("socket.jsonl")
    Path("device.jsonl").symlink_to("/dev/zero")
    Path("folder.jsonl").mkdir()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pipe.jsonl", "it is a pipe, not a file"),
        ("socket.jsonl", "it is a socket, not a file"),
        ("device.jsonl", "it is a device, not a file"),
    ],
)
@pytest.mark.usefixtures("odd_files")
def test_what_is_no_file_is_not_opened(name, words):
    with pytest.raises(DataError) as data:
        load_examples(name)
    assert str(data.value) == f"{name} cannot be read: {words}."
    with pytest.raises(FileMissing) as settings:
        read_toml(Path(name))
    assert str(settings.value) == f"The settings file {name} cannot be read: {words}."
    with pytest.raises(FileMissing) as prompt:
        prompt_from_flag(f"@{name}")
    assert words in str(prompt.value)


def test_files_that_are_too_large_for_what_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("large.txt").write_bytes(b"#" * 1_000_001)
    with pytest.raises(FileMissing) as settings:
        read_toml(Path("large.txt"))
    assert str(settings.value) == (
        "The settings file large.txt cannot be read: it has 1,000,001 bytes; at most 1,000,000 are read."
    )
    with pytest.raises(FileMissing, match="it has 1,000,001 bytes"):
        prompt_from_flag("@large.txt")
    Path("large.txt").write_text('name = "\0"')
    with pytest.raises(SettingsError):
        read_toml(Path("large.txt"))


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.jsonl.gz"])
@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"text,label\n" * 90)[:-9]], ids=["empty", "text", "cut"]
)
def test_packed_files_that_are_damaged(tmp_path, monkeypatch, name, content):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be unpacked|has no rows"):
        load_examples(name)


def test_lines(tmp_path, monkeypatch):
    said: list[str] = []
    for data, wanted in (
        (b"one\r\n\r\n two \nthree", [(1, "one"), (3, " two "), (4, "three")]),
        ("schöne Grüße\n“ja”\n".encode("cp1252"), [(1, "schöne Grüße"), (2, "“ja”")]),
        ('{"text": "a"}\n[1]\n'.encode("utf-16"), [(1, '{"text": "a"}'), (2, "[1]")]),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert [(row.line, row.input) for row in load_lines("-", say=said.append)] == wanted
    assert said == [
        "standard input is read as cp1252, a guess (line 1: schöne; encoding of eg.load_examples sets it).",
        "standard input is read as UTF-16.",
    ]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n \n")))
    with pytest.raises(DataError) as caught:
        load_lines("-")
    assert str(caught.value) == "standard input has no lines. Expected an input on each."
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\0\n" + b"c" * 101)))
    with pytest.raises(BadRows) as bad:
        load_lines("-", limits=SMALL)
    assert [(p.line, p.problem) for p in bad.value.problems] == [
        (2, '"input" holds a NUL character'),
        (3, "has 101 characters; at most 100 are read (limits.row_characters of eg.load_examples)"),
    ]
