"""A word problem in the making, written part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from tools.pocket.equations import Forms, Step, between, in_both_tenses, solve
from tools.pocket.kinds import pick
from tools.pocket.tables import table

_WORDS = table("arithmetic/words")
OLDEST = 99


class Part(NamedTuple):
    """A piece of a problem: its wordings and the steps that it takes."""

    texts: Forms
    steps: tuple[Step, ...]

    @classmethod
    def read(cls, said: Mapping[str, Sequence[str]]) -> Part:
        return cls(in_both_tenses(said["told"]), tuple(map(Step.read, said.get("work", ()))))


def _words(rng: Random) -> dict[str, str | int]:
    """Names, pronouns and things: {N} is the main person, {M}, {R}, {P} are of the other sex, {Q} of the same."""
    side = int(rng.random() * 2)
    people = (_WORDS["girls"], _WORDS["boys"])
    (she, her, obj), (he, *_) = _WORDS["pronouns"][side], _WORDS["pronouns"][1 - side]
    words = dict(zip("NQ", rng.sample(people[side], 2), strict=True))
    words |= zip("MRP", rng.sample(people[1 - side], 3), strict=True)
    thing, cup, tin = rng.sample(_WORDS["things"], 3)
    (box, boxes), (bag, bags) = rng.sample(_WORDS["holders"], 2)
    good, good2 = rng.sample(_WORDS["goods"], 2)
    words |= {"she": she, "She": she.capitalize(), "her": her, "Her": her.capitalize(), "obj": obj, "he": he}
    words |= {"box": box, "boxes": boxes, "bag": bag, "bags": bags, "good": good, "good2": good2}
    return words | {"thing": thing, "things": thing + "s", "cup": cup, "cups": cup + "s", "tins": tin + "s"}


class Draft:
    """A problem in the making: the tense, the words and numbers, the sentences and the solution so far."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.tense = int(rng.random() * 2)
        self.words = _words(rng)
        self.values: dict[str, int] = {}
        self.seen: list[int] = []
        self.sentences: list[str] = []
        self.solution: list[str] = []
        self.equations: list[str] = []
        self.unit = ""
        self.answer = 0

    def fill(self, template: str) -> str:
        return template.format_map(self.words | self.values)

    def say(self, forms: Forms) -> str:
        return self.fill(pick(self.rng, forms[self.tense]))

    def work(self, steps: tuple[Step, ...], last: bool) -> bool:
        """Draw the numbers of the steps and write the steps down; False where the numbers do not fit."""
        for step in steps:
            numbers = solve(self.rng, step, self.values, last and step is steps[-1])
            if numbers is None:
                return False
            left, right, self.answer = numbers
            self.seen += numbers
            self.unit = self.fill(step.unit)
            if self.unit == "years" and self.answer > OLDEST:
                return False
            equation = f"{left} {step.op} {right} = {self.answer}"
            self.solution.append(f"{self.say(step.leads)} {equation} {self.unit}.")
            self.equations.append(equation)
        return True

    def tell(self, part: Part, last: bool = True) -> bool:
        """Work the part's steps and write its sentences."""
        if not self.work(part.steps, last):
            return False
        self.sentences += self.say(part.texts).split(" | ")
        return True

    def happen(self, event: Part, first: bool, last: bool) -> bool:
        """Add something that happens, or does not, to the things {v}."""
        self.values.pop("x", None)
        if not self.work(event.steps, last):
            return False
        link = "" if first else pick(self.rng, _WORDS["links"])
        clause = f"{link} {self.say(event.texts)}".lstrip()
        self.sentences.append(clause[0].upper() + clause[1:] + ".")
        if "z" in self.values:
            self.values["v"] = self.values.pop("z")
        return True

    def other(self, low: int, high: int) -> None:
        """Set {k} to a number that the solution does not use."""
        k = between(self.rng, low, high)
        while k in self.seen:
            k = between(self.rng, low, high + 9)
        self.values["k"] = k
