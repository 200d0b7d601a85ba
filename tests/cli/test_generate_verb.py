"""`embedgrad generate`: several prompts, stop strings, a stream, and what --json tells."""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path

import pytest

import embedgrad as eg
import tiny
from embedgrad.cli.console import visible
from embedgrad.cli.main import main
from embedgrad.evaluation.answering import Answering


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a model and two prompt files."""
    folder = tmp_path_factory.mktemp("generate")
    tiny.make_model_folder(folder / "tiny", "qwen2")
    model = eg.load_model(folder / "tiny", "float32")
    for name, text in (("a", "Is it good?"), ("b", "Determine the main emotion of the message.")):
        eg.start(model, text).save(folder / f"{name}.safetensors")
    return folder


def run(capsys, folder: Path, *arguments: str) -> str:
    model = ["--model", str(folder / "tiny"), "--dtype", "float32"]
    assert main(["generate", *model, "--max-new-tokens", "8", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys, folder: Path, *arguments: str) -> tuple[int, str]:
    code = main(["generate", "--model", str(folder / "tiny"), *arguments])
    return code, capsys.readouterr().err


def stdin(monkeypatch, *rows: dict) -> None:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_json_tells_what_was_recorded(capsys, folder) -> None:
    (answer,) = [json.loads(line) for line in run(capsys, folder, "--prompt", "Good?", "so sad", "--json").splitlines()]
    model = eg.load_model(folder / "tiny", "float32")
    (wanted,) = eg.generate(model, "Good?", ["so sad"], max_new_tokens=8)
    assert answer == {
        "input": "so sad",
        "output": wanted.text,
        "truncated": wanted.truncated,
        "loops": wanted.loops,
        "tokens": len(wanted.tokens),
        "entropies_bits": [round(bits, 4) for bits in wanted.entropies_bits],
    }
    assert all(0 <= bits <= math.log2(model.vocabulary) for bits in answer["entropies_bits"])


def test_stop_strings(capsys, folder) -> None:
    whole = run(capsys, folder, "--prompt", "Good?", "so sad").removesuffix("\n")
    stop = whole[2:4]
    assert run(capsys, folder, "--prompt", "Good?", "so sad", "--stop", "@@", "--stop", stop) == f"{whole[:2]}\n"
    assert refused(capsys, folder, "--prompt", "Good?", "so sad", "--stop", "") == (
        2,
        "embedgrad: A stop string is empty, which would end every answer at once. Leave it out.\n",
    )


def test_a_stop_string_is_typed_with_escapes(capsys, folder, monkeypatch) -> None:
    given: list[tuple[str, ...]] = []
    prepare = Answering.prepare
    monkeypatch.setattr(Answering, "prepare", lambda *a: (given.append(a[3].stop), prepare(*a))[1])
    run(capsys, folder, "--prompt", "Good?", "so sad", "--stop", r"\n", "--stop=---")
    assert given == [("\n", "---")]


@pytest.mark.parametrize("how", ["flag", "terminal"])
def test_one_answer_is_shown_as_it_comes(how: str, capsys, folder, monkeypatch) -> None:
    prompt = ["--prompt", "Good?", "--quiet"]
    wanted = run(capsys, folder, *prompt, "so sad")
    both = run(capsys, folder, *prompt, "so sad", "no")
    pieces: list[str] = []
    stream = Answering.stream

    def watched(job, number):
        for piece in stream(job, number):
            pieces.append(piece)
            yield piece

    monkeypatch.setattr(Answering, "stream", watched)
    if how == "terminal":
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        assert run(capsys, folder, *prompt, "so sad") == visible(wanted)
        assert "".join(pieces) + "\n" == wanted
        assert len(pieces) > 1
        pieces.clear()
        assert run(capsys, folder, *prompt, "so sad", "no") == visible(both)  # two answers would mix
        assert json.loads(run(capsys, folder, *prompt, "so sad", "--json"))["output"] + "\n" == wanted
        assert pieces == []
    else:
        assert run(capsys, folder, *prompt, "so sad", "--stream") == wanted
        assert len(pieces) > 1


@pytest.mark.parametrize("arguments", [("so sad", "no"), (), ("so sad", "--json")])
def test_a_stream_of_several_answers_is_refused(arguments: tuple[str, ...], capsys, folder) -> None:
    assert refused(capsys, folder, "--prompt", "Good?", "--stream", *arguments) == (
        2,
        "embedgrad: --stream shows one answer as it comes: give one input as an argument, without --json.\n",
    )


def test_a_streamed_row_that_does_not_fit(capsys, folder) -> None:
    arguments = ["--prompt", "Good?", "--stream", "--overlong", "skip", "no " * 600]
    assert main(["generate", "--model", str(folder / "tiny"), *arguments]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "line 1 is longer than the model's context and has no answer\n")


def test_rows_name_their_own_prompts(capsys, folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    names = ["a.safetensors", str(folder / "b.safetensors"), "", "a.safetensors", None]
    rows = [{"input": f"row {n}", "by": name} for n, name in enumerate(names)] + [{"input": "row 5"}]
    stdin(monkeypatch, *rows)
    found = [json.loads(line) for line in run(capsys, folder, "--prompt-field", "by", "--prompt", "Why?").splitlines()]
    model = eg.load_model(folder / "tiny", "float32")
    assert [answer.get("by") for answer in found] == [*names[:4], None, None]
    for answer, row in zip(found, rows, strict=True):
        (wanted,) = eg.generate(model, row.get("by") or "Why?", [row["input"]], max_new_tokens=8)
        assert (answer["input"], answer["output"]) == (row["input"], wanted.text)
    stdin(monkeypatch, rows[0], rows[1])
    assert len(run(capsys, folder, "--prompt-field", "by").splitlines()) == 2  # no row needs --prompt


def test_prompts_that_rows_cannot_name(capsys, folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    good, none, text = (
        {"input": "no", "by": "a.safetensors"},
        {"input": "no", "by": None},
        {"input": "no", "by": "@a.txt"},
    )
    stdin(monkeypatch, good, none)
    assert refused(capsys, folder, "--prompt-field", "by") == (
        1,
        'embedgrad: 1 of 2 rows names no prompt in "by", the first at line 2. Give --prompt for these.\n',
    )
    stdin(monkeypatch, good, text)
    assert refused(capsys, folder, "--prompt-field", "by") == (
        1,
        "embedgrad: 1 of 2 rows has a \"by\" where there is no file, the first at line 2: '@a.txt'. Name a prompt "
        "file, a run folder or a PEFT folder.\n",
    )
    stdin(monkeypatch, {"input": "no", "prompt_file": "a.safetensors"})
    assert refused(capsys, folder, "--prompt-field", "promptfile") == (
        1,
        'embedgrad: No row has a text in a column "promptfile" (--prompt-field) besides its input and its target. Did '
        'you mean "prompt_file"?\n',
    )
    assert refused(capsys, folder, "--prompt-field", "by", "no") == (
        2,
        "embedgrad: --prompt-field names a column of the rows on stdin; with inputs as arguments use --prompt.\n",
    )
