"""The answer in a box, as mathematical solutions end."""

from __future__ import annotations

import re

_BOX = "\\boxed{"
_BRACE = re.compile(r"[{}]")


def boxed(text: str) -> str | None:
    """What stands in the braces of the last `\\boxed{...}`; all that follows where they are never closed."""
    start = text.rfind(_BOX)
    if start < 0:
        return None
    start += len(_BOX)
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[start : brace.start()]
    return text[start:]
