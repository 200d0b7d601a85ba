"""A published data set: where its rows come from, how a row is read, what a right answer is, who is tested on what.

One file per data set; `catalog.py` knows them by name.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedgrad.data.draws import Draw, Drawn
from embedgrad.data.example import Example
from embedgrad.data.fields import Fields
from embedgrad.data.hub import OriginFile, fetch, forget
from embedgrad.data.records import Row
from embedgrad.data.row_reader import RowError, RowReader
from embedgrad.data.sources import load_records, make_examples
from embedgrad.data.splits import Parts, split
from embedgrad.datasets.source_file import SourceFile, expected, local_files
from embedgrad.errors import DataError, SettingsError, did_you_mean
from embedgrad.faces import setting
from embedgrad.tasks.task import Task

LARGE, PAPER = "large", "paper"


@dataclass(frozen=True)
class Target:
    """One way to make a row's target: `read` takes the published row, `task` says what a right answer to it is."""

    read: Callable[[Row], object]
    task: Task


@dataclass(frozen=True)
class Split:
    """Who is tuned and who is tested on: in words, and the function that draws them. Rows that agree in the column
    `together` are not parted by validation either."""

    words: str
    draw: Draw
    together: str | None = None


@dataclass(frozen=True)
class DataSet:
    """All that a run needs to know of a data set. Nothing is read or downloaded before `parts` or `test_rows`.

    shown           one made-up row in the manner of the set
    prompt          the paper's (Table 1) where it has one, else ours; the template is the model's default
    input           the field that holds the input
    targets         ways to make the target, by name; the first is the default
    columns         further fields that are kept: for `group_by` and for slots of a template
    group           the column that answers are counted under by default
    files           by part: train, test, or rows where it was published in one piece; a single file of another name is
                    taken for the first of them
    splits          by name, `large` first
    max_new_tokens  room for the steps that the prompt asks for; None: the longest target and 16
    """

    name: str
    title: str
    origin: tuple[str, ...]
    license: str
    shown: Example
    prompt: str
    input: str
    targets: Mapping[str, Target]
    files: Mapping[str, SourceFile]
    splits: Mapping[str, Split]
    columns: tuple[str, ...] = ()
    group: str | None = None
    max_new_tokens: int | None = None

    def target(self, name: str | None = None) -> Target:
        """The way of that name, by default the first. Raises SettingsError."""
        known = list(self.targets)
        if name is not None and name not in known:
            raise SettingsError(
                f"{setting('target')} {name!r} is none of {self.title}'s: {', '.join(known)}."
                f"{did_you_mean(name, known)}"
            )
        return self.targets[name or known[0]]

    def split_of(self, name: str) -> Split:
        """Raises SettingsError where the set has no split of that name."""
        if name not in self.splits:
            raise SettingsError(f"{self.title} has no split {name!r}: it has {', '.join(self.splits)}.")
        return self.splits[name]

    def read(self, data: Path | None, target: str | None, columns: Sequence[str] = ()) -> dict[str, list[Example]]:
        """The rows of each part: from the file or folder `data`, else from where the set was published.

        `columns`, those that the template shows, must be there in every row. Raises DataError and its kin,
        FileMissing, SettingsError.
        """
        for name in columns:
            if name not in self.columns:
                raise SettingsError(
                    f"{self.title} has no column {name!r}: it has {', '.join(self.columns) or 'none'}."
                    f"{did_you_mean(name, self.columns)}"
                )
        way = self.target(target)
        if data is not None:
            paths = local_files(data, self.name, self.title, self.files)
            return {part: self._examples(path, way, columns) for part, path in paths.items()}
        published = {part: (file.origin, file.rows_sha256) for part, file in self.files.items()}
        return {
            part: self._examples(self._fetched(origin, sha256), way, columns)
            for part, (origin, sha256) in published.items()
            if origin is not None
        }

    def parts(
        self, data: Path | None, *, split_name: str, seed: int, target: str | None = None, columns: Sequence[str] = ()
    ) -> Parts:
        """Rows for tuning, validation and test. Validation comes off the tuning rows; duplicates (input and `columns`
        agree) leave the tuning side, as in `splits.split`."""
        tuning, test = self._drawn(data, split_name, seed, target, columns)
        if not tuning:
            raise DataError(
                f"{self.title}: {data or 'its origin'} has only rows for the test, none to tune on. "
                f"{expected(self.files)}"
            )
        return split(tuning, test=test, seed=seed, columns=columns, together=self.split_of(split_name).together)

    def test_rows(
        self, data: Path | None, *, split_name: str, seed: int, target: str | None = None, columns: Sequence[str] = ()
    ) -> list[Example]:
        """The rows that `parts` has for the test."""
        return self._drawn(data, split_name, seed, target, columns)[1]

    def _drawn(
        self, data: Path | None, split_name: str, seed: int, target: str | None, columns: Sequence[str]
    ) -> Drawn:
        draw = self.split_of(split_name).draw
        given = self.read(data, target, columns)
        tuning, test = draw(given, random.Random(f"{self.name}:{split_name}:{seed}"))
        if not test:
            raise DataError(
                f"{self.title}: {data or 'its origin'} has only rows to tune on, none for the test. "
                f"{expected(self.files)}"
            )
        return tuning, test

    def _fetched(self, origin: OriginFile, rows_sha256: str | None) -> Path:
        path = fetch(origin)
        found = digest(self._examples(path, self.target(), ())) if rows_sha256 else None
        if found != rows_sha256:
            forget(origin)
            raise DataError(
                f"{origin.url} has other rows than expected: their digest is {found}, expected {rows_sha256}. Nothing "
                f"of it was used. If you trust a copy of yours, name it with {setting('data')}."
            )
        return path

    def _examples(self, path: Path, way: Target, columns: Sequence[str]) -> list[Example]:
        labels = frozenset(way.task.labels) or None
        reader = RowReader(Fields("input", "target"), labels, needs_target=True, columns=tuple(columns))
        return make_examples(str(path), load_records(path), reader, lambda row: self._row(row, way))

    def _row(self, row: Row, way: Target) -> Row:
        """A published row with the names that all sets share."""
        kept = {name: row[name] for name in self.columns if row.get(name) is not None}
        return {**kept, "input": present(row, self.input), "target": way.read(row)}


def digest(rows: Sequence[Example]) -> str:
    """64 hex digits over inputs and targets in order: the same for every layout that holds the same rows."""
    sha256 = hashlib.sha256()
    for row in rows:
        sha256.update(json.dumps([row.input, row.target]).encode() + b"\n")
    return sha256.hexdigest()


def present(row: Row, field: str) -> object:
    """The value of a field. Raises RowError where there is none."""
    if field not in row:
        raise RowError(f'no field "{field}"', field, list(row))
    return row[field]


def field(name: str) -> Callable[[Row], object]:
    """The target as it stands in that field."""
    return lambda row: present(row, name)


def label(name: str, meaning: Mapping[str, str]) -> Callable[[Row], object]:
    """The label that the field's value stands for; a value that stands for none is taken for a label itself."""

    def read(row: Row) -> object:
        value = present(row, name)
        return meaning.get(value, value) if isinstance(value, str) else value

    return read
