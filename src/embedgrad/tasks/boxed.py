"""The answer in a box, as mathematical solutions end."""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{")
_OR = re.compile(r"[\s$*)\].\\]*(?:(?:,|;|/|or|and|oder|und|或|和)[\s$*(\[\\]*){1,2}")
_BRACE = re.compile(r"[{}]")


def boxed(text: str) -> str | None:
    """What stands in the braces of the last `\\boxed{...}`; all that follows where they are never closed. Boxes that
    "or", "and" or a comma join are one answer, `5, 6`."""
    return _last_box(text)[0]


def closed_box(text: str) -> str | None:
    """The same, and None where the braces are never closed."""
    contents, is_closed = _last_box(text)
    return contents if is_closed else None


def _last_box(text: str) -> tuple[str | None, bool]:
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None, False
    last, is_closed, _ = _box(text, boxes[-1], len(text))
    contents = [last]
    for box, following in zip(reversed(boxes[:-1]), reversed(boxes), strict=False):
        earlier, earlier_is_closed, stop = _box(text, box, following.start())
        if not earlier_is_closed or not _OR.fullmatch(text, stop, following.start()):
            break
        contents.append(earlier)
    return ", ".join(dict.fromkeys(reversed(contents))), is_closed


def _box(text: str, box: re.Match[str], end: int) -> tuple[str, bool, int]:
    """What a box holds up to `end`, whether it is closed by then, and where."""
    depth = 1
    for brace in _BRACE.finditer(text, box.end(), end):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[box.end() : brace.start()], True, brace.end()
    return text[box.end() : end], False, end
