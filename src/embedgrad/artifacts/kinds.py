"""The kinds of artifacts, and the file of any of them."""

from __future__ import annotations

import json
from pathlib import Path

from embedgrad.arguments import path as check_path
from embedgrad.artifacts.artifact import Artifact
from embedgrad.artifacts.text import Text
from embedgrad.errors import BadPromptFile
from embedgrad.prompt.container import parse_header
from embedgrad.prompt.file import read_bytes
from embedgrad.prompt.sealed import record_text
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.strict_json import MalformedError, shown

KINDS: dict[str, type[Artifact]] = {SoftPrompt.kind: SoftPrompt, Text.kind: Text}
"""By the name in their files. A new kind is a class like `Artifact` in a file of its own, and a line here."""


def load(path: str | Path) -> Artifact:
    """The artifact in a file, of the kind that it names. Raises FileMissing, BadPromptFile, UnknownVersion."""
    check_path("path", path)
    kind = _kind(read_bytes(Path(path)))
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadPromptFile(
            f"{path} holds an artifact of the kind {shown(kind)}; this embedgrad knows {', '.join(KINDS)}. "
            "Update it: pip install --upgrade embedgrad"
        )
    return KINDS[kind].load(path)


def _kind(data: bytes) -> object:
    """A prompt file names none; what cannot be read is taken for one, whose reader says what is wrong."""
    try:
        text, _ = record_text(parse_header(data)[0])
    except (MalformedError, RecursionError):
        return SoftPrompt.kind
    return json.loads(text).get("kind", SoftPrompt.kind)
