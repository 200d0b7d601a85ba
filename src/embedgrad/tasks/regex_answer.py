"""What a user's pattern finds in a text, within a limit of time."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from textwrap import shorten

from embedgrad.errors import SettingsError
from embedgrad.tasks.worker import ANSWER_SECONDS
from embedgrad.tasks.worker_process import REGEX

_MOST_CHARACTERS = 20_000
_MOST_ENDED = 10
_ended: Counter[str] = Counter()
"""How many texts each pattern took too long for, in this process."""


def last_capture(pattern: str, text: str) -> str | None:
    """What the last match in the last 20,000 characters holds (group 1, else all of it), without whitespace around it;
    None where there is no match, or none within the time (`took_too_long`).

    Raises SettingsError at the tenth text that takes too long: hundreds of them would be an hour for a score that says
    nothing.
    """
    reply = _reply(pattern, text[-_MOST_CHARACTERS:])
    return None if reply is None or "captured" not in reply else reply["captured"].strip()


def took_too_long(pattern: str, text: str) -> bool:
    """Whether looking for `pattern` in `text` was ended before it found anything. Raises as `last_capture` does."""
    return _reply(pattern, text[-_MOST_CHARACTERS:]) is None


@lru_cache(maxsize=256)  # an answer is read, then asked whether it could be; few targets occur often
def _reply(pattern: str, text: str) -> dict[str, str] | None:
    reply = REGEX.ask({"pattern": pattern, "text": text})
    if reply is None:
        _ended[pattern] += 1
        if _ended[pattern] >= _MOST_ENDED:
            last = shorten(text, 60, placeholder=" ...")
            raise SettingsError(
                f"--pattern {pattern!r} took longer than {ANSWER_SECONDS:g} s on {_ended[pattern]} texts, the last one "
                f"{last!r}. Repetitions within repetitions, as in (\\w+\\s?)+, can take for ever on a text that they "
                "do not match; write them so that a text can be matched in one way only, as in (\\w+\\s)*\\w+."
            )
    return reply
