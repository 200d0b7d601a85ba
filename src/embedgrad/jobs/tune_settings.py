"""All settings of one tuning: what `settings.toml` of a run holds."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field

from embedgrad.arguments import absolute
from embedgrad.composed import Composed
from embedgrad.data.nested import nested
from embedgrad.data.splits import LEAST_TRAIN, Parts, parse_shares, split
from embedgrad.datasets.catalog import data_set
from embedgrad.datasets.data_set import LARGE
from embedgrad.durable import write_file
from embedgrad.errors import DataError, SettingsError
from embedgrad.events import Say
from embedgrad.faces import setting
from embedgrad.jobs.data_set_settings import DataSetSettings, from_data_set
from embedgrad.jobs.judging_settings import GroupedJudging, check_groups
from embedgrad.jobs.model_settings import ModelSettings, TemplateSettings, required
from embedgrad.jobs.row_settings import RowSettings, load_rows, shown_columns
from embedgrad.model.shipped import found_again
from embedgrad.prompt.naming import names_a_path, prompt_text
from embedgrad.recipes.catalog import load_recipe
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import ROWS, SETTINGS, START, TEST_ROWS, VALIDATION_ROWS
from embedgrad.run.split import SplitRecord, split_record
from embedgrad.settings import PositiveCount, Settings, checked, read_toml
from embedgrad.tuning.learning_rate import parse_learning_rate
from embedgrad.tuning.settings import TuningSettings
from embedgrad.units import counted

_OF_DATA_SETS = ("large", "paper")  # names of a data set's splits


def _checked_split(text: str | None) -> str | None:
    if text is not None and text not in _OF_DATA_SETS:
        parse_shares(text)
    return text


class RowFiles(Settings):
    train: str | None = Field(
        None, description="Labeled rows to tune on: JSONL, CSV, Parquet, or - for JSONL on stdin."
    )
    validation: str | None = Field(None, description="Rows that choose the best step; default: see --split.")
    test: str | None = Field(None, description="Held-out rows for the final comparison; default: see --split.")


class TuningRows(RowSettings, DataSetSettings, RowFiles):  # their order of flags is from the last to the first
    split: Annotated[str | None, AfterValidator(_checked_split)] = Field(
        None,
        description="Percent of --train for tuning, validation and test, such as 70/15/15; default: 20 % for the test "
        "(50 to 1000 rows, at most a third), then 20 % for validation (50 to 500, at most half). With --dataset, its "
        "test rows: large (default), or paper, sized to match the paper's figures.",
    )
    tuning_rows: PositiveCount | None = Field(
        None, ge=LEAST_TRAIN, description="Tune on so many of the tuning rows only, drawn by --seed, each label alike."
    )


class MethodSettings(Settings):
    start: Literal["text", "random", "vocabulary"] = Field(
        "text", description="Start from the text's embeddings, or as many random vectors or random words' embeddings."
    )
    tokens: PositiveCount | None = Field(
        None, description="Length of a random or vocabulary start; default: the text's length."
    )
    freeze: str | None = Field(None, description="Token positions to freeze, counted from 0, such as 0-3,7.")

    def frozen_positions(self) -> tuple[int, ...]:
        """ "0-3,7" -> (0, 1, 2, 3, 7). Raises SettingsError."""
        found: list[int] = []
        for piece in (self.freeze or "").replace(" ", "").split(","):
            match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", piece)
            low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
            if low <= high:
                found.extend(range(low, high + 1))
            elif piece:
                raise SettingsError(
                    f"{setting('freeze')} takes token positions like 0-3,7, counted from 0; got {self.freeze!r}."
                )
        return tuple(found)


def _checked_relative(text: str | None) -> str | None:
    if text is not None and not parse_learning_rate(text)[1]:
        raise ValueError('expected a rate relative to the table like "0.5rms"')
    return text


class TuneSettings(Composed):
    """Everything that a run depends on."""

    prompt: str | None = Field(
        None, description="The prompt: a text, @FILE with a text, a prompt file, a run folder or a PEFT folder."
    )
    output: str | None = Field(None, description="Run folder to create; default: runs/MODEL-DATE.")
    recipe: str | None = Field(
        None, description="Start from this recipe (see `embedgrad recipes`); --settings and other flags override it."
    )
    learning_rate_asked: Annotated[str | None, AfterValidator(_checked_relative)] = Field(
        None, description="The learning rate as given, if relative to the table (settings file only)."
    )
    model: ModelSettings = Field(default_factory=ModelSettings)
    rows: TuningRows = Field(default_factory=TuningRows)
    template: TemplateSettings = Field(default_factory=TemplateSettings)
    judging: GroupedJudging = Field(default_factory=GroupedJudging)
    method: MethodSettings = Field(default_factory=MethodSettings)
    tuning: TuningSettings = Field(default_factory=TuningSettings)

    def resolved(self) -> Self:
        """With what the recipe and the data set decide, and with paths that will be found from anywhere. Raises
        SettingsError."""
        own = ("train", "validation", "test", "encoding", "input_field", "target_field", "rows_at")
        job = from_data_set(self, excluded=own, needed_for=("data", "target"))
        split = self.rows.split
        if split is not None and (split in _OF_DATA_SETS) != (self.rows.dataset is not None):
            if self.rows.dataset is None:
                raise SettingsError(
                    f"{setting('split', split)} belongs to {setting('dataset')}, which is not given; rows of your own "
                    f"take shares like {setting('split', '70/15/15')}."
                )
            raise SettingsError(
                f"{setting('split', split)} parts rows of your own; with {setting('dataset')} it is "
                f"{' or '.join(_OF_DATA_SETS)}."
            )
        if found := job.rows.named_data_set():
            job = job.changed(prompt=job.prompt or found.prompt)
        required(job, "model", "prompt", *(() if found else ("train",)))
        return job._with_paths()

    def over_recipe(self) -> Self:
        """These settings on top of those of the recipe that they name, if any. Raises SettingsError for an unknown
        one."""
        if self.recipe is None:
            return self
        recipe = load_recipe(self.recipe)
        return checked(type(self), {**recipe.settings, **self.given}, recipe.name)

    def _with_paths(self) -> Self:
        self.method.frozen_positions()
        if self.tuning.keep_nearest and self.method.start == "random":
            raise SettingsError(
                f"{setting('keep_nearest')} needs original tokens, which a random start has not: choose another."
            )
        changes: dict[str, Any] = {}
        for name in ("train", "validation", "test"):
            if path := self[name]:
                changes[name] = absolute(path)
        if names_a_path(self.prompt or ""):
            changes["prompt"] = absolute(self.prompt or "")
        else:
            prompt_text(self.prompt or "")
        return self.changed(model=found_again(self.model.model or ""), **changes)

    def columns(self) -> tuple[str, ...]:
        """Columns that every row must have: of the template these settings name, else of the prompt file's own."""
        return shown_columns(self.template, [self.prompt or ""])

    def read_parts(self, say: Say = lambda message: None) -> Parts:
        """All rows, checked and split, without a model; `say` hears what was guessed. Raises DataError and its kin,
        FileMissing."""
        parts = self._data_set_parts() if self.rows.dataset else self._own_parts(say)
        check_groups(parts.test, self.judging.group_by)
        return self.with_fewer(parts)

    def with_fewer(self, parts: Parts) -> Parts:
        """With as many of the tuning rows as these settings want. Raises DataError where there are not so many."""
        count = self.rows.tuning_rows
        if count is None:
            return parts
        if count > len(parts.train):
            raise DataError(
                f"{setting('tuning_rows', count)} is more than there are: {counted(len(parts.train), 'tuning row')}. "
                "Give fewer, or leave it out."
            )
        task = self.judging.task_for((*parts.train, *parts.validation, *parts.test))
        return replace(parts, train=nested(parts.train, count, self.tuning.seed, by_target=bool(task.labels)))

    def _data_set_parts(self) -> Parts:
        rows = self.rows
        return data_set(rows.dataset or "").parts(
            rows.data_path,
            split_name=rows.split or LARGE,
            seed=self.tuning.seed,
            target=rows.target,
            columns=self.columns(),
        )

    def _own_parts(self, say: Say) -> Parts:
        said: list[str] = []

        def say_once(sentence: str) -> None:
            if sentence not in said:  # the three files of one run are mostly of one kind
                said.append(sentence)
                say(sentence)

        rows, judging, columns = self.rows, self.judging, self.columns()
        aside = (judging.group_by,) if judging.group_by else ()
        train, validation, test = (
            None
            if source is None
            else load_rows(source, rows, columns, judging.labels, task=judging.task, aside=aside, say=say_once)
            for source in (rows.train, rows.validation, rows.test)
        )
        return split(
            train or (),
            validation=validation,
            test=test,
            seed=self.tuning.seed,
            columns=columns,
            shares=parse_shares(rows.split) if rows.split else None,
        )

    def split_record(self, parts: Parts) -> SplitRecord:
        """What `split.json` says of `parts`."""
        return split_record(parts, self.tuning.seed, self.rows.dataset, self.rows.split)

    def default_folder(self, infix: str = "") -> Path:
        """`runs/MODEL-DATE`, with `infix` between the two."""
        name = Path(self.model.model or "").name.lower()
        return Path("runs") / f"{name}{infix}-{datetime.now():%Y%m%d-%H%M%S}"


Job = TypeVar("Job", bound=TuneSettings)


def run_settings(folder: RunFolder, kind: type[Job]) -> Job:
    """The settings in a run's folder; rows that it keeps are wherever it is now. Raises SettingsError."""
    path = folder.file(SETTINGS)
    return _with_kept_rows(checked(kind, read_toml(path), str(path)), folder)


def keep_stdin(job: Job, folder: RunFolder) -> Job:
    """`job` with the rows that come through stdin, if any, in its folder, which alone must repeat it. Raises
    OutputError."""
    if job.rows.train == "-":
        write_file(folder.file(ROWS), sys.stdin.buffer.read())
    return _with_kept_rows(job, folder)


def _with_kept_rows(job: Job, folder: RunFolder) -> Job:
    kept = {"train": ROWS, "validation": VALIDATION_ROWS, "test": TEST_ROWS, "prompt": START}
    return job.changed(
        **{
            name: absolute(str(folder.file(file)))
            for name, file in kept.items()
            if Path(job[name] or "").name in (file, "-") and folder.file(file).exists()
        }
    )
