"""Who listens while something long runs: a progress bar, a metrics file, a notebook. The work itself never prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from embedgrad.events import Event, Listener, Progress, Say, Underway

if TYPE_CHECKING:
    from torch import Tensor

Snapshot = Callable[[int, "Tensor"], None]  # step, prompt [P, D]


class Update(Protocol):
    """How far a stage has come, of its total, and a few words on where it is."""

    def __call__(self, done: int, detail: str = "") -> None: ...


class Stage(Protocol):
    """Begins something long; `total` 0 where its end cannot be foreseen, `done` what was done in an earlier session."""

    def __call__(self, what: str, total: int = 0, done: int = 0) -> AbstractContextManager[Update]: ...


def _ignore_event(event: Event | Underway) -> None: ...


def _ignore_note(sentence: str) -> None: ...


def _ignore_progress(done: int, total: int) -> None: ...


def _ignore_snapshot(step: int, embeddings: Tensor) -> None: ...


def _nothing() -> None: ...


@contextmanager
def _unseen(what: str, total: int = 0, done: int = 0) -> Iterator[Update]:
    yield lambda done, detail="": None


def counted_up(progress: Progress, total: int) -> Callable[[int], None]:
    """A function to call with how much more is done; `progress` is told how much that is in all."""
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return count


@dataclass(frozen=True)
class Watch:
    """Callables, each told of one kind of thing; by default nobody listens.

    event        optimizer steps and validations, and how far a validation or a calibration has come
    note         a sentence worth knowing: what was left out, which path was chosen, what to beware of
    progress     (done, total) of work whose parts are alike, such as rows to answer
    snapshot     (step, prompt [P, D]) at every validation, the start included
    before_save  called before each checkpoint is written, so that what it refers to is on disk first
    stage        a job's stages: loading, tuning, evaluating; each is entered, updated and left
    """

    event: Listener = _ignore_event
    note: Say = _ignore_note
    progress: Progress = _ignore_progress
    snapshot: Snapshot = _ignore_snapshot
    before_save: Callable[[], None] = _nothing
    stage: Stage = _unseen
