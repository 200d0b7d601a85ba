"""A folder for a new job: how tunings, sweeps, seeds and learning curves begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from embedgrad.arguments import home_path
from embedgrad.data.splits import Parts
from embedgrad.jobs.resuming import discarding
from embedgrad.jobs.tune_settings import TuneSettings, keep_stdin
from embedgrad.model.shipped import other_of_that_name
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import SETTINGS
from embedgrad.settings import write_toml
from embedgrad.watch import Watch

Job = TypeVar("Job", bound=TuneSettings)


@contextmanager
def new_folder(
    settings: Job,
    watch: Watch,
    infix: str = "",
    verb: str = "tune",
    completed: Callable[[Job, Parts], Job] = lambda settings, parts: settings,
) -> Iterator[tuple[Job, RunFolder, Parts]]:
    """The settings as they are kept, the folder, which goes again when something fails before there is anything to
    resume, and the rows. What is wrong with the settings and the rows is said before it is made.

    infix      of the folder's default name
    verb       that makes such folders
    completed  the settings with what the rows decide; raises SettingsError

    Raises SettingsError, DataError and its kin, FolderExists, FolderInUse, OutputError.
    """
    if sentence := other_of_that_name(settings.model.model or ""):
        watch.note(sentence)
    settings = settings.resolved()
    parts = None if settings.rows.train == "-" else settings.read_parts(watch.note)
    if parts is not None:
        completed(settings, parts)
    path = home_path(settings.output) if settings.output else settings.default_folder(infix)
    with RunFolder.create(path, verb) as folder, discarding(folder):
        settings = keep_stdin(settings, folder)
        parts = parts or settings.read_parts(watch.note)
        settings = completed(settings, parts).changed(output=None)
        write_toml(folder.file(SETTINGS), settings)
        yield settings, folder, parts
