"""What speaks against a start, in sentences and as a table."""

from __future__ import annotations

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.diagnosis.record import Diagnosis
from embedgrad.units import number
from embedgrad.words import cut


def sentences(found: Diagnosis) -> list[str]:
    """The verdict; then each sign, which the page has in a table."""
    signs = (
        f"{cut(sign.name, 80)}: {number(sign.value, digits=3)} ({'bad' if sign.is_bad else 'good'}; bound "
        f"{number(sign.bound, digits=3)}). {cut(sign.meaning, 300)}"
        for sign in found.signs
    )
    return [found.sentence, *signs]


def section(found: Diagnosis) -> Section:
    """The verdict and a table of the signs."""
    return Section(
        f"Diagnosis of the start: {found.verdict}",
        f"Whether the starting prompt was good enough for tuning to help; from {found.rows:,} rows.",
        sentences(found)[0],
        table=diagnosis_table(found),
    )


def diagnosis_table(found: Diagnosis) -> list[list[str]]:
    """Each sign with its bound."""
    lines = [["sign", "measured", "bound", "", "meaning"]]
    for sign in found.signs:
        judged = "bad" if sign.is_bad else "good"
        lines.append(
            [
                cut(sign.name, 80),
                number(sign.value, digits=3),
                number(sign.bound, digits=3),
                judged,
                cut(sign.meaning, 300),
            ]
        )
    return lines
