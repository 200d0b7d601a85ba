"""A look into a finished run: the analyses of its prompt, written into its folder and its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.analysis import Record
from embedgrad.analysis.reading.contrast import load_concept
from embedgrad.analysis.records import read_records
from embedgrad.durable import make_folder
from embedgrad.errors import DataError, Interrupted, ModelError, PromptError, UsageError, did_you_mean
from embedgrad.faces import setting
from embedgrad.jobs.missing import missing
from embedgrad.jobs.tune_settings import TuneSettings, run_settings
from embedgrad.report.page import write_report
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import ANALYSIS, PROMPT_FILE, SPLIT, TRAJECTORY
from embedgrad.run.record import read_run
from embedgrad.run.split import check_split
from embedgrad.watch import Watch

if TYPE_CHECKING:
    from embedgrad.analysis.study import Study

ROWS_LOOKED_AT = 100


@dataclass(frozen=True)
class Analyzed:
    """What the analyses found, by their names, and why others are left out."""

    records: Mapping[str, Record]
    left_out: Mapping[str, str]


Told = Callable[[str, Record | str], None]  # an analysis, what it found or why it is left out


@dataclass(frozen=True)
class AnalyzeJob:
    """Analyses of a finished run.

    names     of the analyses, in order
    rows      how many test rows to look at, spread evenly
    concepts  contrast pairs for reading, instead of those that ship
    other     prompt file of equal length to blend with, instead of the start
    """

    folder: RunFolder
    names: Sequence[str] = field(default_factory=lambda: tuple(ANALYSES))
    rows: int = ROWS_LOOKED_AT
    concepts: Path | None = None
    other: str | None = None

    def run(self, watch: Watch = Watch(), tell: Told = lambda name, found: None) -> Analyzed:
        """Load the run's model and do the analyses. Raises what `analyzed` raises, and what reading the run does."""
        read_run(self.folder.path)  # whether it is finished and whole is said before the model loads
        read_records(self.folder.path)
        for sentence in missing():
            watch.note(sentence)
        return self.analyzed(self._study(watch), watch, tell)

    def analyzed(self, study: Study, watch: Watch = Watch(), tell: Told = lambda name, found: None) -> Analyzed:
        """Each analysis of `study` is written, and `tell` is told, as soon as it is done; then the page. Raises
        Interrupted, and what an analysis raises that is the only one."""
        folder = self.folder
        records: dict[str, Record] = {}
        left_out: dict[str, str] = {}
        make_folder(folder.file(ANALYSIS))
        for name in self.names:
            try:
                records[name] = record = _analyzed(study, name, watch)
            except (PromptError, ModelError, DataError) as error:
                if len(self.names) == 1:
                    raise
                left_out[name] = str(error)
                folder.file(ANALYSIS / f"{name}.json").unlink(missing_ok=True)  # of an earlier time, and true no more
                tell(name, str(error))
                continue
            except KeyboardInterrupt:
                done = f"What is done is in {folder.file(ANALYSIS)}. " if records else ""
                rest = ",".join(self.names[self.names.index(name) :])
                raise Interrupted(f"Stopped. {done}Do the rest with {setting('only', rest)}.") from None
            folder.write_json(ANALYSIS / f"{name}.json", record)
            tell(name, record)
        write_report(folder.path)
        return Analyzed(records, left_out)

    def _study(self, watch: Watch) -> Study:
        """The run's model, prompts and rows, placed and split as tuning had them.

        Test rows: nothing is chosen here, so looking at them spoils nothing, and what is seen is not what was fitted.
        """
        folder = self.folder
        settings = run_settings(folder, TuneSettings)
        parts = settings.read_parts()
        check_split(folder.file(SPLIT), settings.split_record(parts))
        if not folder.file(SPLIT).exists():
            watch.note(f"{SPLIT} is missing: it cannot be checked that these are the run's rows")
        pairs = None if self.concepts is None else (load_concept(self.concepts),)

        from embedgrad.analysis.blend.measure import check_fit
        from embedgrad.analysis.study import Study, spread
        from embedgrad.jobs.prepared import prepare
        from embedgrad.prompt.place import start
        from embedgrad.tuning.trajectory import read_trajectory

        prepared = prepare(settings, parts, watch)
        model, allow = prepared.model, settings.template.allow_mismatch
        tuned = start(model, folder.file(PROMPT_FILE), allow_mismatch=allow, say=watch.note)
        blended = None
        if self.other is not None:
            path = Path(self.other)
            blended = (path.name, start(model, path, allow_mismatch=allow, say=watch.note))
            check_fit(blended[1], tuned)
        chosen = tuple(spread(parts.test, self.rows))
        watch.note(f"{len(chosen)} of {len(parts.test)} test rows; nothing is chosen by them")
        return Study(
            model=model,
            text=prepared.baseline,
            start=prepared.start,
            tuned=tuned,
            rows=chosen,
            judging=prepared.judging,
            along=read_trajectory(folder.file(TRAJECTORY)),
            other=blended,
            concepts=pairs,
        )


def _analyzed(study: Study, name: str, watch: Watch) -> Record:
    with watch.stage(name.replace("_", " "), 100) as update:
        told = replace(watch, progress=lambda done, total: update(100 * done // max(total, 1)))
        return study.analyze(name, told)


def check_names(names: Sequence[str]) -> Sequence[str]:
    """Each once. Raises UsageError for a name of no analysis."""
    for name in names:
        if name not in ANALYSES:
            raise UsageError(
                f"There is no analysis {name!r}; write some of {', '.join(ANALYSES)}."
                f"{did_you_mean(name, list(ANALYSES))}"
            )
    return tuple(dict.fromkeys(names))
