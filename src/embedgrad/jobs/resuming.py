"""What happens to a run's folder when something stops the work: it goes, or one is told how to continue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embedgrad.errors import Interrupted, OutputError
from embedgrad.faces import command
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import CHECKPOINT


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
    try:
        yield
    except (KeyboardInterrupt, Interrupted, OutputError) as error:
        if not _can_resume(folder):
            raise
        how = f"Continue with: {command(verb, resume=str(folder.path)).strip('`')}"
        if isinstance(error, OutputError):
            raise OutputError(f"{error} {how}") from error
        stopped = Interrupted(f"{str(error) or 'Stopped.'} The {kept} so far is saved. {how}")
        stopped.prompt = getattr(error, "prompt", None)
        raise stopped from None


def _can_resume(folder: RunFolder) -> bool:
    """Whether there is a checkpoint: of the tuning, of a short run that something is chosen by, or of a run inside."""
    return any(folder.path.rglob(f"{CHECKPOINT.parent}/*.safetensors"))
