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
calibration.json      what `--learning-rate auto` tried
trajectory/           the prompt at every validation, for the analyses
analysis/             what `embedgrad analyze` found, a file each

sweep.json            in a sweep's folder: its grid
demo.json             in a demo's folder, beside its run folders: its tables
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedgrad.durable import PART, make_folder, output_error, write_file
from embedgrad.errors import CannotResume, FolderExists, OutputError

SETTINGS, METRICS, PROMPT = "settings.toml", "metrics.jsonl", "prompt.safetensors"
ROWS = "train.jsonl"
PREDICTIONS, RESULT, REPORT = "predictions.jsonl", "result.json", "report.html"
SPLIT, SWEEP, CALIBRATION = "split.json", "sweep.json", "calibration.json"
DEMO = "demo.json"
ANALYSIS, TRAJECTORY = Path("analysis"), Path("trajectory")
CHECKPOINT = Path("checkpoint") / "state.safetensors"


@dataclass(frozen=True)
class RunFolder:
    """One tuning's folder; `created` is the highest folder that was made for it."""

    path: Path
    created: Path | None = None

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """A new folder. Raises FolderExists, or OutputError where nothing can be written."""
        if path.exists():
            raise FolderExists(
                f"The run folder {path} exists already. Choose another --output, or continue that run with "
                f"`embedgrad tune --resume {path}`."
            )
        created = path
        while not created.parent.exists():
            created = created.parent
        make_folder(path)
        run = cls(path, created)
        try:
            write_file(path / ".writable", b"")
            (path / ".writable").unlink()
        except OutputError:
            run.discard()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run's folder, to continue it. Raises CannotResume."""
        if not (path / SETTINGS).is_file():
            raise CannotResume(f"{path} is no run folder: it has no {SETTINGS}. Give the folder that tune wrote.")
        for half_written in path.rglob(f"*{PART}"):
            half_written.unlink(missing_ok=True)  # of a write that was killed; its whole predecessor is in place
        return cls(path)

    def discard(self) -> None:
        """Remove what `create` made, after a failure before the first step."""
        if self.created is None:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        above = [parent for parent in self.path.parents if parent == self.created or self.created in parent.parents]
        for folder in above:
            try:
                folder.rmdir()  # trap: only while empty, another run may have moved in
            except OSError:
                return

    def file(self, name: str | Path) -> Path:
        return self.path / name

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        write_file(self.file(name), (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())

    def write_lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        write_file(self.file(name), ("\n".join(lines) + "\n").encode())


class MetricsFile:
    """`metrics.jsonl`, appended a line at a time; `sync` before a checkpoint, so that none claims more than is here."""

    def __init__(self, path: Path, last_step: int) -> None:
        """Continue after `last_step`: later lines, and one cut off by a crash, are removed."""
        self._path = path
        if path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _is_until(line, last_step)]
            write_file(path, "".join(line + "\n" for line in kept).encode())
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


def _is_until(line: str, last_step: int) -> bool:
    try:
        return int(json.loads(line)["step"]) <= last_step
    except (ValueError, KeyError, TypeError):
        return False
