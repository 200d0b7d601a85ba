"""What a run tells that may not be the one that goes on: kept, and told once it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from embedgrad.durable import make_folder
from embedgrad.events import Event, Underway
from embedgrad.run.metrics import MetricsFile, read_events
from embedgrad.run.names import METRICS
from embedgrad.tuning.state import saved_record
from embedgrad.tuning.trajectory import read_trajectory, write_snapshot
from embedgrad.watch import Watch


@dataclass
class Recording:
    """Steps, validations and snapshots of one run; with a `folder` in files there, so that a resumed run has those of
    before, else in memory."""

    folder: Path | None = None
    events: list[Event] = field(default_factory=list)
    snapshots: list[tuple[int, Tensor]] = field(default_factory=list)

    @contextmanager
    def listening(self, watch: Watch, checkpoint: Path | None) -> Iterator[Watch]:
        """A Watch for the run whose checkpoint that is; what is only underway goes on to `watch`. Raises
        CannotResume."""
        folder = self.folder
        if folder is not None:
            make_folder(folder)
        saved = None if checkpoint is None else saved_record(checkpoint)
        validated = [] if saved is None else [step for step, _, _ in saved.validations]
        with (
            nullcontext()
            if folder is None
            else MetricsFile(folder / METRICS, -1 if saved is None else saved.step, validated)
        ) as file:

            def heard(event: Event | Underway) -> None:
                watch.event(event)
                if isinstance(event, Event):
                    if file is None:
                        self.events.append(event)
                    else:
                        file.append(event)

            def snapshot(step: int, embeddings: Tensor) -> None:
                if folder is None:
                    self.snapshots.append((step, embeddings.detach().clone()))
                else:
                    write_snapshot(folder, step, embeddings)

            def before_save() -> None:
                if file is not None:
                    file.sync()

            yield replace(watch, event=heard, snapshot=snapshot, before_save=before_save)

    def tell(self, watch: Watch, total_steps: int) -> None:
        """All of it, in order, to `watch`."""
        folder = self.folder
        for step, embeddings in self.snapshots if folder is None else read_trajectory(folder):
            watch.snapshot(step, embeddings)
        for event in self.events if folder is None else read_events(folder / METRICS, total_steps):
            watch.event(event)
