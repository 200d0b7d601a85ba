"""What a family of the pocket model's training text is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from tools.pocket.tables import table

T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """One input and what is true of it."""

    text: str
    """The input as the model reads it: one line, at most about 45 words."""
    facts: Mapping[str, str]
    """Attribute -> value, as decided before the text was written; none where the attribute makes no sense."""


Reason = Callable[[Random, Item], str]


@dataclass(frozen=True)
class Skill:
    """One question that can be asked about an item of a family, whatever the wording or the answer's format."""

    name: str
    """Which of the item's facts is asked for."""
    phrasings: tuple[str, ...]
    """Instructions that ask it, without a word about the answer's format. They are complete sentences."""
    noun: str
    """What the answer is, for "Emotion: sad" and {"emotion": "sad"}: lower case, one or two words."""
    labels: tuple[str, ...]
    """All native answers, lower case."""
    sentence: str
    """The answer as a sentence, with {label} in it: "The writer feels {label}."."""
    weight: float
    """How often it is asked, relative to the family's other skills."""
    reason: Reason | None
    """One or two short sentences that lead to the answer without naming the label."""

    def answer(self, item: Item) -> str | None:
        """The native answer; None where the question makes no sense for the item."""
        return item.facts.get(self.name)


@dataclass(frozen=True)
class Family:
    """Inputs of one kind with the skills that can be asked about them."""

    name: str
    draw: Callable[[Random], Item]
    skills: tuple[Skill, ...]


def skills(family: str, labels: Mapping[str, tuple[str, ...]], reasons: Mapping[str, Reason]) -> tuple[Skill, ...]:
    """The skills of `data/{family}/skills.toml`, with the labels that it leaves to the family's other tables."""
    told = table(f"{family}/skills")
    return tuple(
        Skill(name, reason=reasons.get(name), **({"labels": labels.get(name)} | said)) for name, said in told.items()
    )


def pick(rng: Random, pool: Sequence[T]) -> T:
    """One of `pool`. The rows that ship were drawn like this; `rng.choice` draws others from the same seed."""
    return pool[int(rng.random() * len(pool))]


def unlike(value: T, draw: Callable[[], T]) -> T:
    """What `draw` gives, drawn again as long as it is `value`."""
    while (other := draw()) == value:
        pass
    return other
