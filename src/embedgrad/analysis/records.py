"""What `embedgrad analyze` left in a run folder, read and checked; all of it may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.analysis import Analysis, Record
from embedgrad.faces import command
from embedgrad.run.json_files import broken, read_if_any
from embedgrad.run.names import ANALYSIS

Wanted = TypeVar("Wanted", bound=Record)


@dataclass(frozen=True)
class Records:
    """The analyses of one run, by their names."""

    records: Mapping[str, Record] = field(default_factory=dict)

    def of(self, analysis: Analysis[Wanted]) -> Wanted | None:
        """What this analysis found; None where it was not done."""
        found = self.records.get(analysis.name)
        return found if isinstance(found, analysis.record) else None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the analyses that `embedgrad analyze` would add."""
        return tuple(name for name in ANALYSES if name not in self.records)


def read_records(folder: Path) -> Records:
    """The analyses in `folder`. Raises EmbedgradError if one is not what embedgrad writes."""
    read = {analysis.name: _analysis(folder, analysis) for analysis in ANALYSES.values()}
    return Records({name: record for name, record in read.items() if record is not None})


def _analysis(folder: Path, analysis: Analysis[Wanted]) -> Wanted | None:
    path = folder / ANALYSIS / f"{analysis.name}.json"
    advice = f"Delete it, or write it anew: {command('analyze', folder, only=analysis.name)}"
    found = read_if_any(path, analysis.record, advice)
    problem = None if found is None else analysis.problem(found)
    if problem is not None:
        raise broken(str(path), problem, advice)
    return found
