"""`restarts.json`: runs of several seeds that began, and the one that went on."""

from __future__ import annotations

from pathlib import Path

from embedgrad.json_shape import Interval, Shape
from embedgrad.run.json_files import Stored, broken, read_if_any


class RestartRecord(Shape):
    """What the best prompt of a short run had on the validation rows, and after which step that was; `failed` says why
    there is none."""

    seed: int
    accuracy: float | None
    interval: Interval | None
    loss: float | None
    kept_step: int | None
    failed: str | None = None


class RestartsRecord(Stored):
    """Runs that began with `steps` steps each; `chosen` counts in them. `seconds`: of those that did not go on."""

    validation_rows: int
    steps: int
    runs: tuple[RestartRecord, ...]
    chosen: int
    seconds: float


def read_restarts(path: Path) -> RestartsRecord | None:
    """A `restarts.json`, None where there is no such file. Raises EmbedgradError."""
    found = read_if_any(path, RestartsRecord)
    if found is not None and not 0 <= found.chosen < len(found.runs):
        raise broken(str(path), f"chosen: there is no run {found.chosen} among {len(found.runs)}")
    return found
