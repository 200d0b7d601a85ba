"""The settings of rows, and the rows that they name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt

from embedgrad.data.decoding import encoding_problem
from embedgrad.data.example import Example
from embedgrad.data.records import LIMITS, Limits
from embedgrad.data.sources import load_examples
from embedgrad.events import Say
from embedgrad.jobs.model_settings import TemplateSettings
from embedgrad.prompt import file as prompt_file
from embedgrad.prompt.naming import ENDING, names_a_path
from embedgrad.run.names import PROMPT_FILE
from embedgrad.settings import Settings
from embedgrad.tasks.kinds import has_json_targets


def _known_encoding(given: str | None) -> str | None:
    if given is not None and (problem := encoding_problem(given)):
        raise ValueError(problem)
    return given


class RowSettings(Settings):
    encoding: Annotated[str | None, AfterValidator(_known_encoding)] = Field(
        None,
        description="Encoding of rows that are not UTF-8, such as cp1252; default: the byte-order mark's, or a guess.",
    )
    input_field: str | None = Field(None, description="Column that holds the input, if it is not recognized.")
    target_field: str | None = Field(None, description="Column that holds the target, if it is not recognized.")
    rows_at: str | None = Field(
        None, description="Where the list of rows is in a file that is one JSON object, such as data or result.rows."
    )
    max_rows: PositiveInt = Field(LIMITS.rows, description="Maximum rows per file; more are an error.")
    max_row_characters: PositiveInt = Field(
        LIMITS.row_characters, description="Maximum characters per row; more are an error."
    )
    max_file_megabytes: PositiveInt = Field(
        LIMITS.file_bytes // 1_000_000, description="Maximum megabytes per file of rows, unpacked; more are an error."
    )

    @property
    def limits(self) -> Limits:
        return Limits(self.max_rows, self.max_row_characters, self.max_file_megabytes * 1_000_000)


def load_rows(
    source: str,
    rows: RowSettings,
    columns: Sequence[str],
    labels: Sequence[str] | None,
    needs_target: bool = True,
    *,
    task: str = "auto",
    aside: Sequence[str] = (),
    say: Say = lambda message: None,
) -> list[Example]:
    """The rows of a file (or `-`), as the flags describe them; `say` hears what was guessed, and which texts outside
    `columns` and `aside` are not used. Objects are targets of a `task` json."""
    return load_examples(
        source,
        encoding=rows.encoding,
        input_field=rows.input_field,
        target_field=rows.target_field,
        labels=labels,
        columns=columns,
        needs_target=needs_target,
        json_targets=has_json_targets(task),
        rows_at=rows.rows_at,
        limits=rows.limits,
        aside=aside,
        say=say,
    )


def shown_columns(template: TemplateSettings, prompts: Sequence[str]) -> tuple[str, ...]:
    """Columns that every row must have: of the template that the settings name, else of the prompt files' own. Raises
    what reading a prompt file raises."""
    if template.named_template(has_chat_template=True) is not None:
        return template.columns()
    return tuple(dict.fromkeys(slot for prompt in prompts for slot in _slots(prompt)))


def _slots(prompt: str) -> tuple[str, ...]:
    """Columns that the template in a prompt file, or in a run folder's, has slots for; none for a text."""
    if not names_a_path(prompt):
        return ()
    path = Path(prompt)
    file = path / PROMPT_FILE if path.is_dir() else path
    template = prompt_file.read(file).record.template if file.suffix == ENDING and file.exists() else None
    return template.source.columns[1:] if template else ()
