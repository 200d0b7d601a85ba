"""Files that embedgrad wrote, read back and checked: each problem is told with its place and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from embedgrad.errors import EmbedgradError
from embedgrad.json_shape import Shape
from embedgrad.named_file import read_named
from embedgrad.strict_json import MalformedError, shown, unsealed_json

REPEAT_RUN = "It was damaged or changed: restore it or repeat the run."

Parsed = TypeVar("Parsed")


class Stored(Shape):
    """A whole JSON file. One without a `format_version`, as embedgrad wrote them before there was one, is of version 1.
    The lines of `metrics.jsonl` and `predictions.jsonl` are of the version that their run's `result.json` has."""

    format_version: Literal[1] = 1


Kind = TypeVar("Kind", bound=Stored)


def parsed_file(path: Path, content: bytes, kind: TypeAdapter[Parsed], advice: str = REPEAT_RUN) -> tuple[Parsed, bool]:
    """A whole JSON file of `kind`, and whether it carried a `content_sha256`, which then fits. Raises EmbedgradError
    that says that it was altered, or names the first wrong key."""
    try:
        said, is_sealed = unsealed_json(content)
    except MalformedError as error:
        raise broken(str(path), str(error), advice) from error
    return parsed(path, said, kind, advice=advice), is_sealed


def parsed(
    path: Path, content: bytes, kind: TypeAdapter[Parsed], *, line: int | None = None, advice: str = REPEAT_RUN
) -> Parsed:
    """`content` as JSON of `kind`. Raises EmbedgradError that names the first wrong key."""
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        check_version(path, error)
        key = ".".join(str(part) for part in first["loc"])
        where = f"{path}, line {line}" if line else str(path)
        raise broken(where, f"{key}: {first['msg']}" if key else first["msg"], advice) from error


def read_if_any(path: Path, kind: type[Kind], advice: str = REPEAT_RUN) -> Kind | None:
    """A whole JSON file of `kind`, None where there is no such file. Raises EmbedgradError."""
    content = content_if_any(path, advice)
    return None if content is None else parsed_file(path, content, TypeAdapter(kind), advice)[0]


def check_version(path: Path, error: ValidationError) -> None:
    """Raises EmbedgradError where the file's format version is all that is wrong, or among it."""
    for problem in error.errors(include_url=False):
        if problem["loc"] == ("format_version",):
            raise EmbedgradError(
                f"{path} has the format version {shown(problem['input'])}; this embedgrad reads version 1. "
                "Use the embedgrad that wrote it."
            ) from error


def broken(where: str, problem: str, advice: str = REPEAT_RUN) -> EmbedgradError:
    """The error for a file that says something else than embedgrad writes."""
    return EmbedgradError(f"{where} is not what embedgrad writes: {problem}. {advice}")


def content_if_any(path: Path, advice: str = REPEAT_RUN) -> bytes | None:
    """The file's bytes, None where there is no such file. Raises EmbedgradError."""
    try:
        return read_named(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # no file can be called that
            return None
        raise unreadable(path, error, advice) from error


def unreadable(path: Path, error: OSError, advice: str = REPEAT_RUN) -> EmbedgradError:
    """The error for a file that is there and cannot be read; `advice` is for one that is none of embedgrad's."""
    is_ours = error.errno in (errno.EACCES, errno.EPERM)
    return EmbedgradError(
        f"Could not read {path}: {error.strerror or error}. {'Check its permissions.' if is_ours else advice}"
    )


def numbered_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, counted from 1 as an editor does."""
    return ((number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip())
