"""How a run folder is made, continued and thrown away, by one process at a time."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from embedgrad.durable import PART, output_error, write_file
from embedgrad.errors import CannotResume, FolderExists, FolderInUse, OutputError
from embedgrad.faces import command, setting
from embedgrad.json_shape import Shape
from embedgrad.named_file import read_named
from embedgrad.run.held import Held, check_not_held
from embedgrad.run.json_files import Stored
from embedgrad.run.names import (
    ANALYSIS,
    CALIBRATION,
    CHECKPOINT,
    CURVE_PICTURE,
    DEMO,
    LEARNING_CURVE,
    METRICS,
    PICTURE,
    PREDICTIONS,
    PROMPT_FILE,
    REPORT,
    RESTARTS,
    RESULT,
    ROWS,
    SEEDS,
    SETTINGS,
    SPLIT,
    START,
    SWEEP,
    TEST_ROWS,
    TRAJECTORY,
    VALIDATION_ROWS,
)
from embedgrad.strict_json import sealed_json

_EXISTS = {
    "tune": "The run folder {0} exists already. Choose another {1}, or continue that run with {2}.",
    "sweep": "The folder {0} exists already. Choose another {1}, or continue that sweep with {2}.",
    "learning-curve": "The folder {0} exists already. Choose another {1}, or continue that curve with {2}.",
    "demo": "The folder {0} exists already. Choose another {1}.",
}
_FILES = (
    SETTINGS,
    METRICS,
    PROMPT_FILE,
    ROWS,
    START,
    TEST_ROWS,
    VALIDATION_ROWS,
    PREDICTIONS,
    RESULT,
    REPORT,
    SPLIT,
    SWEEP,
    PICTURE,
    CALIBRATION,
    RESTARTS,
    SEEDS,
    LEARNING_CURVE,
    CURVE_PICTURE,
    DEMO,
)
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
            kind = verb if (path / SETTINGS).exists() else "demo"
            raise FolderExists(_EXISTS[kind].format(path, setting("output"), command(verb, resume=str(path))))
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

    def write_json(self, name: str | Path, value: Stored) -> None:
        """`value` with its `content_sha256` (strict_json.py)."""
        write_file(self.file(name), sealed_json(value.model_dump(mode="json")))

    def sha256(self, name: str) -> str:
        """Of a file that is there, in lower-case hex."""
        return hashlib.sha256(read_named(self.file(name))).hexdigest()

    def write_lines(self, name: str, rows: Iterable[Shape]) -> None:
        lines = [json.dumps(row.model_dump(mode="json"), ensure_ascii=False) for row in rows]
        write_file(self.file(name), ("\n".join(lines) + "\n").encode())


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
