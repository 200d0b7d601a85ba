"""Flags that several verbs share, as settings: a flag is a field, a settings file has the same keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import Parameter
from pydantic import Field

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples
from embedgrad.errors import FileMissing, SettingsError
from embedgrad.evaluation.settings import EvaluationSettings
from embedgrad.prompt.naming import marked_as_text, names_a_path, prompt_text
from embedgrad.settings import Settings, checked, read_toml
from embedgrad.template.template import Message, Template


@dataclass(frozen=True)
class Typed:
    """Marks a setting that is written differently in a shell than in a file: `read` gives the setting's value."""

    read: Callable[[Any], Any]


COMMA_SEPARATED = Typed(lambda texts: tuple(part.strip() for text in texts for part in text.split(",") if part.strip()))
WITH_ESCAPES = Typed(lambda text: text.replace("\\n", "\n").replace("\\t", "\t"))  # a shell types no newline


def _prompt_from_flag(given: str) -> str:
    """A prompt as the flag gives it: `@FILE` is the file's text, paths become absolute, other texts stay."""
    if given.startswith("@"):
        path = Path(given[1:]).expanduser()
        try:
            text = path.read_text(encoding="utf-8-sig").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise FileMissing(
                f"The prompt {given!r} names a file because of its @, and that cannot be read: {error}."
            ) from error
        given = marked_as_text(text)
    if not given.isascii() and any("\ud800" <= character <= "\udfff" for character in given):
        raise SettingsError(
            f"The prompt {given!a} is not valid UTF-8. Set a UTF-8 locale, or put it into a file: @FILE."
        )
    if names_a_path(given):
        return absolute(given)
    prompt_text(given)  # what is wrong with it is told before a model is loaded
    return given


PROMPT = Typed(_prompt_from_flag)
PROMPTS = Typed(lambda given: tuple(map(_prompt_from_flag, given)))
RowsFile = Annotated[str | None, Parameter(allow_leading_hyphen=True)]  # `-` is stdin


class ModelSettings(Settings):
    model: str | None = Field(None, description="Base model: a folder, or a name on the Hugging Face Hub.")
    revision: str | None = Field(None, description="Commit, branch or tag of the model on the Hub.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="auto is bfloat16 where the GPU or processor computes it natively, else float32.",
    )
    device: str = Field("auto", description="cpu, cuda, cuda:1; auto is the first GPU, else the CPU.")


class TemplateSettings(Settings):
    template: Annotated[str | None, WITH_ESCAPES] = Field(
        None,
        description=r'Where the prompt and the input stand, for example "{prompt}\n\n{input}" (\n is a newline).',
    )
    system: Annotated[str | None, WITH_ESCAPES] = Field(
        None, description="System message in front of the template; it may hold {prompt} instead."
    )
    layout: Literal["auto", "chat", "text"] = Field(
        "auto", description="Chat message or plain text; auto is chat where the model has a chat template."
    )
    messages: Annotated[tuple[Message, ...] | None, Parameter(parse=False)] = Field(
        None, description="Chat messages instead of --template (settings file only)."
    )
    special_tokens_in_rows: bool | None = Field(
        None,
        description="Whether special tokens that rows write out are these tokens for the model; default the prompt "
        "file's own, else no: they are text.",
    )
    allow_mismatch: Annotated[bool, Parameter(negative=())] = Field(
        False, description="Use a prompt file on another base model than its own."
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
    input_field: str | None = Field(None, description="Column that holds the input, where it is not recognised.")
    target_field: str | None = Field(None, description="Column that holds the wanted answer.")


def load_rows(
    source: str,
    rows: RowSettings,
    columns: Sequence[str],
    labels: Sequence[str] | None,
    needs_target: bool = True,
) -> list[Example]:
    """The rows of a file (or `-`), as the flags describe them."""
    return load_examples(
        source,
        input_field=rows.input_field,
        target_field=rows.target_field,
        labels=labels,
        columns=columns,
        needs_target=needs_target,
    )


class JudgingSettings(EvaluationSettings):
    labels: Annotated[tuple[str, ...] | None, COMMA_SEPARATED, Parameter(negative=())] = Field(
        None, description="The labels, comma-separated; rows with others are errors."
    )
    accepted: Annotated[dict[str, tuple[str, ...]] | None, Parameter(parse=False)] = Field(
        None,
        description="Other words that mean a label or a short answer, for reading by meaning (settings file only).",
    )
    by_number: Annotated[bool, Parameter(negative=())] = Field(
        False, description="Exact and regex answers are right by meaning if their last number is the target's."
    )


S = TypeVar("S", bound=Settings)


def merged(flags: S | None, file: Path | None, kind: type[S]) -> S:
    """Flag over file over default. Raises SettingsError, FileMissing."""
    from_file = read_toml(file) if file else {}
    from_flags = {} if flags is None else {name: _typed(flags, name) for name in flags.model_fields_set}
    checked(kind, from_file, str(file))
    return checked(kind, {**from_file, **from_flags}, "command line")


def _typed(flags: Settings, name: str) -> Any:
    value = getattr(flags, name)
    for mark in type(flags).model_fields[name].metadata:
        if isinstance(mark, Typed) and value is not None:
            value = mark.read(value)
    return value


def required(settings: Settings, *names: str) -> None:
    """Raises SettingsError for a setting that has no default and was not given."""
    missing = [f"--{name.replace('_', '-')}" for name in names if not getattr(settings, name)]
    if missing:
        raise SettingsError(f"{' and '.join(missing)} must be given, as a flag or in a --settings file. See --help.")


def shown_path(path: str) -> str:
    """A path as one would type it here: relative where it lies below the working folder."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def absolute(path: str) -> str:
    """A path as it will still be found from elsewhere; stdin stays `-`."""
    return path if path == "-" else str(Path(path).expanduser().absolute())
