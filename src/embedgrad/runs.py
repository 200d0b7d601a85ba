"""The run folder: its file names, and how it is made, continued and thrown away.

settings.toml         resolved; alone re-runs the run
train.jsonl           the rows that came through stdin
metrics.jsonl         a line per step and per validation
checkpoint/           all that resumes
prompt.safetensors    the best prompt by validation
predictions.jsonl     every test row, before and after
result.json           what was gained
split.json            which rows are in which part, with digests
report.html           the same for people
calibration.json      what `learning_rate="auto"` tried
trajectory/           the prompt at every validation, for the analyses
analysis/             what `embedgrad analyze` found, a file each

.lock                 while a process is at work in the folder: which one

sweep.json            in a sweep's folder: its grid
heat_map.svg          the same as a picture
demo.json             in a demo's folder, beside its run folders: its tables
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedgrad.durable import PART, output_error, write_file
from embedgrad.errors import CannotResume, FolderExists, FolderInUse, OutputError
from embedgrad.faces import command, setting
from embedgrad.held import LOCK as LOCK  # a file of the folder, too
from embedgrad.held import Held, check_not_held
from embedgrad.named_file import read_named
from embedgrad.strict_json import sealed_json

SETTINGS, METRICS, PROMPT = "settings.toml", "metrics.jsonl", "prompt.safetensors"
ROWS = "train.jsonl"
PREDICTIONS, RESULT, REPORT = "predictions.jsonl", "result.json", "report.html"
SPLIT, SWEEP, CALIBRATION = "split.json", "sweep.json", "calibration.json"
PICTURE = "heat_map.svg"
DEMO = "demo.json"
ANALYSIS, TRAJECTORY = Path("analysis"), Path("trajectory")
CHECKPOINT = Path("checkpoint") / "state.safetensors"
_EXISTS = {
    "tune": "The run folder {0} exists already. Choose another {1}, or continue that run with {2}.",
    "sweep": "The folder {0} exists already. Choose another {1}, or continue that sweep with {2}.",
    "demo": "The folder {0} exists already. Choose another {1}.",
}
_FILES = (SETTINGS, METRICS, PROMPT, ROWS, PREDICTIONS, RESULT, REPORT, SPLIT, SWEEP, PICTURE, CALIBRATION, DEMO)


_TRIES = 200  # to take the lock of a folder that was just made: two seconds


@dataclass(frozen=True)
class RunFolder:
    """One tuning's folder, which no other process may write into meanwhile; `with` lets it go at the end. `made`: the
    folders that were made for it, the highest first."""

    path: Path
    made: tuple[Path, ...] = ()
    held: Held | None = field(default=None, repr=False, compare=False)

    @classmethod
    def create(cls, path: Path, verb: str = "tune") -> RunFolder:
        """A new folder for `embedgrad VERB`. Raises FolderExists, FolderInUse, or OutputError."""
        made = _made(path)
        if path not in made:
            check_not_held(path)
            raise FolderExists(_EXISTS[verb].format(path, setting("output"), command(verb, resume=str(path))))
        try:
            return cls(path, made, _held_by_its_maker(path))
        except OutputError:
            cls(path, made).discard()
            raise

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run's folder, to write into it. Raises CannotResume, FolderInUse, OutputError."""
        if not (path / SETTINGS).exists():
            raise CannotResume(f"{path} is no run folder: it has no {SETTINGS}. Give the folder that tune wrote.")
        held = Held(path)
        for half_written in path.rglob(f"*{PART}"):
            half_written.unlink(missing_ok=True)  # of a write that was killed; its whole predecessor is in place
        return cls(path, held=held)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *failure: object) -> None:
        if self.held is not None:
            self.held.release()

    def discard(self) -> None:
        """Remove what was made for this run, after a failure before the first step; what somebody else put there
        stays, and the folders around it."""
        if self.path not in self.made:
            return
        for folder in (CHECKPOINT.parent, TRAJECTORY, ANALYSIS):
            shutil.rmtree(self.file(folder), ignore_errors=True)
        for name in _FILES:
            self.file(name).unlink(missing_ok=True)
        if self.held is not None:
            self.held.release()
        for folder in reversed(self.made):
            try:
                folder.rmdir()  # trap: only while empty, another run may have moved in
            except OSError:
                return

    def file(self, name: str | Path) -> Path:
        return self.path / name

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """`value` with its `content_sha256` (strict_json.py)."""
        write_file(self.file(name), sealed_json(value))

    def sha256(self, name: str) -> str:
        """Of a file that is there, in lower-case hex."""
        return hashlib.sha256(read_named(self.file(name))).hexdigest()

    def write_lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        write_file(self.file(name), ("\n".join(lines) + "\n").encode())


class MetricsFile:
    """`metrics.jsonl`, appended a line at a time; `sync` before a checkpoint, so that none claims more than is here."""

    def __init__(self, path: Path, last_step: int, validated: Sequence[int] = ()) -> None:
        """Continue after `last_step`, -1 for a start: later lines, and what a crash left behind them, are removed.
        Raises CannotResume where a line of a step until then, or of a validation after the steps `validated`, is gone
        or cannot be read."""
        self._path = path
        kept = _lines_until(path, last_step)
        _check_whole(path, last_step, validated, {event for event, _ in kept})
        if path.exists():
            write_file(path, b"".join(line + b"\n" for _, line in kept))
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise output_error(path, error) from error

    def append(self, row: Mapping[str, Any]) -> None:
        self._guarded(lambda: self._file.write(json.dumps(row) + "\n"))

    def sync(self) -> None:
        self._guarded(self._file.flush)
        self._guarded(lambda: os.fsync(self._file.fileno()))

    def __enter__(self) -> MetricsFile:
        return self

    def __exit__(self, *failure: object) -> None:
        self._guarded(self._file.close)

    def _guarded(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            raise output_error(self._path, error) from error


_Event = tuple[str, int]  # what a line tells of, and after which step


def _lines_until(path: Path, last_step: int) -> list[tuple[_Event, bytes]]:
    """The lines of `metrics.jsonl` that tell of steps until `last_step`. Raises CannotResume."""
    try:
        lines = read_named(path).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _damaged(path, f"cannot be read: {error.strerror or error}") from error
    kept: list[tuple[_Event, bytes]] = []
    unreadable = None
    for number, line in enumerate(lines, start=1):
        event = _event(line)
        if event is None:
            unreadable = unreadable or (number if line.strip() else None)
        elif event[1] <= last_step:
            if unreadable is not None:
                raise _damaged(
                    path,
                    f"has a line {unreadable} that embedgrad does not write, before others that it does: it was "
                    "damaged or changed",
                )
            kept.append((event, line))
    return kept


def _event(line: bytes) -> _Event | None:
    try:
        found = json.loads(line.decode())
        name, step = found["event"], found["step"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return (name, step) if isinstance(name, str) and type(step) is int else None


def _check_whole(path: Path, last_step: int, validated: Sequence[int], found: Container[_Event]) -> None:
    """Raises CannotResume where `found` lacks what was there when the checkpoint was saved."""
    wanted = [("step", step, f"step {step}") for step in range(1, last_step + 1)]
    wanted += [("validation", step, f"the validation after step {step}") for step in validated]
    for name, step, words in wanted:
        if (name, step) not in found:
            raise _damaged(
                path,
                f"has no line of {words}, and the checkpoint is of step {last_step}: it was damaged or changed",
            )


def _damaged(path: Path, problem: str) -> CannotResume:
    return CannotResume(f"{path} {problem}. Restore it, or start the run anew.")


def _held_by_its_maker(path: Path) -> Held:
    """The new folder's lock. Trap: another process that asks whether somebody holds it takes the lock for a moment
    (test_of_eight_that_make_a_folder_at_once_one_has_it)."""
    for _ in range(_TRIES):
        try:
            return Held(path)
        except FolderInUse:
            time.sleep(0.01)
    return Held(path)


def _made(path: Path) -> tuple[Path, ...]:
    """The folders that had to be made so that `path` is there, the highest first; one that another process made in
    the meantime is not among them. Raises OutputError."""
    missing, made = [path], []
    try:
        while not missing[-1].parent.exists():
            missing.append(missing[-1].parent)
        for folder in reversed(missing):
            with suppress(FileExistsError):
                folder.mkdir()
                made.append(folder)
    except OSError as error:
        raise output_error(path, error) from error
    return tuple(made)
