"""How one continues what was stopped."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from embedgrad.errors import Interrupted, OutputError
from embedgrad.jobs.resuming import can_resume
from embedgrad.run.folder import RunFolder


@contextmanager
def told_how_to_resume(folder: RunFolder, verb: str, kept: str) -> Iterator[None]:
    """Adds to an error what was `kept` of the work and how `embedgrad VERB` goes on from it."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted, OutputError) as error:
        if not can_resume(folder):
            raise
        how = f"Continue with: embedgrad {verb} --resume {shlex.quote(str(folder.path))}"
        if isinstance(error, OutputError):
            raise OutputError(f"{error} {how}") from error
        raise Interrupted(f"{str(error) or 'Stopped.'} The {kept} so far is saved. {how}") from None
