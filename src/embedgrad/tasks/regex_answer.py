"""Answers that a user's pattern finds, and what it finds in a text within a limit of time."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from textwrap import shorten
from typing import TYPE_CHECKING

from embedgrad.data.target_form import canonical, target_form
from embedgrad.errors import SettingsError
from embedgrad.faces import setting
from embedgrad.tasks.number_answer import MaybeByNumber
from embedgrad.tasks.worker import ANSWER_SECONDS
from embedgrad.tasks.worker_process import REGEX

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

_MOST_CHARACTERS = 20_000
_MOST_ENDED = 10
_ended: Counter[str] = Counter()
"""How many texts each pattern took too long for, in this process."""


class Regex(MaybeByNumber):
    """What the last match of the task's `pattern` holds (group 1, else all of it) is the target, or what it holds
    there."""

    name = "regex"
    takes = frozenset({"pattern", "by_number"})

    def read_strict(self, task: Task, output: str) -> str | None:
        """See `last_capture`. Thoughts are read, too: what counts is the pattern's to say."""
        return last_capture(task.pattern or "", output)

    def same(self, task: Task, read: str, target: str) -> bool:
        """A target is read by the pattern like an output where it matches (a worked solution), else taken as it is
        (the answer alone)."""
        return read == (self.read_strict(task, canonical(target)) or target_form(target))

    def is_undecided(self, task: Task, read: str | None, target: str, output: str | None) -> bool:
        """Whether the pattern was not found in time in the output or the target."""
        return any(took_too_long(task.pattern or "", text) for text in (output, target) if text is not None)


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
                f"{setting('pattern')} {pattern!r} took longer than {ANSWER_SECONDS:g} s on {_ended[pattern]} texts, "
                f"the last one {last!r}. Repetitions within repetitions, as in (\\w+\\s?)+, can take for ever on a "
                "text that they do not match; write them so that a text can be matched in one way only, as in "
                "(\\w+\\s)*\\w+."
            )
    return reply
