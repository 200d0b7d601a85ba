"""What a user's pattern finds in a text, within a limit of time."""

from __future__ import annotations

from functools import lru_cache

from embedgrad.tasks.worker_process import REGEX

_MOST_CHARACTERS = 20_000


def last_capture(pattern: str, text: str) -> str | None:
    """What the last match in the last 20,000 characters holds (group 1, else all of it), without whitespace around it;
    None where there is no match, or none within the time (`took_too_long`)."""
    reply = _reply(pattern, text[-_MOST_CHARACTERS:])
    return None if reply is None or "captured" not in reply else reply["captured"].strip()


def took_too_long(pattern: str, text: str) -> bool:
    """Whether looking for `pattern` in `text` was ended before it found anything."""
    return _reply(pattern, text[-_MOST_CHARACTERS:]) is None


@lru_cache(maxsize=256)  # an answer is read, then asked whether it could be; few targets occur often
def _reply(pattern: str, text: str) -> dict[str, str] | None:
    return REGEX.ask({"pattern": pattern, "text": text})
