"""How a person writes a setting: `target_field="COLUMN"` in Python, `--target-field COLUMN` on the command line.

What is below the command line names settings through here and writes no flags (tests/invariants/test_no_flags.py);
report/ is a face of its own, whose pages recommend commands. The face is Python, except inside `on_command_line`.
Trap: it belongs to a context (contextvars), which a new thread does not take over.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import EllipsisType
from typing import Literal

Value = str | float | EllipsisType

_has_flags: ContextVar[bool] = ContextVar("has_flags", default=False)

_NAMES_IN_PYTHON = {
    "max_file_megabytes": "limits.file_bytes",
    "max_row_characters": "limits.row_characters",
    "max_rows": "limits.rows",
    "start": "kind",
}


@contextmanager
def on_command_line() -> Iterator[None]:
    """Settings are flags meanwhile."""
    before = _has_flags.set(True)
    try:
        yield
    finally:
        _has_flags.reset(before)


def by_face(python: str, command_line: str) -> str:
    """What to say where the faces have different ways, and not just different spellings."""
    return command_line if _has_flags.get() else python


def setting(name: str, value: Value | None = None, *, of: str | None = None) -> str:
    """The setting `name` as one gives it, by itself or with a `value`; `...` is one that is the person's to say.

    of  the public function that takes it in Python, where another may have been called:
        `eg.load_model(..., dtype="float32")`, `encoding of eg.load_examples`
    """
    return by_face(_in_python(name, value, of), _flag(name, value))


def template(content: str, layout: Literal["chat", "text"] = "chat") -> str:
    """A template as one gives it."""
    typed = '"' + content.replace("\n", "\\n") + '"'
    flags = f"--template {typed}" + (" --layout text" if layout == "text" else "")
    return by_face(f"template=eg.Template.{layout}({typed})", flags)


def command(verb: str, *words: object, **settings: Value) -> str:
    """A command for a terminal, where nothing else will do: `embedgrad tune --resume runs/reviews`."""
    given = (*(shlex.quote(str(word)) for word in words), *(_flag(name, value) for name, value in settings.items()))
    return f"`{' '.join(['embedgrad', verb, *given])}`"


def _in_python(name: str, value: Value | None, of: str | None) -> str:
    known = _NAMES_IN_PYTHON.get(name, name)
    if value is None:
        return f"{known} of eg.{of}" if of else known
    given = f"eg.Task({_literal(value)})" if name == "task" else _literal(value)
    return f"eg.{of}(..., {known}={given})" if of else f"{known}={given}"


def _literal(value: Value) -> str:
    if value is ...:
        return "..."
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _flag(name: str, value: Value | None) -> str:
    flag = f"--{name.replace('_', '-')}"
    if value is None or value is True or value is ...:
        return flag
    word = str(value)
    quoted = shlex.quote(word)
    is_sign = quoted == word and not any(map(str.isalnum, word))
    return f"{flag} '{word}'" if is_sign else f"{flag} {quoted}"  # a lone sign is easily overseen
