"""The settings of judging, and the groups that answers are counted under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from embedgrad.data.example import Example
from embedgrad.errors import DataError, did_you_mean
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.settings import EvaluationSettings
from embedgrad.faces import setting
from embedgrad.tasks.task import Task


class JudgingSettings(EvaluationSettings):
    def judging(self, task: Task, batch_tokens: int) -> Judging:
        """These settings as the judge takes them, for what a right answer is found to be."""
        return Judging(task, self.score_by, self.max_new_tokens, self.overlong, batch_tokens)


class GroupedJudging(JudgingSettings):
    group_by: str | None = Field(
        None, description="Column to group answers by in the report, such as level; default: --dataset's own."
    )

    def judging(self, task: Task, batch_tokens: int) -> Judging:
        return replace(super().judging(task, batch_tokens), group_by=self.group_by)


def check_groups(rows: Sequence[Example], group_by: str | None) -> None:
    """Raises DataError where a test row lacks the column that answers are to be counted under."""
    lacking = [row for row in rows if group_by is not None and _group(row, group_by) is None]
    if lacking:
        known = sorted({name for row in rows for name in row.columns})
        raise DataError(
            f"{setting('group_by', group_by or '')}: {len(lacking)} of {len(rows)} test rows have no such column with "
            f"a text or number beside input and target. Columns found: {', '.join(known) or 'none'}."
            f"{did_you_mean(group_by or '', known)}"
        )


def group_names(rows: Sequence[Example], group_by: str | None) -> dict[tuple[int, str, str], str]:
    """What each row is counted under, by its line, input and target."""
    if group_by is None:
        return {}
    found = ((row, _group(row, group_by)) for row in rows)
    return {(row.line, row.input, row.target or ""): group for row, group in found if group is not None}


def _group(row: Example, by: str) -> str | None:
    """The text of a column, numbers and booleans as they are written; `null` where the row has that, `(empty)` for an
    empty text; None for a row without the column, or with a list or an object there."""
    if by in row.columns:
        return row.columns[by] or "(empty)"
    value = row.row.get(by, ())
    return "null" if value is None or isinstance(value, float) else None  # a float is NaN: all others are texts
