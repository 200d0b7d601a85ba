"""What `embedgrad analyze` left in a run folder, read and checked; all of it may be absent."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.analysis import Analysis, Record
from embedgrad.report.files import broken, content_if_any, parsed_file
from embedgrad.report.grid import Grid
from embedgrad.runs import ANALYSIS, CALIBRATION
from embedgrad.shapes import Shape

Kind = TypeVar("Kind", bound=Shape)
Wanted = TypeVar("Wanted", bound=Record)


@dataclass(frozen=True)
class Found:
    """The analyses of one run, by their names, and its calibration."""

    records: Mapping[str, Record] = field(default_factory=dict)
    calibration: Grid | None = None

    def of(self, analysis: Analysis[Wanted]) -> Wanted | None:
        """What this analysis found; None where it was not done."""
        found = self.records.get(analysis.name)
        return found if isinstance(found, analysis.record) else None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the analyses that `embedgrad analyze` would add."""
        return tuple(name for name in ANALYSES if name not in self.records)


def read_found(folder: Path) -> Found:
    """The analyses in `folder`. Raises EmbedgradError if one is not what embedgrad writes."""
    read = {analysis.name: _analysis(folder, analysis) for analysis in ANALYSES.values()}
    return Found(
        records={name: record for name, record in read.items() if record is not None},
        calibration=read_grid(folder / CALIBRATION),
    )


def read_grid(path: Path) -> Grid | None:
    """A `calibration.json` or `sweep.json`, None where there is no such file. Raises EmbedgradError."""
    advice = "Delete it, or repeat what wrote it."
    grid = _read(path, Grid, advice)
    if grid is not None and not 0 <= grid.chosen < len(grid.cells):
        raise broken(str(path), f"chosen: there is no cell {grid.chosen} among {len(grid.cells)}", advice)
    return grid


def _analysis(folder: Path, analysis: Analysis[Wanted]) -> Wanted | None:
    path = folder / ANALYSIS / f"{analysis.name}.json"
    advice = f"Delete it, or write it anew: embedgrad analyze {shlex.quote(str(folder))} --only {analysis.name}"
    found = _read(path, analysis.record, advice)
    problem = None if found is None else analysis.problem(found)
    if problem is not None:
        raise broken(str(path), problem, advice)
    return found


def _read(path: Path, kind: type[Kind], advice: str) -> Kind | None:
    content = content_if_any(path, advice)
    return None if content is None else parsed_file(path, content, TypeAdapter(kind), advice)[0]
