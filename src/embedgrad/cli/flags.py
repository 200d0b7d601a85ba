"""How settings are written as flags, and laid over a file: flag over file over default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter

from embedgrad.arguments import home_path
from embedgrad.errors import FileMissing, SettingsError
from embedgrad.faces import setting
from embedgrad.named_file import read_named
from embedgrad.prompt.naming import marked_as_text, names_a_path, prompt_text
from embedgrad.settings import Settings, checked, read_toml


@dataclass(frozen=True)
class Typed:
    """Marks a setting that is written differently in a shell than in a file: `read` gives the setting's value."""

    read: Callable[[Any], Any]


COMMA_SEPARATED = Typed(lambda texts: tuple(part.strip() for text in texts for part in text.split(",") if part.strip()))
WITH_ESCAPES = Typed(lambda text: text.replace("\\n", "\n").replace("\\t", "\t"))  # a shell types no newline


def _prompt_from_flag(given: str) -> str:
    """A prompt as the flag gives it: `@FILE` is the file's text, paths become absolute, other texts stay."""
    if given.startswith("@"):
        path = home_path(given[1:])
        try:
            text = read_named(path, TEXT_BYTES).decode("utf-8-sig").rstrip("\r\n")
        except (OSError, ValueError) as error:
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


TEXT_BYTES = 1_000_000  # of a prompt's text in a file; a model's context holds less
PROMPT = Typed(_prompt_from_flag)
PROMPTS = Typed(lambda given: tuple(map(_prompt_from_flag, given)))
RowsFile = Annotated[str | None, Parameter(allow_leading_hyphen=True)]  # `-` is stdin


S = TypeVar("S", bound=Settings)


def merged(flags: S | None, file: Path | None, kind: type[S]) -> S:
    """Flag over file over default. Raises SettingsError, FileMissing."""
    from_file = read_toml(file) if file else {}
    from_flags = {} if flags is None else {name: _typed(flags, name) for name in flags.model_fields_set}
    checked(kind, from_file, str(file))
    return checked(kind, {**from_file, **from_flags}, "command line", setting)


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


def absolute(path: str) -> str:
    """A path as it will still be found from elsewhere; stdin stays `-`."""
    return path if path == "-" else str(home_path(path).absolute())
