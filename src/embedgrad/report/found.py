"""What `embedgrad analyze` left in a run folder, read and checked; all of it may be absent."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from embedgrad.analysis.records import (
    KINDS,
    Anchoring,
    Blend,
    Diagnosis,
    Entropy,
    Grid,
    PositionSensitivity,
    ReadBack,
    Readings,
)
from embedgrad.report.files import broken, content_if_any, parsed_file
from embedgrad.runs import ANALYSIS, CALIBRATION
from embedgrad.shapes import Shape

Kind = TypeVar("Kind", bound=Shape)


@dataclass(frozen=True)
class Found:
    """The analyses of one run, by the names of `analysis.records.KINDS`, and its calibration."""

    anchoring: Anchoring | None = None
    entropy: Entropy | None = None
    reading: Readings | None = None
    position_sensitivity: PositionSensitivity | None = None
    blend: Blend | None = None
    read_back: ReadBack | None = None
    diagnosis: Diagnosis | None = None
    calibration: Grid | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the analyses that `embedgrad analyze` would add."""
        return tuple(f.name for f in fields(self) if f.name in KINDS and getattr(self, f.name) is None)


def read_found(folder: Path) -> Found:
    """The analyses in `folder`. Raises EmbedgradError if one is not what embedgrad writes."""
    found = Found(
        anchoring=_analysis(folder, "anchoring", Anchoring),
        entropy=_analysis(folder, "entropy", Entropy),
        reading=_analysis(folder, "reading", Readings),
        position_sensitivity=_analysis(folder, "position_sensitivity", PositionSensitivity),
        blend=_analysis(folder, "blend", Blend),
        read_back=_analysis(folder, "read_back", ReadBack),
        diagnosis=_analysis(folder, "diagnosis", Diagnosis),
        calibration=read_grid(folder / CALIBRATION),
    )
    for side in (found.entropy.before, found.entropy.after) if found.entropy else ():
        if len(side.row_bits) != len(side.row_loops):
            problem = f"row_loops: {len(side.row_loops)} values for {len(side.row_bits)} of row_bits"
            raise broken(str(_place(folder, "entropy")), problem, _advice(folder, "entropy"))
    return found


def read_grid(path: Path) -> Grid | None:
    """A `calibration.json` or `sweep.json`, None where there is no such file. Raises EmbedgradError."""
    advice = "Delete it, or repeat what wrote it."
    grid = _read(path, Grid, advice)
    if grid is not None and not 0 <= grid.chosen < len(grid.cells):
        raise broken(str(path), f"chosen: there is no cell {grid.chosen} among {len(grid.cells)}", advice)
    return grid


def _analysis(folder: Path, name: str, kind: type[Kind]) -> Kind | None:
    return _read(_place(folder, name), kind, _advice(folder, name))


def _place(folder: Path, name: str) -> Path:
    return folder / ANALYSIS / f"{name}.json"


def _advice(folder: Path, name: str) -> str:
    return f"Delete it, or write it anew: embedgrad analyze {shlex.quote(str(folder))} --only {name}"


def _read(path: Path, kind: type[Kind], advice: str) -> Kind | None:
    content = content_if_any(path, advice)
    return None if content is None else parsed_file(path, content, TypeAdapter(kind), advice)[0]
