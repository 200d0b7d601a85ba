"""One message, two faces: Python's arguments by default, the command line's flags while it runs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import embedgrad as eg
from embedgrad.cli.main import main
from embedgrad.errors import EmbedgradError
from embedgrad.faces import by_face, command, on_command_line, setting, template


@pytest.mark.parametrize(
    ("written", "in_python", "on_the_command_line"),
    [
        (lambda: setting("batch_tokens"), "batch_tokens", "--batch-tokens"),
        (lambda: setting("batch_tokens", 256), "batch_tokens=256", "--batch-tokens 256"),
        (lambda: setting("epochs", 0.5), "epochs=0.5", "--epochs 0.5"),
        (lambda: setting("by_number", True), "by_number=True", "--by-number"),
        (lambda: setting("target_field", "COLUMN"), 'target_field="COLUMN"', "--target-field COLUMN"),
        (lambda: setting("target_field", 'a "b"'), 'target_field="a \\"b\\""', "--target-field 'a \"b\"'"),
        (lambda: setting("decimal_mark", ",", of="Task"), 'eg.Task(..., decimal_mark=",")', "--decimal-mark ','"),
        (lambda: setting("labels", ..., of="Task"), "eg.Task(..., labels=...)", "--labels"),
        (lambda: setting("dtype", "float32", of="load_model"), 'eg.load_model(..., dtype="float32")',
         "--dtype float32"),
        (lambda: setting("max_rows", of="load_examples"), "limits.rows of eg.load_examples", "--max-rows"),
        (lambda: setting("task", "exact"), 'task=eg.Task("exact")', "--task exact"),
        (lambda: setting("start", "random"), 'kind="random"', "--start random"),
        (lambda: template("{prompt}\n{input}"), 'template=eg.Template.chat("{prompt}\\n{input}")',
         '--template "{prompt}\\n{input}"'),
        (lambda: template("{input}", "text"), 'template=eg.Template.text("{input}")',
         '--template "{input}" --layout text'),
        (lambda: command("tune", resume="my runs/a"), "`embedgrad tune --resume 'my runs/a'`",
         "`embedgrad tune --resume 'my runs/a'`"),
        (lambda: setting("output", "/tmp/a"), 'output="/tmp/a"', "--output /tmp/a"),
        (lambda: by_face("here", "there"), "here", "there"),
    ],
)  # fmt: skip
def test_spellings(written, in_python: str, on_the_command_line: str) -> None:
    assert written() == in_python
    with on_command_line():
        assert written() == on_the_command_line
    assert written() == in_python


def test_the_face_is_of_one_thread_and_one_call(tmp_path: Path, capsys) -> None:
    found = []
    with on_command_line():
        thread = threading.Thread(target=lambda: found.append(setting("seed")))
        thread.start()
        thread.join()
    assert found == ["seed"], "who works in Python beside a command line is told of Python"
    assert main(["inspect", str(tmp_path / "nowhere")]) != 0
    assert setting("seed") == "seed"
    capsys.readouterr()


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"review": "fine", "stars": "5"}\n')


def told(work) -> str:
    with pytest.raises(EmbedgradError) as error:
        work()
    return str(error.value)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) != 0
    return capsys.readouterr().err


TUNE = ("tune", "--model", "none", "--prompt", "Is it good?", "--train", "rows.jsonl")


def test_an_unknown_column(rows: None, capsys) -> None:
    path = Path("rows.jsonl").absolute()
    both = str(path) + ' has no field "star" ({}). Did you mean "stars"?\nColumns found: review, stars.'
    in_python = told(lambda: eg.load_examples(path, input_field="review", target_field="star"))
    assert in_python == both.format("target_field")
    given = ("--input-field", "review", "--target-field", "star")
    assert said(capsys, *TUNE, *given) == f"embedgrad: {both.format('--target-field')}\n"


def test_columns_that_are_not_known(rows: None, capsys) -> None:
    assert told(lambda: eg.load_examples("rows.jsonl")).endswith(
        "Columns found: review, stars. Name them with input_field and target_field of eg.load_examples."
    )
    assert said(capsys, *TUNE).endswith(
        "Columns found: review, stars. Name them with --input-field and --target-field.\n"
    )


def test_a_setting_out_of_range(rows: None, tiny_model, capsys) -> None:
    """In a file, too, it has the name that it has there."""
    says = "is {}: input should be greater than 0."
    training = [eg.Example("a", "b")] * 12
    assert (
        told(lambda: eg.tune(tiny_model("qwen2"), "Good?", training, batch_size=0))
        == f"tune: batch_size {says.format(0)}"
    )
    typed = said(capsys, *TUNE, "--batch-size", "0")
    assert typed == f"embedgrad: --batch-size {says.format(repr('0'))} See --help.\n"
    Path("job.toml").write_text("batch_size = 0\n")
    assert said(capsys, *TUNE, "--settings", "job.toml") == f"embedgrad: job.toml: batch_size {says.format(0)}\n"


def test_a_setting_that_there_is_not(tiny_model) -> None:
    assert told(lambda: eg.tune(tiny_model("qwen2"), "Good?", [], epoks=3)) == (
        "tune: there is no setting 'epoks'. Did you mean \"epochs\"?"
    )
