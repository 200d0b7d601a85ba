"""Whole runs in folders inside another: each by itself as `embedgrad tune` makes it, all of them resumed together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from embedgrad.data.splits import Parts
from embedgrad.jobs.resuming import discarding
from embedgrad.jobs.tune import TuneJob
from embedgrad.jobs.tune_settings import TuneSettings, run_settings
from embedgrad.report.page import write_report
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import REPORT, RESULT, SETTINGS
from embedgrad.run.record import RunRecord, read_run
from embedgrad.settings import write_toml
from embedgrad.watch import Watch
from embedgrad.words import duration_words

if TYPE_CHECKING:
    from embedgrad.model.frozen_model import FrozenModel


@dataclass(frozen=True)
class Inside:
    """A run to be made: its folder's name in the outer one, its settings, its rows."""

    name: str
    settings: TuneSettings
    parts: Parts


def runs_inside(outer: RunFolder, wanted: Sequence[Inside], watch: Watch) -> list[RunRecord]:
    """Each of `wanted`, done or still to do, as its folder tells it. One model serves all; what several would say is
    said once. Raises what `TuneJob.run` raises."""
    said: set[str] = set()

    def note(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            watch.note(sentence)

    told, found = replace(watch, note=note), []
    model: FrozenModel | None = None
    seconds: list[float] = []
    for number, run in enumerate(wanted, start=1):
        path = outer.file(run.name)
        if not (path / RESULT).exists():
            model = model or run.settings.model.loaded(watch)
            left = fmean(seconds) * (len(wanted) - number + 1) if seconds else 0.0
            ahead = f", about {duration_words(left)} left for all" if seconds else ""
            watch.note(f"tuning {number} of {len(wanted)}: {run.name}{ahead}")
            began = time.monotonic()
            with _opened(outer, run) as folder:
                TuneJob(run_settings(folder, TuneSettings), folder, run.parts, model).outcome(told)
            seconds.append(time.monotonic() - began)
        elif not (path / REPORT).exists():  # the result was written, then something stopped the report
            write_report(path)
        found.append(read_run(path))
    return found


@contextmanager
def _opened(outer: RunFolder, run: Inside) -> Iterator[RunFolder]:
    """The run's folder with its settings, made or gone on with; a new one goes again when something fails before there
    is anything to resume."""
    path = outer.file(run.name)
    if (path / SETTINGS).exists():
        with RunFolder.open(path) as folder:
            yield folder
        return
    if path.exists():  # killed right after it was made
        write_toml(path / SETTINGS, run.settings)
    with RunFolder.open(path) if path.exists() else RunFolder.create(path) as folder, discarding(folder):
        write_toml(folder.file(SETTINGS), run.settings)
        yield folder
