"""Our docstrings as Markdown, for the site's page of the API: an extension of griffe that zensical.toml names.

Columns become a definition list; "Raises", "Errors" and "Source" begin a paragraph of their own, in bold.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_COLUMNS = re.compile(r"(?P<names>\w[\w., ]*?)  +(?P<what>.+)")
_LEAD = re.compile(r"\n*^(?P<word>Raises|Errors|Source)(?P<colon>:?)(?= )", re.MULTILINE)


class Columns(Extension):
    """Rewrites every docstring before it is rendered."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """`docstring`, without its indentation, in Markdown."""
    led = _LEAD.sub(r"\n\n**\g<word>**\g<colon>", docstring.strip())
    return "\n\n".join(map(_block, re.split(r"\n\s*\n", led)))


def _block(text: str) -> str:
    """A definition list of a block whose lines are columns or go on the line above; any other as it is."""
    entries: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if found := _COLUMNS.fullmatch(line):
            entries.append((found["names"], [found["what"]]))
        elif entries and line.startswith("  "):
            entries[-1][1].append(line.strip())
        else:
            return text
    return "\n\n".join(f"{_code(names)}\n:   {' '.join(what)}" for names, what in entries)


def _code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))
