"""What a job goes without where an extra is not installed, said before its work begins."""

from __future__ import annotations

from collections.abc import Iterator

from embedgrad.extras import lacking


def missing(*, baselines: bool = False) -> Iterator[str]:
    """A sentence for what the report will lack, and with `baselines` for what the answers would be compared with."""
    if said := lacking("report", "The report will have no figures: drawing"):
        yield said
    if baselines and (said := lacking("baselines", "There will be no bag of words to compare with: training one")):
        yield said
