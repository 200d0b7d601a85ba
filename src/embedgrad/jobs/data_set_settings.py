"""The settings that name a published data set instead of files of rows, and what it gives the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from embedgrad.arguments import absolute
from embedgrad.composed import Composed
from embedgrad.datasets.catalog import DATA_SETS, data_set
from embedgrad.datasets.data_set import LARGE, DataSet
from embedgrad.errors import SettingsError
from embedgrad.faces import setting
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

    @property
    def data_path(self) -> Path | None:
        return None if self.data is None else Path(self.data)

    def named_data_set(self) -> DataSet | None:
        """Raises SettingsError where there is none of that name."""
        return None if self.dataset is None else data_set(self.dataset)


J = TypeVar("J", bound=Composed)


def from_data_set(job: J, *, excluded: Sequence[str], needed_for: Sequence[str]) -> J:
    """`job` with everything that its data set decides and nobody has set: split, target, group, task, answer length;
    paths absolute. Settings in `excluded` are for files of one's own, those in `needed_for` need `dataset`. Raises
    SettingsError."""
    found = None if job["dataset"] is None else data_set(job["dataset"])
    wrong = [name for name in (needed_for if found is None else excluded) if job[name] is not None]
    first = setting(wrong[0]) if wrong else ""
    if found is None:
        if wrong:
            raise SettingsError(f"{first} belongs to {setting('dataset')}, which is not given.")
        return job
    if wrong:
        raise SettingsError(
            f"{first} and {setting('dataset')} exclude each other: the rows are your own or those of {found.title}. "
            "Give one of the two."
        )
    changes: dict[str, Any] = {"split": job["split"] or LARGE, "target": job["target"] or next(iter(found.targets))}
    found.split_of(changes["split"])
    changes |= {"data": absolute(job["data"]) if job["data"] else None, "group_by": job["group_by"] or found.group}
    task = found.target(changes["target"]).task
    if job["task"] in ("auto", task.kind):  # else the task is the user's own
        changes |= {
            "task": task.kind,
            **_unset(job, {"labels": task.labels, "pattern": task.pattern, "accepted": task.accepted}),
        }
    return job.changed(**changes, **_unset(job, {"max_new_tokens": found.max_new_tokens}))


def _unset(job: Composed, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that say something where `job` says nothing."""
    return {name: value for name, value in values.items() if value and job[name] is None}
