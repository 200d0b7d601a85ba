"""What happens to a run's folder when something stops the work: it goes, or one is told how to continue."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from embedgrad.errors import Interrupted, NonFiniteLoss, OutputError
from embedgrad.runs import CHECKPOINT, PROMPT, RunFolder


@contextmanager
def discarding(folder: RunFolder) -> Iterator[None]:
    """Remove the new run folder again when something fails before there is anything to resume."""
    try:
        yield
    except BaseException:
        if not _can_resume(folder):
            folder.discard()
        raise


@contextmanager
def told_how_to_resume(folder: RunFolder, verb: str, kept: str) -> Iterator[None]:
    """Adds to an error what was `kept` of the work and how `embedgrad VERB` goes on from it."""
    from embedgrad.prompt.soft_prompt import SoftPrompt

    try:
        yield
    except NonFiniteLoss as error:
        if not isinstance(error.prompt, SoftPrompt):
            raise
        error.prompt.save(folder.file(PROMPT))
        raise NonFiniteLoss(f"{error} The best prompt so far is in {folder.file(PROMPT)}.") from error
    except (KeyboardInterrupt, Interrupted, OutputError) as error:
        if not _can_resume(folder):
            raise
        how = f"Continue with: embedgrad {verb} --resume {shlex.quote(str(folder.path))}"
        if isinstance(error, OutputError):
            raise OutputError(f"{error} {how}") from error
        raise Interrupted(f"{str(error) or 'Stopped.'} The {kept} so far is saved. {how}") from None


def _can_resume(folder: RunFolder) -> bool:
    """Whether there is a checkpoint, of the tuning or of one that tries a learning rate."""
    return any(folder.file(CHECKPOINT).parent.glob("*.safetensors"))
