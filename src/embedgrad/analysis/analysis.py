"""What an analysis is: a record, the sentences and the figure that show it, and what measures it.

Each has a folder here: `record.py`, `shown.py`, and `measure.py`, the only one that may import torch; `analyses.py`
lists them. So the report shows what was found without loading a model's libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from embedgrad.run.json_files import Stored


class Record(Stored):
    """What an analysis found, as a JSON object: `analysis/NAME.json` of a run folder.

    Every pair "before, after" is the prompt text and the tuned prompt. Losses in nats per target token, entropies in
    bits, accuracies strict and as fractions.
    """


@dataclass(frozen=True)
class Section:
    """What a page shows of a record: a heading, how to read it, what was found, figures (`<svg>` elements), a table
    (its first row the header) and a text from the record."""

    title: str
    reading: str
    finding: str = ""
    figures: tuple[str, ...] = ()
    table: list[list[str]] | None = None
    text: str | None = None


Found = TypeVar("Found", bound=Record)


@dataclass(frozen=True)
class Analysis(Generic[Found]):
    """One analysis. Its folder's module `measure` has `measure(study, watch)`, which gives the record.

    package    the folder, as a package; its last part is the analysis's name
    record     the class of what it finds
    sentences  what was found in plain sentences with its numbers; the first is also the label of the figure, for those
               who cannot see it
    section    what the page shows of it; None where there is nothing to show
    problem    what is wrong with a record whose keys and types are right, if anything
    """

    package: str
    record: type[Found]
    sentences: Callable[[Found], list[str]]
    section: Callable[[Found], Section | None]
    problem: Callable[[Found], str | None] = lambda found: None

    @property
    def name(self) -> str:
        """As one asks for it, and as the record's file is called."""
        return self.package.rpartition(".")[2]
