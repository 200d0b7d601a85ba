"""Settings: strict models beside the code they steer, read from TOML, flag over file over default.

A settings file is data: it never imports code, and an unknown key is an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from embedgrad.durable import write_file
from embedgrad.errors import FileMissing, SettingsError, did_you_mean
from embedgrad.named_file import read_named

_MOST_BYTES = 1_000_000

MOST = 10**9
BATCH_TOKENS = 8192  # of one forward pass, where nothing else is said
"""Of what is counted: more than any run needs, and far from where a float64 or a machine's integer ends."""
MOST_SEED = 2**63 - 1
_SHOWN = 200  # characters of a wrong value
PositiveCount = Annotated[int, Field(gt=0, le=MOST)]
BatchTokens = Annotated[PositiveCount, Field(description="Most tokens per forward pass; changes memory, not results.")]
Count = Annotated[int, Field(ge=0, le=MOST)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused, values are checked."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _without_nul(cls, value: object) -> object:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("a NUL character is in no path and in no text")
        return value

    @classmethod
    def places(cls) -> Mapping[str, str | None]:
        """Every setting by its name, and the table of a file that it stands in, if any."""
        return dict.fromkeys(cls.model_fields)


S = TypeVar("S", bound=Settings)


def checked(kind: type[S], values: Mapping[str, Any], where: str, name: Callable[[str], str] = str) -> S:
    """`values` as settings of `kind`. Raises SettingsError naming each wrong key, `where` it stands and a near one;
    `name` writes a key as it is written there."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{where}: " + describe(error, kind.places(), name)) from error


_EXPECTED = {"model_type": "Expected a table", "tuple_type": "Expected a list"}  # in a file's words


def describe(error: ValidationError, places: Mapping[str, str | None], name: Callable[[str], str] = str) -> str:
    """Each problem of a failed validation as one sentence, with keys as `name` writes them. `places`: the settings that
    there are, and the table of each."""
    sentences = []
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        detail = problem["msg"].removeprefix("Value error, ")
        if not path:  # of all settings together
            sentences.append(f"{detail}.")
            continue
        table = path.pop(0) if len(path) > 1 and path[0] in places.values() else None
        key, *inside = path or [""]
        if problem["type"] == "extra_forbidden":
            unknown = ".".join(path)
            if table is None and isinstance(problem["input"], dict):
                known = ", ".join(f"[{name}]" for name in dict.fromkeys(places.values()) if name)
                sentences.append(f"there is no table [{key}]; the tables are {known}.")
            elif table is not None and key in places and not inside:
                wanted = f"in [{places[key]}]" if places[key] else "above all tables"
                sentences.append(f"{key} stands {wanted}, not in [{table}].")
            else:
                sentences.append(f"there is no setting {unknown!r}.{did_you_mean(unknown, list(places))}")
        else:
            detail = _EXPECTED.get(problem["type"], detail)
            what = detail[0].lower() + detail[1:]
            where = ".".join([name(key), *inside]) if key else "settings"
            sentences.append(f"{where} is {_shown(problem['input'])}: {what}.")
    return " ".join(sentences)


def _shown(value: object) -> str:
    """A value as Python writes it, a long one cut."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**40:
        return "a number of more than 40 digits"  # Python writes none of more than 4300
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


def read_toml(path: Path) -> dict[str, Any]:
    """The file's values. Raises FileMissing or SettingsError."""
    try:
        return tomllib.loads(read_named(path, _MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise FileMissing(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of thousands of digits, a deep nest
        raise SettingsError(f"{path} is not TOML: {error}.") from error


def write_toml(path: Path, settings: Settings) -> None:
    """All resolved values but the unset ones (TOML has no null), atomically."""
    values = settings.model_dump(mode="json", exclude_none=True)
    try:
        data = tomli_w.dumps(values, multiline_strings=False).encode()
    except UnicodeEncodeError as error:
        before, after = error.object[: error.start], error.object[error.start :]
        line = before.rpartition("\n")[2] + after.partition("\n")[0]
        raise SettingsError(f"A setting is not valid UTF-8 ({line!a}), so it cannot be kept. Rename it.") from error
    write_file(path, data)
