"""Files of published data sets, without a network: what is asked for, what is checked, what is said."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path

import huggingface_hub
import pyarrow
import pytest
from huggingface_hub import constants
from pyarrow import parquet

from embedgrad.data.hub import HubFile, WebFile, fetch, forget
from embedgrad.data.parquet import read_parquet
from embedgrad.data.sources import load_examples, load_records
from embedgrad.errors import BadRows, DataError, OutputError

REVISION = "0123456789abcdef0123456789abcdef01234567"
ROWS = b'{"input": "a", "output": "b"}\n'


@pytest.fixture
def message():
    def run(load, *arguments):
        with pytest.raises(DataError) as caught:
            load(*arguments)
        return str(caught.value)

    return run


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that has one file, and writes down what it was asked for."""
    (tmp_path / "rows.jsonl").write_bytes(ROWS)
    asked = []

    def download(repository, path, **options):
        asked.append((repository, path, options))
        return str(tmp_path / "rows.jsonl")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return asked


def hub_file(sha256=None):
    return HubFile("owner/set", REVISION, "main/rows.jsonl", sha256)


def test_the_hub_is_asked_for_a_data_set_at_its_commit(hub):
    path = fetch(hub_file(hashlib.sha256(ROWS).hexdigest()))
    assert path.read_bytes() == ROWS
    assert hub == [("owner/set", "main/rows.jsonl", {"repo_type": "dataset", "revision": REVISION})]


def test_another_file_than_expected_is_refused(hub, message):
    assert message(fetch, hub_file("0" * 64)) == (
        f"https://huggingface.co/datasets/owner/set/resolve/{REVISION}/main/rows.jsonl is another file than expected: "
        f"its SHA-256 is {hashlib.sha256(ROWS).hexdigest()}, expected {'0' * 64}. Nothing of it was used. If you trust "
        "a copy of yours, name it with data."
    )


def test_offline_the_message_says_what_to_fetch_and_where(message):
    advice = (
        "could not be downloaded: downloads are switched off (HF_HUB_OFFLINE). Get the file on a machine that reaches "
        "it, and name it with data."
    )
    assert message(fetch, hub_file()) == f"{hub_file().url} {advice}"
    assert message(fetch, WebFile("https://example.org/task.json")) == f"https://example.org/task.json {advice}"


def test_a_file_from_the_web_is_kept_and_forgotten(tmp_path, monkeypatch, message):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    served = tmp_path / "rows.jsonl"
    served.write_bytes(ROWS)
    file = WebFile(served.as_uri(), hashlib.sha256(ROWS).hexdigest())
    assert fetch(file).read_bytes() == ROWS
    served.unlink()
    assert fetch(file).parent == tmp_path / "cache" / "embedgrad"
    forget(file)
    assert message(fetch, file).startswith(f"{file.url} could not be downloaded: [Errno 2] No such file")
    served.write_bytes(b"other")
    assert "is another file than expected" in message(fetch, file)
    served.write_bytes(ROWS)
    assert fetch(file).read_bytes() == ROWS  # the wrong one was not kept


def test_a_web_file_that_breaks_off(tmp_path, monkeypatch, message):
    def breaks_off(*_, **__):
        raise IncompleteRead(b"{")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("urllib.request.urlopen", breaks_off)
    assert message(fetch, WebFile("https://example.org/task.json")) == (
        "https://example.org/task.json could not be downloaded: IncompleteRead(1 bytes read). Get the file on a "
        "machine that reaches it, and name it with data."
    )


class Stalls(Exception):
    """Neither OSError nor ValueError, as the transport errors of the Hub's HTTP client and Xet's are."""


def test_a_hub_file_that_stalls(monkeypatch, message):
    def stalls(*_, **__):
        raise Stalls("The read operation timed out")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", stalls)
    assert message(fetch, hub_file()) == (
        f"{hub_file().url} could not be downloaded: The read operation timed out. Get the file on a machine that "
        "reaches it, and name it with data."
    )


def test_a_cache_that_cannot_be_written_is_told_as_such(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    served = tmp_path / "rows.jsonl"
    served.write_bytes(ROWS)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(OutputError):
        fetch(WebFile(served.as_uri()))


def test_parquet_rows_are_those_of_jsonl(tmp_path):
    rows = [
        {"text": "good", "label": 1, "score": 0.5, "is_new": True, "more": None, "tags": [1, 2], "by": {"x": 2}},
        {"text": "bad \U0001f600", "label": 0, "score": 2.0, "is_new": False, "more": None, "tags": [], "by": {"x": 3}},
    ]
    folder = tmp_path / "year=2024"  # would become a column
    folder.mkdir()
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_parquet(folder / "rows.parquet")
    assert replace(found, unit="line") == load_records(tmp_path / "rows.jsonl")
    assert [(row.input, row.target, row.line) for row in load_examples(folder / "rows.parquet")] == [
        ("good", "1", 1),
        ("bad \U0001f600", "0", 2),
    ]


def test_parquet_that_is_none(tmp_path, monkeypatch, message):
    monkeypatch.chdir(tmp_path)
    Path("rows.parquet").write_bytes(b"PAR1 and then nothing")
    assert message(load_records, "rows.parquet").startswith("rows.parquet cannot be read as Parquet: ")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert message(load_records, "rows.parquet") == (
        "rows.parquet is Parquet, which needs pyarrow. Install it: pip install 'embedgrad[hub]'"
    )


def test_a_task_json_has_its_rows_in_a_list(tmp_path):
    path = tmp_path / "task.json"
    task = {"name": "made up", "examples": [{"input": "a", "output": 1}, {"input": "b", "output": 2}]}
    path.write_text(json.dumps(task, indent=2))
    assert load_records(path).rows == [(4, {"input": "a", "output": "1"}), (8, {"input": "b", "output": "2"})]
    task["examples"].append("c")
    path.write_text(json.dumps(task))
    with pytest.raises(BadRows) as caught:
        load_examples(path)
    assert str(caught.value) == (
        f'{path}: 1 row cannot be used.\n  row 3: not an object like {{"input": "...", "output": "..."}}\n'
        "Correct these lines or take them out: a file is used whole or not at all."
    )
    path.write_text('{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}\n')  # rows, one a line
    assert len(load_examples(path)) == 2


def test_csv_of_the_hub_may_end_its_lines_as_windows_does(tmp_path):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["text", "emotion"], ['"quoted", he said', "x"]])  # its lines end in \r\n
    (tmp_path / "data.csv").write_bytes(out.getvalue().encode())
    assert load_records(tmp_path / "data.csv").rows == [(2, {"text": '"quoted", he said', "emotion": "x"})]
