"""What a person is told to type next, and what is said of words that were typed wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rows
from embedgrad.cli.main import main

TEMPLATE = "{prompt}\\n{schema}\\n{input}"


def told(capsys, *arguments: str) -> str:
    assert main(list(arguments)) != 0
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, tiny_folder) -> tuple[Path, str]:
    """A folder with a run whose template shows a further column, and the command that it said to use."""
    folder = tmp_path_factory.mktemp("schema")
    lines = [row | {"schema": r"a \ 'b' " + "c" * 100} for row in rows.sentiment(60)]
    train = rows.write_jsonl(folder / "train.jsonl", lines)
    job = [sys.executable, "-m", "embedgrad", "tune", "--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?"]
    limits = ["--epochs", "1", "--min-steps", "30", "--max-new-tokens", "2", "--template", TEMPLATE, "--output", "run"]
    done = subprocess.run(
        [*job, "--train", str(train), *limits], cwd=folder, capture_output=True, text=True, check=True
    )
    return folder, done.stdout.partition("Use it:\n")[2].strip()


def test_the_command_to_use_a_prompt_runs(tuned) -> None:
    folder, command = tuned
    assert command.startswith("printf '%s\\n' '{\"input\": \""), command
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["schema"], set(answer)) == (r"a \ 'b'", {"input", "schema", "output", "truncated", "tokens"})


def test_a_finished_run_says_the_same_without_its_rows(tuned, monkeypatch, capsys) -> None:
    folder, command = tuned
    monkeypatch.chdir(folder)
    assert main(["tune", "--resume", "run"]) == 0
    start = command.removeprefix("printf '%s\\n' ").partition(', "schema"')[0]
    assert f'Use it:\n  echo {start}, "schema": "..."}}\' | embedgrad generate ' in capsys.readouterr().out


def test_an_input_on_the_command_line_has_no_further_columns(tuned, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tuned[0])
    assert told(capsys, "generate", "--model", "pocket", "--prompt", "run/prompt.safetensors", "so sad") == (
        "embedgrad: The template shows {schema} besides the input, which an input on the command line lacks. Give "
        'whole rows through stdin: echo \'{"input": "so sad", "schema": "..."}\' | embedgrad generate --model pocket '
        "--prompt run/prompt.safetensors\n"
    )
    job = ["generate", "--model", "pocket", "--prompt", "Answer it.", "--template", "{prompt} {question} {input}", "x"]
    assert told(capsys, *job) == (
        "embedgrad: The template shows {question} besides the input, which an input on the command line lacks. Give "
        'whole rows through stdin: echo \'{"input": "x", "question": "..."}\' | embedgrad generate --model pocket '
        "--prompt 'Answer it.' --input-field input\n"
    )


def through_stdin(monkeypatch, capsys, text: str, *more: str) -> str:
    import io

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return told(capsys, "generate", "--model", "pocket", "--prompt", "Good or bad?", *more)


def test_words_through_stdin_that_are_no_rows(monkeypatch, capsys) -> None:
    assert through_stdin(monkeypatch, capsys, "Great food\n") == (
        "embedgrad: standard input: 1 row cannot be used.\n  line 1: not JSON: Expecting value at column 1\n"
        "Correct these lines or take them out: a file is used whole or not at all. If each line is an input by itself, "
        "add --lines.\n"
    )
    assert through_stdin(monkeypatch, capsys, "") == (
        'embedgrad: standard input has no rows. Expected one per line, like {"input": "..."}.\n'
    )
    assert through_stdin(monkeypatch, capsys, '{"review": "x"}\n') == (
        "embedgrad: standard input has no input known without being named: input, prompt, question, text, instruction, "
        "messages or conversations.\nColumns found: review. Name the input with --input-field.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["evaluate", "--model", "pocket", "--labels", "A+", "A", "A-", "B"],
            "--labels takes one word, its parts separated by commas: --labels A+,A,A-,B. Left over: A A- B.",
        ),
        (
            ["evaluate", "--labels", "A,", "B C", "--model", "pocket"],
            "--labels takes one word, its parts separated by commas: --labels 'A,B C'. Left over: 'B C'.",
        ),
        (
            ["sweep", "--model", "pocket", "--rates", "0.1rms", "0.5rms"],
            "--rates takes one word, its parts separated by commas: --rates 0.1rms,0.5rms. Left over: 0.5rms.",
        ),
        (
            ["evaluate", "--model", "pocket", "--prompt", "Good", "or", "bad?"],
            "Words that belong to no flag: or 'bad?'. A value with spaces in it needs quotes around it, and one flag "
            "takes one value.",
        ),
    ],
)
def test_words_that_are_left_over(arguments: list[str], says: str, capsys) -> None:
    assert told(capsys, *arguments) == f"embedgrad: {says} See --help.\n"


def test_inputs_with_different_targets_are_told_once(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [("so sad", "no"), ("so good", "yes"), ("so sad", "no"), ("so good", "no"), ("so sad", "yes")]
    lines += [(f"a {number}", "yes") for number in range(15)]
    rows.write_jsonl(tmp_path / "rows.jsonl", [{"text": text, "label": label} for text, label in lines])
    limits = ["--prompt", "Good?", "--max-new-tokens", "2"]
    says = (
        "2 inputs of {0} stand there with different targets, the first in lines 2 and 4: no answer is right for both."
    )
    assert main(["evaluate", "--model", "pocket", *limits, "--data", "rows.jsonl"]) == 0
    assert capsys.readouterr().err.count(says.format("rows.jsonl")) == 1
    job = ["--train", "rows.jsonl", "--epochs", "1", "--min-steps", "1", "--output", "run"]
    assert main(["tune", "--model", "pocket", *limits, *job, "--split", "60/20/20"]) == 0
    assert capsys.readouterr().err.count(says.format(tmp_path / "rows.jsonl")) == 1
