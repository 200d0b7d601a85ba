"""One process at a time writes into a run folder; the others are told who does, and nothing of theirs is removed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rows
import tiny
from embedgrad.cli.main import main
from embedgrad.errors import FolderExists, FolderInUse, OutputError
from embedgrad.run.folder import RunFolder
from embedgrad.run.held import LOCK, Held, check_not_held
from embedgrad.run.json_files import Stored
from embedgrad.run.names import SETTINGS

WAIT = 60.0  # seconds until a process that does nothing counts as stuck

HOLDING = (
    "import sys; from pathlib import Path; from embedgrad.run.folder import RunFolder; "
    "folder = RunFolder.{how}(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
)


def holder(folder: Path, how: str = "create") -> subprocess.Popen[str]:
    """Another process that has `folder`, until its stdin is closed or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING.format(how=how), str(folder)], stdin=-1, stdout=-1, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "\n"
    return process


def told(folder: Path, process: subprocess.Popen[str]) -> str:
    """What the message says up to the time."""
    return f"The folder {folder} is in use: process {process.pid} on {socket.gethostname()}, since 20"


ADVICE = ", is at work in it. Wait until that has ended, or stop it; a run that was stopped goes on with --resume."


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / SETTINGS).write_text('model = "x"\nrates = "1"\nrows_grid = "16"\n')
    return folder


@pytest.mark.parametrize(
    "arguments",
    [["tune", "--resume"], ["sweep", "--resume"], ["learning-curve", "--resume"], ["analyze"]],
    ids=["tune", "sweep", "learning-curve", "analyze"],
)
def test_a_second_process_is_told_who_is_at_work(arguments: list[str], run: Path, capsys) -> None:
    process = holder(run, "open")
    try:
        assert main([*arguments, str(run)]) == 2
    finally:
        process.communicate()
    error = capsys.readouterr().err
    assert error.startswith("embedgrad: " + told(run, process))
    assert error.endswith(ADVICE + "\n")
    check_not_held(run)
    main([*arguments, str(run)])
    assert "in use" not in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["tune", "sweep", "learning-curve", "demo"])
def test_a_folder_that_another_process_makes_is_not_taken(verb: str, tmp_path: Path, capsys, tiny_folder) -> None:
    process = holder(tmp_path / "run")
    train = rows.write_jsonl(tmp_path / "train.jsonl", rows.sentiment(100))
    job = ["--model", str(tiny_folder("qwen2")), "--prompt", "Is it good or bad?", "--train", str(train)]
    try:
        assert main([verb, *(job if verb != "demo" else []), "--output", str(tmp_path / "run")]) == 2
    finally:
        process.communicate()
    assert capsys.readouterr().err.startswith("embedgrad: " + told(tmp_path / "run", process))


def test_two_tunings_at_once_one_is_refused(tmp_path: Path) -> None:
    """As people do it: the same command twice. One finishes, and it is whole; the other says why it does not begin."""
    model = tiny.make_model_folder(tmp_path / "model", "qwen2")
    train = rows.write_jsonl(tmp_path / "train.jsonl", rows.sentiment(100))
    command = [
        *(sys.executable, "-m", "embedgrad", "tune", "--model", str(model), "--prompt", "Is it good or bad?"),
        *("--train", str(train), "--epochs", "1", "--min-steps", "4", "--max-new-tokens", "2", "--quiet"),
        *("--output", str(tmp_path / "run")),
    ]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=WAIT * 4)[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 2], errors
    refused = errors[0] or errors[1]
    starts = ("The folder {} is in use: process ", "The run folder {} exists already. ")
    assert refused.startswith(tuple("embedgrad: " + start.format(tmp_path / "run") for start in starts))
    assert (tmp_path / "run" / "result.json").exists()
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_killed_process_holds_nobody_up(run: Path) -> None:
    process = holder(run, "open")
    process.kill()
    process.communicate()
    assert (run / LOCK).exists(), "it had no time to remove it"
    with RunFolder.open(run):
        assert (run / LOCK).read_text().startswith(f"process {os.getpid()} on ")
    assert not (run / LOCK).exists()


def test_a_half_written_file_of_the_one_at_work_is_left(run: Path) -> None:
    part = run / ".result.json.1234.part"
    with RunFolder.open(run):
        part.write_text("{")
        with pytest.raises(FolderInUse):
            RunFolder.open(run)
        assert part.exists()
    with RunFolder.open(run):
        assert not part.exists()


def test_of_eight_that_make_a_folder_at_once_one_has_it(tmp_path: Path) -> None:
    gate, kept = threading.Barrier(8), []

    def race(number: int) -> str:
        gate.wait(WAIT)
        try:
            kept.append(RunFolder.create(tmp_path / "deep" / "run"))
        except (FolderExists, FolderInUse):
            return "refused"
        return "made"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(race, range(8))) == ["made", *["refused"] * 7]
    kept[0].discard()


class TestDiscard:
    def test_nothing_is_left_of_what_was_made(self, tmp_path: Path) -> None:
        folder = RunFolder.create(tmp_path / "a" / "b" / "run")
        folder.write_json("result.json", Stored())
        folder.file("checkpoint").mkdir()
        folder.file("checkpoint/state.safetensors").write_bytes(b"x")
        folder.discard()
        assert list(tmp_path.iterdir()) == []

    def test_what_others_put_there_stays(self, tmp_path: Path) -> None:
        folder = RunFolder.create(tmp_path / "runs" / "run")
        folder.write_json("result.json", Stored())
        (folder.path / "notes.txt").write_text("mine")
        folder.discard()
        assert [path.name for path in (tmp_path / "runs" / "run").iterdir()] == ["notes.txt"]

    def test_a_folder_above_that_another_process_made_stays(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        RunFolder.create(tmp_path / "runs" / "run").discard()
        assert list(tmp_path.iterdir()) == [tmp_path / "runs"]

    def test_an_opened_run_is_never_discarded(self, run: Path) -> None:
        RunFolder.open(run).discard()
        assert (run / SETTINGS).exists()


class TestHeld:
    def test_a_thread_of_the_same_process_is_refused_too(self, tmp_path: Path) -> None:
        held = Held(tmp_path)
        with pytest.raises(FolderInUse, match=f"process {os.getpid()} on"):
            Held(tmp_path)
        held.release()
        held.release()
        check_not_held(tmp_path)

    def test_it_ends_with_the_object(self, tmp_path: Path) -> None:
        Held(tmp_path)
        check_not_held(tmp_path)
        Held(tmp_path).release()

    @pytest.mark.parametrize("note", [b"", b"\x1b[2Jevil", b"\xff\xfe", b"a\nb"])
    def test_a_note_that_is_not_ours_is_not_shown(self, note: bytes, tmp_path: Path) -> None:
        held = Held(tmp_path)
        (tmp_path / LOCK).write_bytes(note)
        with pytest.raises(FolderInUse) as error:
            check_not_held(tmp_path)
        assert str(error.value) == (
            f"The folder {tmp_path} is in use: another process is at work in it. Wait until that has ended, or stop "
            "it; a run that was stopped can be continued on the command line."
        )
        held.release()

    def test_a_link_or_pipe_in_its_place_is_not_written_through(self, tmp_path: Path) -> None:
        target = tmp_path / "precious.txt"
        target.write_text("kept")
        (tmp_path / LOCK).symlink_to(target)
        with pytest.raises(OutputError):
            Held(tmp_path)
        assert target.read_text() == "kept"
        (tmp_path / LOCK).unlink()
        os.mkfifo(tmp_path / LOCK)
        with pytest.raises(OutputError, match="no ordinary file"):
            Held(tmp_path)

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object) -> int:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(OutputError) as error:
            Held(tmp_path)
        assert str(error.value) == (
            f"Could not write {tmp_path / LOCK}: Read-only file system. Choose a folder that you may write to."
        )
