"""Files for the tests of the readers."""

from __future__ import annotations

from pathlib import Path

from embedgrad.data.example import Example
from embedgrad.data.sources import load_examples


def read(folder: Path, name: str, content: str | bytes, **options) -> tuple[list[Example], list[str]]:
    """The rows of a file with that content, and what was said of it; the file is called by its name alone."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said: list[str] = []
    rows = load_examples(path, say=lambda sentence: said.append(sentence.replace(str(path), name)), **options)
    return rows, said


def pairs(rows: list[Example]) -> list[tuple[int, str, str | None]]:
    return [(row.line, row.input, row.target) for row in rows]
