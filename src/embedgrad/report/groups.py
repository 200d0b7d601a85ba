"""Accuracy by group, such as a problem's level, counted from the predictions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.evaluation.statistics import proportion
from embedgrad.run.predictions import PredictedRow
from embedgrad.run.record import RunRecord
from embedgrad.run.score import Proportion

MOST_GROUPS = 20


@dataclass(frozen=True)
class Group:
    """The rows of one group, right in the strict sense before and after, with Wilson intervals."""

    name: str
    before: Proportion
    after: Proportion


def groups(record: RunRecord) -> tuple[Group, ...]:
    """All groups in natural order (level 2 before level 10); empty where rows have no group or no metric."""
    found: dict[str, list[PredictedRow]] = defaultdict(list)
    for row in record.predictions:
        if row.group is not None and row.before.correct is not None and row.after.correct is not None:
            found[row.group].append(row)
    return tuple(
        Group(
            name=name,
            before=proportion(sum(bool(row.before.correct) for row in found[name]), len(found[name])),
            after=proportion(sum(bool(row.after.correct) for row in found[name]), len(found[name])),
        )
        for name in sorted(found, key=_natural)
    )


def largest(found: Sequence[Group]) -> tuple[Group, ...]:
    """Those with the most rows, twenty at most, in their order."""
    chosen = sorted(found, key=lambda group: -group.before.total)[:MOST_GROUPS]
    return tuple(group for group in found if group in chosen)


def groups_finding(found: Sequence[Group]) -> str:
    gained = sum(group.after.correct > group.before.correct for group in found)
    return f"Strict accuracy rose in {gained:,} of {len(found):,} groups. In brackets: test rows of the group."


def _natural(name: str) -> list[tuple[int, int, str]]:
    pieces = re.findall(r"[0-9]{1,15}|[^0-9]+|[0-9]+", name)
    return [(0, int(piece), "") if piece.isdecimal() and len(piece) <= 15 else (1, 0, piece) for piece in pieces]
