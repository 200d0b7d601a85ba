"""Commands to type next, as they work where one is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedgrad.data.fields import choose_fields
from embedgrad.errors import DataError


def rows_command(row: Mapping[str, str], command: Sequence[str]) -> str:
    """`command` with `row` on its standard input, as one types it."""
    text = json.dumps(row, ensure_ascii=False)
    echo = ["printf", "%s\\n"] if "\\" in text else ["echo"]  # some shells' echo reads a backslash
    fields = ["--input-field", "input"] if _is_ambiguous(tuple(row)) else []
    return f"{shlex.join([*echo, text])} | {shlex.join([*command, *fields])}"


def _is_ambiguous(names: tuple[str, ...]) -> bool:
    try:
        return choose_fields("", names, needs_target=False, columns=names).input != "input"
    except DataError:
        return True


def shown_path(path: str) -> str:
    """A path as one would type it here: relative where it lies below the working folder."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
