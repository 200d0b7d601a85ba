"""The sections of one run: what each shows, how to read it, what was found."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from markupsafe import Markup

from embedgrad.report import figures
from embedgrad.report.analysis_tables import diagnosis_table, entropy_table, hints_table
from embedgrad.report.findings import sentences
from embedgrad.report.found import Found
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
        return Markup(figures.with_own_ids(svg, f"f{self._count}-"))


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
    """What the analyses found, those that are there."""
    parts: list[Part] = []
    if found.anchoring and found.anchoring.tokens:
        parts.append(
            Part(
                "Anchoring",
                "Whether each vector still belongs to the word it started from. Probability: Eq. 10 of the paper, a "
                "softmax over the vocabulary.",
                figures=(ids.own(figures.anchoring_figure(found.anchoring)),),
            )
        )
    if found.entropy:
        parts.append(
            Part(
                "Trajectory entropy",
                "How sure the model is of each token it writes: 0 bits is certain, 1 bit the toss of a coin (Eq. 11).",
                " ".join(sentences(found.entropy)),
                (ids.own(figures.entropy_figure(found.entropy)),),
                entropy_table(found.entropy),
            )
        )
    if found.reading and found.reading.concepts:
        parts.append(
            Part(
                "Reading by LAT",
                "In each layer a direction that tells a concept from its opposite, and how much further along it the "
                "model's states lie under the tuned prompt than under the text.",
                " ".join(sentences(found.reading)),
                tuple(ids.own(figures.reading_figure(c)) for c in found.reading.concepts if c.layers),
            )
        )
    if found.position_sensitivity and found.position_sensitivity.positions:
        parts.append(
            Part(
                "Position sensitivity",
                "What each position is worth: the change of the loss when it alone returns to its text row.",
                " ".join(sentences(found.position_sensitivity)),
                (ids.own(figures.position_figure(found.position_sensitivity)),),
            )
        )
    if found.blend and found.blend.points:
        parts.append(
            Part(
                "Blend",
                "The straight line between two prompts: a smooth change means one valley, a ridge two.",
                " ".join(sentences(found.blend)),
                (ids.own(figures.blend_figure(found.blend)),),
            )
        )
    return [*parts, *_last_parts(found, ids)]


def _last_parts(found: Found, ids: FigureIds) -> list[Part]:
    parts: list[Part] = []
    if found.read_back:
        parts.append(
            Part(
                "Read back",
                "The tuned prompt as the text of its nearest tokens, scored as a plain prompt; below, where it moved.",
                sentences(found.read_back)[0],
                (ids.own(figures.read_back_figure(found.read_back)),),
                hints_table(found.read_back.hints),
                found.read_back.text,
            )
        )
    if found.diagnosis:
        parts.append(
            Part(
                f"Diagnosis of the start: {found.diagnosis.verdict}",
                f"Whether the starting prompt was good enough for tuning to help; from {found.diagnosis.rows:,} rows.",
                sentences(found.diagnosis)[0],
                table=diagnosis_table(found.diagnosis),
            )
        )
    if found.calibration:
        parts.append(
            Part(
                "Sensitivity",
                "How the validation rows fared at other learning rates and epochs; they chose the setting, so these "
                "are no results.",
                " ".join(sentences(found.calibration)),
                (ids.own(figures.heat_map(found.calibration)),),
            )
        )
    return parts
