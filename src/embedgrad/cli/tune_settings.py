"""All settings of one tuning: what `settings.toml` of a run holds, and the flags of `embedgrad tune`."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from cyclopts import Parameter
from pydantic import AfterValidator, Field

from embedgrad import runs
from embedgrad.arguments import home_path
from embedgrad.cli.data_set_settings import DataSetSettings, check_groups, from_data_set
from embedgrad.cli.flags import PROMPT, RowsFile, absolute, required
from embedgrad.cli.settings import (
    JudgingSettings,
    ModelSettings,
    RowSettings,
    TemplateSettings,
    load_rows,
    shown_columns,
)
from embedgrad.data.split_record import SplitRecord, split_record
from embedgrad.data.splits import Parts, parse_shares, split
from embedgrad.datasets.catalog import data_set
from embedgrad.datasets.data_set import LARGE
from embedgrad.durable import write_file
from embedgrad.errors import SettingsError
from embedgrad.events import Say
from embedgrad.prompt.naming import names_a_path, prompt_text
from embedgrad.settings import PositiveCount, Settings, checked, read_toml
from embedgrad.tuning.learning_rate import parse_learning_rate
from embedgrad.tuning.settings import TuningSettings

_OF_DATA_SETS = ("large", "paper")  # names of --split


class JobSettings(Settings):
    prompt: Annotated[str | None, PROMPT] = Field(
        None, description="The prompt: a text, @FILE with a text, a prompt file, a run folder or a PEFT folder."
    )
    train: RowsFile = Field(None, description="Labeled rows to tune on: JSONL, CSV, Parquet, or - for JSONL on stdin.")
    validation: str | None = Field(None, description="Rows that choose the best step; default: see --split.")
    test: str | None = Field(None, description="Held-out rows for the final comparison; default: see --split.")
    output: str | None = Field(None, description="Run folder to create; default: runs/MODEL-DATE.")
    recipe: str | None = Field(
        None, description="Start from this recipe (see `embedgrad recipes`); --settings and other flags override it."
    )


class StartSettings(Settings):
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
                raise SettingsError(f"--freeze takes token positions like 0-3,7, counted from 0; got {self.freeze!r}.")
        return tuple(found)


def _checked_relative(text: str | None) -> str | None:
    if text is not None and not parse_learning_rate(text)[1]:
        raise ValueError('expected a rate relative to the table like "0.5rms"')
    return text


def _checked_split(text: str | None) -> str | None:
    if text is not None and text not in _OF_DATA_SETS:
        parse_shares(text)
    return text


# The bases, from last to first, are the order of the flags.
class TuneSettings(
    TuningSettings,
    StartSettings,
    TemplateSettings,
    JudgingSettings,
    RowSettings,
    DataSetSettings,
    JobSettings,
    ModelSettings,
):
    """Everything that a run depends on."""

    learning_rate_asked: Annotated[str | None, AfterValidator(_checked_relative), Parameter(parse=False)] = Field(
        None,
        description="The learning rate as given, if relative to the table (settings file only).",
    )
    split: Annotated[str | None, AfterValidator(_checked_split)] = Field(
        None,
        description="Percent of --train for tuning, validation and test, such as 70/15/15; default: 20 % for the test "
        "(50 to 1000 rows, at most a third), then 20 % for validation (50 to 500, at most half). With --dataset, its "
        "test rows: large (default), or paper, sized to match the paper's figures.",
    )

    def resolved(self) -> Self:
        """With what the data set decides and with paths that will be found from anywhere. Raises SettingsError."""
        own = ("train", "validation", "test", "encoding", "input_field", "target_field", "rows_at")
        job = from_data_set(self, excluded=own, needed_for=("data", "target"))
        if self.split is not None and (self.split in _OF_DATA_SETS) != (self.dataset is not None):
            if self.dataset is None:
                raise SettingsError(
                    f"--split {self.split} belongs to --dataset, which is not given; rows of your own take shares like "
                    "--split 70/15/15."
                )
            raise SettingsError(
                f"--split {self.split} parts rows of your own; with --dataset it is {' or '.join(_OF_DATA_SETS)}."
            )
        if found := job.named_data_set():
            job = job.model_copy(update={"prompt": job.prompt or found.prompt})
        required(job, "model", "prompt", *(() if found else ("train",)))
        return job._with_paths()

    def _with_paths(self) -> Self:
        self.frozen_positions()
        if self.keep_nearest and self.start == "random":
            raise SettingsError("--keep-nearest needs original tokens, which a random start has not: choose another.")
        changes: dict[str, object] = {}
        for name in ("train", "validation", "test"):
            if path := getattr(self, name):
                changes[name] = absolute(path)
        if names_a_path(self.prompt or ""):
            changes["prompt"] = absolute(self.prompt or "")
        else:
            prompt_text(self.prompt or "")
        if os.path.isdir(home_path(self.model or "")):  # noqa: PTH112 (is_dir raises for a name that is too long)
            changes["model"] = absolute(self.model or "")
        return self.model_copy(update=changes)

    def columns(self) -> tuple[str, ...]:
        """Columns that every row must have: of the template these settings name, else of the prompt file's own."""
        if self.named_template(has_chat_template=True) is not None:
            return super().columns()
        return shown_columns(self, [self.prompt or ""])

    def read_parts(self, say: Say = lambda message: None) -> Parts:
        """All rows, checked and split, without a model; `say` hears what was guessed. Raises DataError and its kin,
        FileMissing."""
        parts = self._data_set_parts() if self.dataset else self._own_parts(say)
        check_groups(parts.test, self.group_by)
        return parts

    def _data_set_parts(self) -> Parts:
        return data_set(self.dataset or "").parts(
            self.data_path, split_name=self.split or LARGE, seed=self.seed, target=self.target, columns=self.columns()
        )

    def _own_parts(self, say: Say) -> Parts:
        said: list[str] = []

        def say_once(sentence: str) -> None:
            if sentence not in said:  # the three files of one run are mostly of one kind
                said.append(sentence)
                say(sentence)

        aside = (self.group_by,) if self.group_by else ()
        train, validation, test = (
            None
            if source is None
            else load_rows(source, self, self.columns(), self.labels, task=self.task, aside=aside, say=say_once)
            for source in (self.train, self.validation, self.test)
        )
        return split(
            train or (),
            validation=validation,
            test=test,
            seed=self.seed,
            columns=self.columns(),
            shares=parse_shares(self.split) if self.split else None,
        )

    def tuning(self, **changes: object) -> TuningSettings:
        """Those of these settings that the loop takes, with `changes`."""
        own = {name: getattr(self, name) for name in TuningSettings.model_fields}
        return TuningSettings.model_validate(own | changes)

    def split_record(self, parts: Parts) -> SplitRecord:
        """What `split.json` says of `parts`."""
        return split_record(parts, self.seed, self.dataset, self.split)

    def default_folder(self) -> Path:
        name = Path(self.model or "").name.lower()
        return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


Job = TypeVar("Job", bound=TuneSettings)


def run_settings(folder: runs.RunFolder, kind: type[Job]) -> Job:
    """The settings in a run's folder; rows from stdin are wherever the folder is now. Raises SettingsError."""
    path = folder.file(runs.SETTINGS)
    return _with_kept_rows(checked(kind, read_toml(path), str(path)), folder)


def keep_stdin(job: Job, folder: runs.RunFolder) -> Job:
    """`job` with the rows that come through stdin, if any, in its folder, which alone must repeat it. Raises
    OutputError."""
    if job.train == "-":
        write_file(folder.file(runs.ROWS), sys.stdin.buffer.read())
    return _with_kept_rows(job, folder)


def _with_kept_rows(job: Job, folder: runs.RunFolder) -> Job:
    rows = folder.file(runs.ROWS)
    return job.model_copy(update={"train": absolute(str(rows))}) if rows.exists() else job
