"""A run's folder when something stops the work before there is anything to resume: it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embedgrad.run.folder import RunFolder
from embedgrad.run.names import CHECKPOINT


@contextmanager
def discarding(folder: RunFolder) -> Iterator[None]:
    """Remove the new run folder again when something fails before there is anything to resume."""
    try:
        yield
    except BaseException:
        if not can_resume(folder):
            folder.discard()
        raise


def can_resume(folder: RunFolder) -> bool:
    """Whether there is a checkpoint, of the tuning or of one that tries a learning rate."""
    return any(folder.file(CHECKPOINT).parent.glob("*.safetensors"))
