"""The outcomes of causal stories, and the two candidate causes of one: a person's part, or a thing's."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tools.pocket.kinds import pick
from tools.pocket.tables import table

PEOPLE: dict[str, tuple[str, ...]] = table("causal/stories")["people"]
_PERFECT: dict[str, str] = table("causal/stories")["perfect"]


class Deed(NamedTuple):
    """What is done, or happens, to an object."""

    thing: str
    """The object: the two parts of a story never share one."""
    subject: str
    """Where it is nobody's deed."""
    verb: str
    rest: str

    @classmethod
    def read(cls, line: str) -> Deed:
        """From "object: verb rest" or "object: subject > verb rest"."""
        thing, _, said = line.partition(": ")
        subject, _, said = said.rpartition(" > ")
        return cls(thing, subject, *said.split(" ", 1))


class Scene(NamedTuple):
    """One outcome and what can lead to it."""

    noun: str
    one: str
    """The noun with its article."""
    seen: tuple[str, ...]
    deeds: tuple[Deed, ...]
    neglected: tuple[Deed, ...]
    """With the bare verb."""
    others: tuple[Deed, ...]


@dataclass(frozen=True)
class Part:
    """A candidate cause: who, and what was done or left undone."""

    name: str
    role: str
    """Said once before the name, where not empty."""
    he: str
    """he, she or it"""
    act: bool
    past: str
    had: str
    thing: str

    @property
    def person(self) -> bool:
        return self.he != "it"


def _scene(noun: str, one: str, seen: tuple[str, ...], **deeds: tuple[str, ...]) -> Scene:
    return Scene(noun, one, seen, **{name: tuple(map(Deed.read, lines)) for name, lines in deeds.items()})


SCENES = tuple(_scene(**told) for told in table("causal/scenes")["scenes"])


def ed(verb: str) -> str:
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def _done(name: str, role: str, he: str, deed: Deed) -> Part:
    past, had = f"{deed.verb} {deed.rest}", f"had {_PERFECT.get(deed.verb, deed.verb)} {deed.rest}"
    return Part(name, role, he, True, past, had, deed.thing)


def draw_person(rng: Random, scene: Scene, act: bool, plain: bool, taken: tuple[str, str]) -> Part:
    """A person under another name than the taken one, with a deed on another object; plain: without "never"."""
    while True:
        woman, style, form = rng.random() < 0.5, rng.random(), rng.random()
        role = pick(rng, PEOPLE["roles"])
        name = f"the {role}" if style < 0.2 else pick(rng, PEOPLE["women" if woman else "men"])
        deed = pick(rng, scene.deeds if act else scene.neglected)
        if name != taken[0] and deed.thing != taken[1]:
            break
    before = role if 0.2 <= style < 0.4 and not taken[0].endswith(role) else ""
    he = "she" if woman else "he"
    if act:
        return _done(name, before, he, deed)
    past = f"{'did not' if form < 0.5 else 'failed to'} {deed.verb} {deed.rest}"
    if form > 0.8 and not plain:
        past = f"never {ed(deed.verb)} {deed.rest}"
    return Part(name, before, he, False, past, f"had not {ed(deed.verb)} {deed.rest}", deed.thing)


def draw_thing(rng: Random, scene: Scene, taken: str) -> Part:
    """The weather, a machine or an animal as the other candidate."""
    while True:
        deed = pick(rng, scene.others)
        if deed.thing != taken:
            return _done(deed.subject, "", "it", deed)
