"""The flags that name a published data set instead of files of one's own, and what it gives the other settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from embedgrad.cli.flags import absolute
from embedgrad.data.example import Example
from embedgrad.datasets.catalog import DATA_SETS, data_set
from embedgrad.datasets.data_set import LARGE, DataSet
from embedgrad.errors import DataError, SettingsError, did_you_mean
from embedgrad.settings import Settings


class DataSetSettings(Settings):
    dataset: str | None = Field(
        None, description=f"A published data set instead of files of rows: {', '.join(DATA_SETS)}."
    )
    data: str | None = Field(
        None, description="File or folder with the rows of --dataset; by default they are downloaded."
    )
    split: str | None = Field(
        None,
        pattern=r"^(large|paper)$",
        description="Test rows of --dataset: large (default), or paper, sized to match the paper's figures.",
    )
    target: str | None = Field(
        None, description="Target of --dataset's rows, such as solution or answer; default: its first."
    )
    group_by: str | None = Field(
        None, description="Column to group answers by in the report, such as level; default: --dataset's own."
    )

    @property
    def data_path(self) -> Path | None:
        return None if self.data is None else Path(self.data)

    def named_data_set(self) -> DataSet | None:
        """Raises SettingsError where there is none of that name."""
        return None if self.dataset is None else data_set(self.dataset)


S = TypeVar("S", bound=DataSetSettings)


def from_data_set(job: S, *, excluded: Sequence[str], needed_for: Sequence[str]) -> S:
    """`job` with everything that its data set decides and nobody has set: split, target, group, task, answer length;
    paths absolute. Flags in `excluded` are for files of one's own, those in `needed_for` need --dataset. Raises
    SettingsError."""
    found = job.named_data_set()
    wrong = [name for name in (needed_for if found is None else excluded) if getattr(job, name) is not None]
    flag = f"--{wrong[0].replace('_', '-')}" if wrong else ""
    if found is None:
        if wrong:
            raise SettingsError(f"{flag} belongs to --dataset, which is not given.")
        return job
    if wrong:
        raise SettingsError(
            f"{flag} and --dataset exclude each other: the rows are your own or those of {found.title}. Give one of "
            "the two."
        )
    changes: dict[str, Any] = {"split": job.split or LARGE, "target": job.target or next(iter(found.targets))}
    found.split_of(changes["split"])
    changes |= {"data": absolute(job.data) if job.data else None, "group_by": job.group_by or found.group}
    task = found.target(changes["target"]).task
    if getattr(job, "task", "auto") in ("auto", task.kind):  # else the task is the user's own
        changes |= {
            "task": task.kind,
            **_unset(job, {"labels": task.labels, "pattern": task.pattern, "accepted": task.accepted}),
        }
    changes |= _unset(job, {"max_new_tokens": found.max_new_tokens})
    return job.model_copy(update=changes)


def _unset(job: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that say something where `job` says nothing."""
    return {name: value for name, value in values.items() if value and getattr(job, name) is None}


def check_groups(rows: Sequence[Example], group_by: str | None) -> None:
    """Raises DataError where a test row lacks the column that answers are to be counted under."""
    lacking = [row for row in rows if group_by is not None and _group(row, group_by) is None]
    if lacking:
        known = sorted({name for row in rows for name in row.columns})
        raise DataError(
            f"--group-by {group_by}: {len(lacking)} of {len(rows)} test rows have no such column with a text or number "
            f"beside input and target. Columns found: {', '.join(known) or 'none'}."
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
