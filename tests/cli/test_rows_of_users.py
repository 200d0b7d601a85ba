"""The verbs on rows as people have them: columns keep names and types, groups may be booleans or missing."""

from __future__ import annotations

import io
import json
import sys

import pytest

import embedgrad as eg
import tiny
from embedgrad.cli.main import main
from kept import kept_settings


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny.make_model_folder(tmp_path_factory.mktemp("model") / "tiny", "qwen2"))


@pytest.fixture
def answers(capsys, model, monkeypatch):
    """The lines that `generate` prints for what comes through stdin, and its notes."""

    def answered(data: bytes | str, *arguments: str) -> tuple[list[str], str]:
        raw = data.encode() if isinstance(data, str) else data
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        command = ["generate", "--model", model, "--dtype", "float32", "--prompt", "Good?", "--max-new-tokens", "4"]
        assert main([*command, *arguments]) == 0
        told = capsys.readouterr()
        return told.out.splitlines(), told.err

    return answered


@pytest.mark.parametrize(
    "row",
    [
        '{"id": 17, "text": "so sad"}',
        '{"text": "so sad", "price": 0.50, "is_new": true, "by": null, "tags": ["a", {"n": 1}]}',
        '{"text": 5, "big": 12345678901234567890123}',
        '{"messages": [{"role": "user", "content": "so sad"}], "id": 3}',
        '{"instruction": "Judge it.", "input": "so sad", "n": -1E3}',
    ],
)
def test_a_row_comes_out_as_it_went_in(answers, row):
    (line,), _ = answers(row)
    assert line.startswith(row[:-1] + ', "output": ')
    assert list(json.loads(line))[-3:] == ["output", "truncated", "tokens"]


def test_columns_of_the_user_are_never_overwritten(answers):
    rows = '{"input": "no", "tokens": "mine"}\n{"input": "so", "truncated": 7, "output": ""}\n'
    lines, told = answers(rows)
    found = [json.loads(line) for line in lines]
    assert told.endswith(
        'The rows have columns of these names, so an answer has its "truncated" as "embedgrad_truncated", '
        'its "tokens" as "embedgrad_tokens".\n'
    )
    assert [(one.get("tokens"), one.get("truncated")) for one in found] == [("mine", None), (None, 7)]
    assert all(isinstance(one["embedgrad_tokens"], int) and isinstance(one["output"], str) for one in found)
    (again,), told = answers('{"input": "no", "output": "yes", "embedgrad_output": 1}')
    assert json.loads(again)["output"] == "yes"
    assert 'its "output" as "embedgrad_embedgrad_output"' in told


def test_a_chain_of_prompts_keeps_all_answers(answers):
    first, _ = answers('{"input": "no"}')
    (second,), _ = answers(first[0], "--quiet")
    assert list(json.loads(second)) == [
        *("input", "output", "truncated", "tokens"),
        *("embedgrad_output", "embedgrad_truncated", "embedgrad_tokens"),
    ]


def test_plain_lines(answers, model):
    lines, told = answers("so sad\r\n\nno\n", "--lines")
    found = [json.loads(line) for line in lines]
    assert [list(one) for one in found] == [["input", "output", "truncated", "tokens"]] * 2
    wanted = eg.generate(eg.load_model(model, "float32"), "Good?", ["so sad", "no"], max_new_tokens=4)
    assert [(one["input"], one["output"]) for one in found] == [("so sad", wanted[0].text), ("no", wanted[1].text)]
    assert "is read as" not in told
    _, told = answers("schöne Grüße\n".encode("cp1252"), "--lines")
    assert told.startswith("standard input is read as cp1252, a guess (line 1: schöne; --encoding sets it).\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lines", "so sad"], "--lines reads inputs from stdin: leave out the others."),
        (["--lines", "--prompt-field", "by"], "--lines reads inputs from stdin: leave out --prompt-field."),
    ],
)
def test_lines_are_the_only_inputs(capsys, model, arguments, words):
    assert main(["generate", "--model", model, "--prompt", "Good?", *arguments]) == 2
    assert capsys.readouterr().err == f"embedgrad: {words}\n"


def test_a_list_of_rows_through_stdin(answers):
    lines, _ = answers('{"rows": [{"text": "so sad", "id": 1}, {"text": "no", "id": 2}]}', "--rows-at", "rows")
    assert [json.loads(line)["id"] for line in lines] == [1, 2]
    lines, _ = answers('[\n{"text": "so sad", "id": 1},\n{"text": "no", "id": 2}\n]')
    assert [json.loads(line)["id"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--max-rows", "standard input has more than 1 rows; no more are read (--max-rows)."),
        ("--max-row-characters", "line 1: has 18 characters; at most 1 are read (--max-row-characters)"),
    ],
)
def test_bounds_are_settings(capsys, model, monkeypatch, flag, words):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "so sad"}\n{"text": "so sad"}\n')))
    assert main(["generate", "--model", model, "--prompt", "Good?", flag, "1"]) == 1
    assert words in capsys.readouterr().err


GROUPED = {
    "booleans": (
        '{"text": "t%d", "label": "a", "by": true}',
        '{"text": "u%d", "label": "b", "by": false}',
        ["true", "false"],
    ),
    "nulls": ('{"text": "t%d", "label": "a", "by": null}', '{"text": "u%d", "label": "b", "by": 1.0}', ["null", "1.0"]),
    "empty": (
        '{"text": "t%d", "label": "a", "by": ""}',
        '{"text": "u%d", "label": "b", "by": NaN}',
        ["(empty)", "null"],
    ),
    "as written": (
        '{"text": "t%d", "label": "a", "by": "True"}',
        '{"text": "u%d", "label": "b", "by": "x"}',
        ["True", "x"],
    ),
}


@pytest.mark.parametrize("kind", GROUPED)
def test_groups(capsys, model, tmp_path, kind):
    first, second, groups = GROUPED[kind]
    (tmp_path / "rows.jsonl").write_text("".join(f"{first % n}\n{second % n}\n" for n in range(6)))
    command = ["evaluate", "--model", model, "--prompt", "Good?", "--data", str(tmp_path / "rows.jsonl"), "--quiet"]
    predictions = tmp_path / "predictions.jsonl"
    assert main([*command, "--group-by", "by", "--predictions", str(predictions), "--max-new-tokens", "2"]) == 0
    found = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert [one["group"] for one in found] == groups * 6
    assert [one["row"]["label"] for one in found] == ["a", "b"] * 6


def test_a_group_that_some_rows_lack_is_refused(capsys, model, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "label": "b", "by": null}\n{"text": "a", "label": "b"}\n')
    command = ["evaluate", "--model", model, "--prompt", "Good?", "--data", str(tmp_path / "rows.jsonl")]
    assert main([*command, "--group-by", "by"]) == 1
    assert "--group-by by: 1 of 2 test rows have no such column" in capsys.readouterr().err


def test_tune_on_what_a_spreadsheet_exports(capsys, model, tmp_path):
    lines = [f"Grüße Nummer {n};{'WAHR' if n % 2 else 'FALSCH'};{n % 3 == 0};a note of words" for n in range(120)]
    (tmp_path / "rows.csv").write_bytes(
        ("text;label;by;note\r\n" + "\r\n".join(lines) + "\r\n;;;\r\n").encode("cp1252")
    )
    command = ["tune", "--model", model, "--prompt", "Good?", "--train", str(tmp_path / "rows.csv")]
    command += ["--group-by", "by", "--epochs", "0.1", "--min-steps", "2", "--max-new-tokens", "3", "--max-rows", "500"]
    assert main([*command, "--output", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == (
        f"{tmp_path / 'rows.csv'} is read as cp1252, a guess (line 2: Grüße; --encoding sets it) and with semicolons "
        "between the cells."
    )
    assert told[1].startswith('The texts in "note" are not used. To show them to the model: --template "{prompt}')
    assert sum("is read as" in line for line in told) == 1
    settings = kept_settings(tmp_path / "run")
    assert (settings["max_rows"], settings["max_row_characters"], settings["max_file_megabytes"]) == (
        500,
        1_000_000,
        500,
    )
    predictions = [json.loads(line) for line in (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()]
    assert {one["group"] for one in predictions} == {"True", "False"}


def test_objects_as_targets(capsys, model, tmp_path):
    rows = "".join(f'{{"input": "order {n}", "output": {{"n": {n}, "price": 1.50}}}}\n' for n in range(6))
    (tmp_path / "rows.jsonl").write_text(rows)
    command = ["evaluate", "--model", model, "--prompt", "As JSON:", "--data", str(tmp_path / "rows.jsonl"), "--json"]
    assert main([*command, "--quiet"]) == 1
    assert "is an object; expected a text or a number, or --task json" in capsys.readouterr().err
    assert main([*command, "--quiet", "--task", "json", "--predictions", str(tmp_path / "answers.jsonl")]) == 0
    found = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [one["target"] for one in found] == [f'{{"n": {n}, "price": 1.50}}' for n in range(6)]
    assert (tmp_path / "answers.jsonl").read_text().count('"price": 1.50}') == 6


def test_a_prompt_file_knows_the_columns_that_it_shows(capsys, model, tmp_path):
    template = eg.Template.chat("{prompt}\n{context}\n{input}")
    eg.start(eg.load_model(model), "Good?", template=template).save(tmp_path / "a.safetensors")
    row = '{"question": "Why?", "context": "A passage of words.", "answer": "so"}\n'
    (tmp_path / "rows.jsonl").write_text(row)
    command = ["evaluate", "--model", model, "--data", str(tmp_path / "rows.jsonl"), "--max-new-tokens", "2"]
    assert main([*command, "--prompt", str(tmp_path / "a.safetensors")]) == 0
    assert "are not used" not in capsys.readouterr().err
    assert main([*command, "--prompt", "Good?"]) == 0
    assert 'The texts in "context" are not used.' in capsys.readouterr().err


def test_the_library_tells_what_it_guessed(model, tmp_path):
    (tmp_path / "rows.csv").write_text("text;label\n" + "".join(f"row {n};{'ab'[n % 2]}\n" for n in range(40)))
    loaded, said = eg.load_model(model), []
    eg.evaluate(loaded, "Good?", tmp_path / "rows.csv", max_new_tokens=2, say=said.append)
    eg.tune(loaded, "Good?", tmp_path / "rows.csv", epochs=0.1, min_steps=1, max_new_tokens=2, say=said.append)
    assert said.count(f"{tmp_path / 'rows.csv'} is read with semicolons between the cells.") == 2


def test_rows_in_a_named_encoding(answers, capsys, model):
    (line,), told = answers('{"input": "schöne Grüße"}\n'.encode("cp1252"), "--encoding", "cp1252")
    assert json.loads(line)["input"] == "schöne Grüße"
    assert "is read as" not in told
    lines, _ = answers("schöne Grüße\n".encode("cp1252"), "--lines", "--encoding", "cp1252")
    assert json.loads(lines[0])["input"] == "schöne Grüße"
    assert main(["generate", "--model", model, "--prompt", "Good?", "--encoding", "cp12522"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: --encoding is 'cp12522': there is no encoding of that name; near ones are cp1252, cp1258, cp1257. "
        "See --help.\n"
    )
