"""The documents of this repository and the blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and why it is not run (None: it is)."""

    kind: str
    code: str
    reason: str | None
    line: int


def blocks(document: Path) -> list[Block]:
    """The document's blocks of code, in order; `text` blocks are output and left out."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(found["kind"], found["code"], found["reason"], text.count("\n", 0, found.start("code")))
        for found in _BLOCK.finditer(text)
        if found["kind"] != "text"
    ]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
