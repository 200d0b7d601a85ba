"""Flags that several verbs share, as settings: a flag is a field, a settings file has the same keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, JsonValue, PositiveInt, field_validator

from embedgrad import runs
from embedgrad.cli.flags import COMMA_SEPARATED, WITH_ESCAPES
from embedgrad.data.decoding import encoding_problem
from embedgrad.data.example import Example
from embedgrad.data.records import LIMITS, Limits
from embedgrad.data.sources import load_examples
from embedgrad.errors import SettingsError
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.settings import EvaluationSettings
from embedgrad.events import Say
from embedgrad.prompt import file as prompt_file
from embedgrad.prompt.naming import ENDING, names_a_path
from embedgrad.settings import BATCH_TOKENS, Settings
from embedgrad.tasks.kinds import has_json_targets
from embedgrad.tasks.task import Task
from embedgrad.template.template import Message, Template

if TYPE_CHECKING:
    from embedgrad.model.frozen_model import FrozenModel


class ModelSettings(Settings):
    model: str | None = Field(None, description="Base model: a folder, or a name on the Hugging Face Hub.")
    revision: str | None = Field(None, description="Commit, branch or tag of the model on the Hub.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="auto is bfloat16 if the GPU or processor supports it natively, else float32.",
    )
    device: str = Field("auto", description="cpu, cuda, cuda:1; auto is the first GPU, else the CPU.")
    chat_template: str | None = Field(
        None, description="Which of the model's chat templates to use, if it has several."
    )
    template_argument: Annotated[tuple[str, ...] | None, Parameter(negative=())] = Field(
        None,
        description="NAME=VALUE for the chat template, such as enable_thinking=false (JSON, else text); repeatable.",
    )

    @field_validator("template_argument")
    @classmethod
    def _named_once(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        read_arguments(given or ())
        return given

    def load(self, say: Callable[[str], None]) -> FrozenModel:
        """The base model, with the chat template that its prompts are placed with. Raises what `load_model` raises."""
        from embedgrad.model.load import load_model

        return load_model(
            self.model or "",
            self.dtype,
            self.device,
            self.revision,
            chat_template=self.chat_template,
            template_arguments=read_arguments(self.template_argument or ()),
            say=say,
        )


def read_arguments(given: Sequence[str]) -> dict[str, JsonValue]:
    """`["enable_thinking=false", "date=1 May"]` -> `{"enable_thinking": False, "date": "1 May"}`. Raises ValueError."""
    found: dict[str, JsonValue] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"{text!r} is no NAME=VALUE")
        if name in found:
            raise ValueError(f"{name!r} is given twice")
        found[name] = _json_or_text(value)
    return found


def _json_or_text(value: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return value
    return found


def _no_number(word: str) -> JsonValue:
    raise ValueError(f"{word} is no JSON")


class TemplateSettings(Settings):
    template: Annotated[str | None, WITH_ESCAPES] = Field(
        None,
        description=r'Where prompt and input go, for example "{prompt}\n\n{input}" (\n is a newline).',
    )
    system: Annotated[str | None, WITH_ESCAPES] = Field(
        None, description="System message before the template; it may contain {prompt} instead."
    )
    layout: Literal["auto", "chat", "text"] = Field(
        "auto", description="Chat message or plain text; auto is chat if the model has a chat template."
    )
    messages: Annotated[tuple[Message, ...] | None, Parameter(parse=False)] = Field(
        None, description="Chat messages instead of --template (settings file only)."
    )
    special_tokens_in_rows: bool | None = Field(
        None,
        description="Treat special tokens written out in rows as special tokens; default: as in the prompt file, else "
        "no (they are text).",
    )
    allow_mismatch: Annotated[bool, Parameter(negative=())] = Field(
        False, description="Use a prompt file with a base model other than its own."
    )

    def named_template(self, has_chat_template: bool) -> Template | None:
        """The template these settings name; None where they leave it to the prompt or the model."""
        if self.messages is not None:
            if self.template or self.system:
                raise SettingsError("messages and template/system exclude each other: both place the prompt.")
            return Template.messages([m.model_dump() for m in self.messages])
        if self.template is None and self.system is None and self.layout == "auto":
            return None
        is_chat = has_chat_template or self.system is not None if self.layout == "auto" else self.layout == "chat"
        content = self.template or self._default_content(is_chat)
        if not is_chat:
            if self.system is not None:
                raise SettingsError("--system needs --layout chat: plain text has no system message.")
            return Template.text(content)
        if self.system is None:
            return Template.chat(content)
        return Template.messages([{"role": "system", "content": self.system}, {"role": "user", "content": content}])

    def _default_content(self, is_chat: bool) -> str:
        if self.system is not None and "{prompt}" in self.system:
            return "{input}"
        return "{prompt}\n\n{input}" if is_chat else "{prompt}\n{input}\n"

    def columns(self) -> tuple[str, ...]:
        """Columns that every row must have, known before any model is loaded."""
        named = self.named_template(has_chat_template=True)
        return named.columns[1:] if named else ()


class RowSettings(Settings):
    encoding: str | None = Field(
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

    @field_validator("encoding")
    @classmethod
    def _known(cls, given: str | None) -> str | None:
        if given is not None and (problem := encoding_problem(given)):
            raise ValueError(problem)
        return given

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


def shown_columns(job: TemplateSettings, prompts: Sequence[str]) -> tuple[str, ...]:
    """Columns that every row must have: of the template that the settings name, else of the prompt files' own. Raises
    what reading a prompt file raises."""
    if job.named_template(has_chat_template=True) is not None:
        return job.columns()
    return tuple(dict.fromkeys(slot for prompt in prompts for slot in _slots(prompt)))


def _slots(prompt: str) -> tuple[str, ...]:
    """Columns that the template in a prompt file, or in a run folder's, has slots for; none for a text."""
    if not names_a_path(prompt):
        return ()
    path = Path(prompt)
    file = path / runs.PROMPT if path.is_dir() else path
    template = prompt_file.read(file).record.template if file.suffix == ENDING and file.exists() else None
    return template.source.columns[1:] if template else ()


class JudgingSettings(EvaluationSettings):
    labels: Annotated[tuple[str, ...] | None, COMMA_SEPARATED, Parameter(negative=())] = Field(
        None, description="The labels, comma-separated; a row with any other label is an error."
    )
    accepted: Annotated[dict[str, tuple[str, ...]] | None, Parameter(parse=False)] = Field(
        None,
        description="Other forms of a label or short answer, used when reading by meaning (settings file only).",
    )
    by_number: Annotated[bool, Parameter(negative=())] = Field(
        False, description="By meaning, an exact or regex answer is right if its last number equals the target's."
    )

    def judging(self, task: Task, batch_tokens: int = BATCH_TOKENS, group_by: str | None = None) -> Judging:
        """These settings as the judge takes them, for what a right answer is found to be."""
        return Judging(task, self.score_by, self.max_new_tokens, self.overlong, batch_tokens, group_by)
