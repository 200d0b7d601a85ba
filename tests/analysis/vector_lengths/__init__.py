"""An analysis of one's own, as small as can be: how long the prompt is. `test_a_new_analysis.py` puts it to work."""

from __future__ import annotations

from embedgrad.analysis.analysis import Analysis, Record, Section
from embedgrad.drawing import bars, drawn


class Lengths(Record):
    """The lengths (L2) of the tuned prompt's vectors."""

    lengths: tuple[float, ...]


def sentences(found: Lengths) -> list[str]:
    return [f"The prompt has {len(found.lengths)} vectors, the longest of length {max(found.lengths):.2f}."]


def section(found: Lengths) -> Section:
    figure = drawn(sentences(found)[0], 3, 2, lambda figure: bars(figure.subplots(), found.lengths))
    return Section("Lengths", "How long each vector is.", sentences(found)[0], (figure,))


LENGTHS = Analysis(__name__, Lengths, sentences, section)
