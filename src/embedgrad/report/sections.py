"""The sections of one run: what each shows, how to read it, what was found. Their figures are markup here, ours with
texts from outside escaped; a `str` would be shown as text."""

from __future__ import annotations

import tomllib
from dataclasses import replace

from markupsafe import Markup

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.analysis import Section
from embedgrad.analysis.records import Records
from embedgrad.drawing import with_own_ids
from embedgrad.report import figures
from embedgrad.report.grid import grid_finding
from embedgrad.report.groups import groups, groups_finding, largest
from embedgrad.report.labels import OTHER, confusion_finding, confusions
from embedgrad.report.sentences import course_of, curve_finding
from embedgrad.run.grid import Grid
from embedgrad.run.record import RunRecord


class FigureIds:
    """Gives each figure of a page ids of its own."""

    def __init__(self) -> None:
        self._count = 0

    def own(self, svg: str) -> Markup:
        """`svg` as markup: ours, with texts from outside escaped when it was drawn."""
        self._count += 1
        return Markup(with_own_ids(svg, f"f{self._count}-"))


def _curve_words(record: RunRecord) -> str:
    course = course_of(record)
    return curve_finding(record) if course is None or course.kind == "learned" else course.sentence


def quality_sections(record: RunRecord, ids: FigureIds) -> list[Section]:
    """Curves, and which answers are right: by label, by group."""
    parts = [
        Section(
            "Learning curve",
            "The loss on tuning rows at each step, and on validation rows, which chose the step that was kept.",
            _curve_words(record),
            (ids.own(figures.learning_curve(record)),),
        )
    ]
    if pair := confusions(record):
        shown = "" if OTHER not in pair[0].targets else " The most frequent labels; the rest are (other)."
        drawn = tuple(
            ids.own(figures.confusion(side, name)) for side, name in zip(pair, ("before", "after"), strict=True)
        )
        reading = f"Test rows by target (lines) and by the answer as it was read, strictly (columns).{shown}"
        parts.append(Section("Labels", reading, confusion_finding(*pair), drawn))
    if by_group := groups(record):
        reading = "Strict accuracy on test rows by group, before and after, with 95 % Wilson intervals."
        shown_groups = largest(by_group)
        if len(shown_groups) < len(by_group):
            reading += f" The largest {len(shown_groups)} of {len(by_group):,} groups are drawn."
        column = tomllib.loads(record.settings).get("group_by")
        title = f"By {column}" if isinstance(column, str) else "Groups"
        parts.append(Section(title, reading, groups_finding(by_group), (ids.own(figures.group_bars(shown_groups)),)))
    return parts


def analysis_sections(found: Records, calibration: Grid | None, ids: FigureIds) -> list[Section]:
    """What the analyses found, those that are there, and the calibration."""
    records = ((analysis, found.of(analysis)) for analysis in ANALYSES.values())
    sections = (analysis.section(record) for analysis, record in records if record is not None)
    parts = [
        replace(section, figures=tuple(map(ids.own, section.figures))) for section in sections if section is not None
    ]
    if calibration:
        parts.append(
            Section(
                "Sensitivity",
                "How the validation rows fared at other learning rates and epochs; they chose the setting, so these "
                "are no results.",
                " ".join(grid_finding(calibration)),
                (ids.own(figures.heat_map(calibration)),),
            )
        )
    return parts
