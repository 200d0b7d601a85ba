"""What a family of the pocket model's training text is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """One input and what is true of it."""

    text: str
    """The input as the model reads it: one line, at most about 45 words."""
    facts: Mapping[str, str]
    """Attribute -> value, as the generator decided it before it wrote the text."""


@dataclass(frozen=True)
class Skill:
    """One question that can be asked about an item of a family, whatever the wording or the answer's format."""

    name: str
    phrasings: tuple[str, ...]
    """Instructions that ask it, without a word about the answer's format. They are complete sentences."""
    noun: str
    """What the answer is, for "Emotion: sad" and {"emotion": "sad"}: lower case, one or two words."""
    labels: tuple[str, ...]
    """All native answers, lower case."""
    sentence: str
    """The answer as a sentence, with {label} in it: "The writer feels {label}."."""
    answer: Callable[[Item], str | None]
    """The native answer; None where the question makes no sense for the item."""
    weight: float = 1.0
    """How often it is asked, relative to the family's other skills."""
    reason: Callable[[Random, Item], str] | None = None
    """One or two short sentences that lead to the answer without naming the label."""


@dataclass(frozen=True)
class Family:
    """Inputs of one kind with the skills that can be asked about them."""

    name: str
    draw: Callable[[Random], Item]
    skills: tuple[Skill, ...]


def pick(rng: Random, pool: Sequence[T]) -> T:
    """One of `pool`. The rows that ship were drawn like this; `rng.choice` draws others from the same seed."""
    return pool[int(rng.random() * len(pool))]
