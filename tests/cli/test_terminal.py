"""Nothing that comes from files, names or models reaches the terminal as something it obeys."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from embedgrad.cli.console import Terminal, visible
from embedgrad.cli.main import main

ESCAPES = "\x1b[31m\x1b]0;pwn\x07\x9b2J\x90\x7f\x08\r\u202e\u2066\u2028\u200f\x00"
WRITTEN = r"\x1b[31m\x1b]0;pwn\x07\x9b2J\x90\x7f\x08\r\u202e\u2066\u2028\u200f\x00"
MARKUP = "[red]a[/red] [link=http://x]b[/link] :smile:"
KEPT = "tab\tnewline\n é 👩‍👩‍👧 עברית العربية 判断"


def test_what_is_obeyed_is_written_out_and_nothing_else() -> None:
    assert visible(ESCAPES) == WRITTEN
    assert visible("\ud800") == r"\ud800"
    for text in (MARKUP, KEPT):
        assert visible(text) == text


@pytest.mark.parametrize("is_a_terminal", [True, False])
def test_every_way_to_the_terminal(is_a_terminal: bool, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_a_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    terminal = Terminal(as_json=False, quiet=False)
    text = f"{ESCAPES} {MARKUP}"
    terminal.note(text)
    terminal.say(text)
    terminal.section(text, [text])
    terminal.table([[text, "b"], [text, "1"]])
    with terminal.progress(text, 3) as line:
        line._next = 0.0
        line.update(1, text)
    with terminal.working(text):
        pass
    told = "".join(capsys.readouterr())
    for harmful in ("\x1b]0", "\x1b[31mpwn", "\x9b", "\u202e", "\x07", "\x08"):
        assert harmful not in told
    assert told.count("[link=http://x]b[/link]") >= 4


def test_json_is_the_same_and_holds_nothing_that_is_obeyed(capsys) -> None:
    Terminal(as_json=True, quiet=False).result({ESCAPES: KEPT + ESCAPES})
    told = capsys.readouterr().out
    assert json.loads(told) == {ESCAPES: KEPT + ESCAPES}
    assert visible(told) == told


def test_an_answer_is_as_it_is_in_a_pipe_and_visible_on_a_terminal(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    Terminal(as_json=False, quiet=False).answer(ESCAPES)
    assert capsys.readouterr().out == ESCAPES + "\n"

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", screen := Screen())
    Terminal(as_json=False, quiet=False).answer(ESCAPES, end="")
    assert screen.getvalue() == WRITTEN


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "a\x1b[2Jb.safetensors"),
        ("report", "no\x1b[31m"),
        ("tune", "--model", "none", "--prompt", "Good?", "--train", "t\x1b[31m.jsonl"),
        ("evaluate", "--model", "none", "--prompt", "Good?", "--data", "columns.jsonl"),
        ("evaluate", "--model", "none", "--prompt", "@x\x1b[31m", "--data", "columns.jsonl"),
        ("generate", "--model", "none", "--prompt", "Good?", "--\x1b[31mflag", "x"),
        ("analyze", "no\x9b31m"),
        ("recipes", "no\u202e"),
        ("sweep", "--settings", "no\x1b]0;x\x07"),
        ("demo", "--task", "no\x1b[31m"),
        ("no\x1b[31m",),
    ],
)
def test_no_error_message_is_obeyed(arguments: tuple[str, ...], tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("columns.jsonl").write_text(json.dumps({"input\x1b[31m": "a", "\x9b\u202ex": "b"}) + "\n")
    assert main(arguments) in (1, 2)
    told = capsys.readouterr().err
    assert told
    assert visible(told) == told


def test_a_traceback_is_not_obeyed(tmp_path: Path) -> None:
    command = "from embedgrad.cli.main import run; run()"
    run = subprocess.run(
        [sys.executable, "-c", command, "inspect", "a\x1b[2Jb.safetensors", "--debug"], capture_output=True, text=True
    )
    assert "Traceback" in run.stderr
    assert "\x1b" not in run.stderr


def test_inspect_on_a_real_terminal(tiny_model, tmp_path: Path) -> None:
    """A prompt file is someone else's: its text, template, base and settings are shown."""
    import dataclasses

    import embedgrad as eg

    prompt = eg.start(tiny_model("qwen2"), "Good?", eg.Template.chat(f"{{prompt}} {ESCAPES[:-1]} {{input}}"))
    prompt = dataclasses.replace(
        prompt,
        text=ESCAPES + MARKUP,
        base=prompt.base.model_copy(update={"name": ESCAPES}),
        metrics={ESCAPES: ESCAPES},
        settings={ESCAPES: 1},
    )
    prompt.save(tmp_path / "p.safetensors")
    main_end, end = pty.openpty()
    command = "from embedgrad.cli.main import run; run()"
    arguments = [sys.executable, "-c", command, "inspect", str(tmp_path / "p.safetensors")]
    subprocess.run(arguments, stdout=end, stderr=end, check=True)
    os.close(end)
    told = b""
    try:
        while piece := os.read(main_end, 65536):
            told += piece
    except OSError:
        pass  # Linux says so where the other end is closed
    shown = told.decode().replace("\r\n", "\n")
    assert visible(shown) == shown
    assert "[link=http://x]b[/link]" in shown


@pytest.mark.parametrize("text", ["--debug", "--help", "-h", "--version", "--json", "--", "--quiet"])
def test_behind_two_hyphens_everything_is_text(text: str, tiny_folder, capsys) -> None:
    folder = str(tiny_folder("qwen2"))
    assert main(["generate", "--model", folder, "--prompt", "Good?", "--max-new-tokens", "1", "--", "a", text]) == 0
    told = capsys.readouterr().out
    assert not told.startswith(("Usage", "{"))
    once = main(["generate", "--model", folder, "--prompt", "Good?", "--max-new-tokens", "1", "--", "a"])
    assert once == 0
    assert told.startswith(capsys.readouterr().out)
    assert told.count("\n") >= 2
