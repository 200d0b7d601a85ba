"""The files of a data set: the names they may have in a folder, and where they were published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedgrad.data.files import KINDS
from embedgrad.data.hub import OriginFile
from embedgrad.errors import DataError, FileMissing
from embedgrad.faces import setting


@dataclass(frozen=True)
class SourceFile:
    """`names` are patterns; the first that some file has counts. `rows_sha256` is the `data_set.digest` of its rows,
    where the published file's own SHA-256 is not known."""

    names: tuple[str, ...]
    origin: OriginFile | None = None
    rows_sha256: str | None = None


def local_files(data: Path, name: str, title: str, files: Mapping[str, SourceFile]) -> dict[str, Path]:
    """The file of each part that is in the folder `data`, or in the folder `name` there. A file `data` is the part
    that its name tells, else the first. Raises FileMissing, and DataError where several files may be meant."""
    if not data.exists():
        raise FileMissing(f"{setting('data')} {data} is not there.")
    if data.is_file():
        named = [part for part, file in files.items() if any(map(data.match, file.names))]
        return {(named or list(files))[0]: data}
    found = {part: path for part, file in files.items() if (path := _only(data, name, f"{title}'s {part} rows", file))}
    if not found:
        raise FileMissing(f"{data} has no file of {title}. {expected(files)}")
    return found


def expected(files: Mapping[str, SourceFile]) -> str:
    """Which names are looked for, in a sentence."""
    return f"Expected {'; '.join(f'{part}: ' + ' or '.join(file.names) for part, file in files.items())}."


def _only(data: Path, name: str, what: str, file: SourceFile) -> Path | None:
    for folder in (data / name, data):
        for pattern in file.names:
            paths = sorted(path for path in folder.glob(pattern) if path.suffix in KINDS and path.is_file())
            if len(paths) > 1:
                raise DataError(
                    f"{folder} has several files that may be {what}: {', '.join(path.name for path in paths)}. "
                    "Leave one of them there."
                )
            if paths:
                return paths[0]
    return None
