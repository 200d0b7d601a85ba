"""The judgements of reviews: clauses on one aspect of one kind of thing, good or bad."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from random import Random

from tools.pocket.kinds import pick
from tools.pocket.tables import table

GROUPS: dict[str, tuple[str, ...]] = table("sentiment/reviews")["groups"]
_SLOTS: dict[str, tuple[str, ...]] = table("sentiment/reviews")["slots"]
_JUDGED = table("sentiment/clauses/any") | table("sentiment/clauses/visits") | table("sentiment/clauses/goods")
_NEGATIVE_WORD = re.compile(r"\b(?:no|not|nobody|nothing|never|hardly|even|too)\b")


@dataclass(frozen=True)
class Clause:
    """A judgement on one aspect, with open slots, and a short name of what it is about."""

    text: str
    topic: str
    deniable: bool
    specific: bool
    """Whether it fits this kind of thing only."""

    @classmethod
    def read(cls, line: str, specific: bool) -> Clause:
        topic = line[line.index("[") + 1 : line.index("]")].removeprefix("=")
        text = line.partition(" [=")[0].replace("[", "").replace("]", "")
        return cls(text, topic, _NEGATIVE_WORD.search(text) is None, specific)


@cache
def _pools(kind: str, aspect: str, good: bool) -> tuple[list[Clause], list[Clause]]:
    """Clauses that fit several kinds, and those of this kind only."""
    sign = "good" if good else "bad"
    shared = [group for group, kinds in GROUPS.items() if kind in kinds]

    def read(groups: list[str]) -> list[Clause]:
        lines = (line for group in groups for line in _JUDGED[group].get(aspect, {}).get(sign, ()))
        return [Clause.read(line, groups is not shared) for line in lines]

    return read(shared), read([kind])


def draw_clause(rng: Random, key: tuple[str, str, bool], *, shared_only: bool, deniable: bool) -> Clause:
    """Draw a clause on (kind, aspect, whether it is good) and fill its slots, except for the person."""
    shared, own = _pools(*key)
    while True:
        clause = pick(rng, shared if shared and (shared_only or rng.random() < 0.25) else own)
        if clause.deniable or not deniable:
            break
        shared_only = False
    text, topic = clause.text, clause.topic
    for slot, values in _SLOTS.items():
        if f"{{{slot}}}" in text:
            value = pick(rng, values)
            text, topic = text.replace(f"{{{slot}}}", value), topic.replace(f"{{{slot}}}", value)
    return Clause(text, topic, clause.deniable, clause.specific)
