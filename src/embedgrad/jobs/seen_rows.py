"""Whether rows that a prompt is judged on are among those that it was tuned on, as far as its run folder tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from embedgrad.arguments import home_path
from embedgrad.data.example import Example
from embedgrad.data.splits import data_sha256
from embedgrad.errors import EmbedgradError
from embedgrad.prompt.naming import names_a_path
from embedgrad.run.json_files import read_if_any
from embedgrad.run.names import SPLIT
from embedgrad.run.split import PartRecord, SplitRecord
from embedgrad.units import counted


def seen_rows(prompts: Sequence[str], rows: Sequence[Example]) -> Iterator[str]:
    """A sentence for each run folder's prompt, or prompt file in one, whose tuning or validation rows are all among
    `rows`, at the lines where they were."""
    for prompt in prompts:
        if not names_a_path(prompt):
            continue
        path = Path(home_path(prompt))
        try:
            split = read_if_any((path if path.is_dir() else path.parent) / SPLIT, SplitRecord)
        except EmbedgradError:  # a damaged run folder may still hold a whole prompt
            continue
        parts = {} if split is None else {"tuned on": split.train, "chosen by": split.validation}
        seen = {how: part.rows for how, part in parts.items() if _are_among(part, rows)}
        if seen:
            listed = " and ".join(f"{counted(count, 'row')} that it was {how}" for how, count in seen.items())
            yield f"{prompt}: among these {len(rows):,} rows are {listed}; what it reaches on those is no measure of it"


def _are_among(part: PartRecord, rows: Sequence[Example]) -> bool:
    lines = set(part.lines)
    return part.rows > 0 and data_sha256(row for row in rows if row.line in lines) == part.sha256
