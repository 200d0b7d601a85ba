"""A run under study: its prompts and rows, and every analysis of them by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

from torch import Tensor

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.analysis.analysis import Record
from embedgrad.analysis.reading.contrast import Concept
from embedgrad.data.example import Example
from embedgrad.evaluation.judging import Judging
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.watch import Watch

Item = TypeVar("Item")


@dataclass(frozen=True)
class Study:
    """Everything the analyses of one run need.

    text      the prompt text, as the run compares it; `start` is where tuning began (the same for a text start)
    tuned     what tuning found
    rows      labeled rows that nothing was chosen on
    judging   as the run was judged
    along     (step, embeddings) along the run, where they were kept
    other     a prompt to blend `tuned` with, instead of `start`, and what it is called
    concepts  contrast pairs, instead of those that ship
    """

    model: FrozenModel
    text: SoftPrompt
    start: SoftPrompt
    tuned: SoftPrompt
    rows: tuple[Example, ...]
    judging: Judging
    along: Sequence[tuple[int, Tensor]] = ()
    other: tuple[str, SoftPrompt] | None = None
    concepts: tuple[Concept, ...] | None = None

    def analyze(self, name: str, watch: Watch = Watch()) -> Record:
        """The analysis of that name, one of ANALYSES; `watch` is told its notes and its progress. Raises what it
        raises: PromptError where it does not fit the run.

        What measures is found by its place, so that whoever shows analyses need not load it.
        """
        measure: Callable[[Study, Watch], Record] = import_module(f"{ANALYSES[name].package}.measure").measure
        return measure(self, watch)


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """`most` of `items` in order, evenly spaced from the first to the last; all where there are no more."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[0]]
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
