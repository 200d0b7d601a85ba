"""The sections of one run: what each shows, how to read it, what was found."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from markupsafe import Markup

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.drawing import with_own_ids
from embedgrad.report import figures
from embedgrad.report.found import Found
from embedgrad.report.grid import grid_finding
from embedgrad.report.groups import groups, groups_finding, largest
from embedgrad.report.labels import OTHER, confusion_finding, confusions
from embedgrad.report.run_folder import RunRecord
from embedgrad.report.words import curve_finding


@dataclass(frozen=True)
class Part:
    """A section: its heading, how to read it, what was found, its figures and its table."""

    title: str
    reading: str
    finding: str = ""
    figures: tuple[Markup, ...] = ()
    table: list[list[str]] | None = None
    text: str | None = None


class FigureIds:
    """Gives each figure of a page ids of its own."""

    def __init__(self) -> None:
        self._count = 0

    def own(self, svg: str) -> Markup:
        """`svg` as markup: ours, with texts from outside escaped when it was drawn."""
        self._count += 1
        return Markup(with_own_ids(svg, f"f{self._count}-"))


def quality_parts(record: RunRecord, ids: FigureIds) -> list[Part]:
    """Curves, and which answers are right: by label, by group."""
    parts = [
        Part(
            "Learning curve",
            "The loss on tuning rows at each step, and on validation rows, which chose the step that was kept.",
            curve_finding(record),
            (ids.own(figures.learning_curve(record)),),
        )
    ]
    if pair := confusions(record):
        shown = "" if OTHER not in pair[0].targets else " The most frequent labels; the rest are (other)."
        drawn = tuple(
            ids.own(figures.confusion(side, name)) for side, name in zip(pair, ("before", "after"), strict=True)
        )
        reading = f"Test rows by target (lines) and by the answer as it was read, strictly (columns).{shown}"
        parts.append(Part("Labels", reading, confusion_finding(*pair), drawn))
    if by_group := groups(record):
        reading = "Strict accuracy on test rows by group, before and after, with 95 % Wilson intervals."
        shown_groups = largest(by_group)
        if len(shown_groups) < len(by_group):
            reading += f" The largest {len(shown_groups)} of {len(by_group):,} groups are drawn."
        column = tomllib.loads(record.settings).get("group_by")
        title = f"By {column}" if isinstance(column, str) else "Groups"
        parts.append(Part(title, reading, groups_finding(by_group), (ids.own(figures.group_bars(shown_groups)),)))
    return parts


def analysis_parts(found: Found, ids: FigureIds) -> list[Part]:
    """What the analyses found, those that are there, and the calibration."""
    sections = (
        analysis.section(record) for analysis in ANALYSES.values() if (record := found.of(analysis)) is not None
    )
    parts = [
        Part(
            section.title,
            section.reading,
            section.finding,
            tuple(map(ids.own, section.figures)),
            section.table,
            section.text,
        )
        for section in sections
        if section is not None
    ]
    if found.calibration:
        parts.append(
            Part(
                "Sensitivity",
                "How the validation rows fared at other learning rates and epochs; they chose the setting, so these "
                "are no results.",
                " ".join(grid_finding(found.calibration)),
                (ids.own(figures.heat_map(found.calibration)),),
            )
        )
    return parts
