"""The answer in a box, as mathematical solutions end."""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{")
_BRACE = re.compile(r"[{}]")


def boxed(text: str) -> str | None:
    """What stands in the braces of the last `\\boxed{...}`; all that follows where they are never closed."""
    return _last_box(text)[0]


def closed_box(text: str) -> str | None:
    """The same, and None where the braces are never closed."""
    contents, is_closed = _last_box(text)
    return contents if is_closed else None


def _last_box(text: str) -> tuple[str | None, bool]:
    last = None
    for box in _BOX.finditer(text):
        last = box
    if last is None:
        return None, False
    depth = 1
    for brace in _BRACE.finditer(text, last.end()):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[last.end() : brace.start()], True
    return text[last.end() :], False
