"""How settings are written as flags, and laid over a file: flag over file over default.

A flag is a setting by its name; its box in `--help` is its table in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from cyclopts import Group, Parameter
from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo

from embedgrad.arguments import absolute, home_path
from embedgrad.composed import Composed, fields, flattened, tables
from embedgrad.errors import FileMissing, SettingsError
from embedgrad.faces import setting
from embedgrad.named_file import read_named
from embedgrad.prompt.naming import marked_as_text, names_a_path, prompt_text
from embedgrad.settings import Settings, checked, read_toml


def comma_separated(texts: Sequence[str]) -> tuple[str, ...]:
    """`["a, b", "c"]` -> `("a", "b", "c")`."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def with_escapes(text: str) -> str:
    r"""`\n` and `\t` as what they stand for: a shell types no newline."""
    return text.replace("\\n", "\n").replace("\\t", "\t")


def prompt_from_flag(given: str) -> str:
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

# Settings that are written differently in a shell than in a file.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "labels": comma_separated,
    "template": with_escapes,
    "system": with_escapes,
    "stop": lambda texts: tuple(map(with_escapes, texts)),
    "prompt": lambda given: prompt_from_flag(given) if isinstance(given, str) else tuple(map(prompt_from_flag, given)),
}
_IN_FILES_ONLY = ("messages", "accepted", "learning_rate_asked")
_WITHOUT_NEGATIVE = ("allow_mismatch", "by_number", "lines")
_MAY_BE_DASH = ("train", "data")  # stdin


def flags_of(kind: type[Composed]) -> type[BaseModel]:
    """The settings of `kind` as one flat model, which cyclopts shows as flags, a box for each table."""
    boxes = {table: Group(table.capitalize(), sort_key=number) for number, table in enumerate(tables(kind), start=1)}
    flags: dict[str, Any] = {
        name: (Annotated[info.rebuild_annotation(), _parameter(name, info, boxes.get(table or ""))], _field(info))
        for name, (table, info) in fields(kind).items()
    }
    return create_model(f"{kind.__name__}Flags", __base__=Settings, **flags)


def _parameter(name: str, info: FieldInfo, box: Group | None) -> Parameter:
    given: dict[str, Any] = {} if box is None else {"group": box}
    if name in _IN_FILES_ONLY:
        given["parse"] = False
    if name in _WITHOUT_NEGATIVE or _is_many(info.annotation):
        given["negative"] = ()
    if name in _MAY_BE_DASH:
        given["allow_leading_hyphen"] = True
    if info.default == ():
        given["show_default"] = False
    return Parameter(**given)


def _is_many(kind: Any) -> bool:
    return any(get_origin(part) is tuple for part in (kind, *get_args(kind)))


def _field(info: FieldInfo) -> Any:
    return Field(info.default, description=info.description)


C = TypeVar("C", bound=Composed)


def merged(flags: BaseModel | None, file: Path | None, kind: type[C]) -> C:
    """Flag over file over default. Raises SettingsError, FileMissing."""
    from_file = read_toml(file) if file else {}
    from_flags = {} if flags is None else {name: _typed(name, getattr(flags, name)) for name in flags.model_fields_set}
    checked(kind, from_file, str(file))
    return checked(kind, {**flattened(kind, from_file), **from_flags}, "command line", setting)


def _typed(name: str, value: Any) -> Any:
    return _READ[name](value) if name in _READ and value is not None else value
