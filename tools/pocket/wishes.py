"""What the person asked about wanted, in a causal story: said with the deed or in a sentence of its own.

The opposite wish is mostly there as well: it is the other person's, or lies in the past, or is only said, or is denied.
"""

from __future__ import annotations

from random import Random

from tools.pocket.kinds import pick
from tools.pocket.scenes import PEOPLE, Part
from tools.pocket.tables import table

_WISHES = table("causal/wishes")
_FRAMES: dict[str, tuple[str, ...]] = _WISHES["frames"]


def _fill(phrase: str, x: str, he: str = "") -> str:
    return phrase.replace("{x}", x).replace("{he}", he)


def _again(x: str, said: str) -> str:
    """The outcome where it may have been named already."""
    return "one" if "{x}" in said else x


def _sides(wanted: bool) -> tuple[str, str]:
    return ("yes", "no") if wanted else ("no", "yes")


def _phrases(rng: Random, wanted: bool, where: str) -> tuple[str, str]:
    """A wish as the person's is, and the opposite one."""
    mine, theirs = _sides(wanted)
    return pick(rng, _WISHES[mine][where]), pick(rng, _WISHES[theirs][where])


def draw_manner(rng: Random, x: str, wanted: bool, agent: Part, other: Part) -> tuple[str, str, str]:
    """(said with the person's deed, said with the other's deed, the reason that follows)."""
    manner = _WISHES["manner"]
    foreign = other.person and rng.random() < 0.8
    pools = [manner[side]["deniable"] + (manner[side]["more"] if foreign else ()) for side in _sides(wanted)]
    true, false = (_fill(pick(rng, pool), x) for pool in pools)
    if foreign:
        return true, false, f"of {agent.name} we read {true}; {false} is about {other.name}"
    both = f"{true} and not {false}" if rng.random() < 0.5 else f"not {false} but {true}"
    return both, "", f"of {agent.name} we read {true}; the rest is denied"


def draw_relative(rng: Random, x: str, wanted: bool, agent: Part, other: Part) -> tuple[str, str, str]:
    """The same as draw_manner, with a wish in a relative clause."""
    wish, opposite = _phrases(rng, wanted, "bare")
    true = _fill(wish, x)
    if other.person and rng.random() < 0.85:
        because = f"{agent.name} {true}; the rest is about {other.name}"
        return f"who {true}", f"who {_fill(opposite, x)}", because
    once = f"who once {_fill(opposite, x)} but now {_fill(wish, _again(x, opposite))}"
    return once, "", f"{agent.name} now {true}; the rest was earlier"


def draw_wish(rng: Random, x: str, wanted: bool, agent: Part, other: Part, after: bool) -> tuple[str, str]:
    """(a sentence on what the person wanted, the reason that follows)."""
    dice = rng.random()
    wish, opposite = _phrases(rng, wanted, "bare")
    if dice < 0.3:
        true = _fill(wish, x)
        because = f"{agent.name} {true}, and nothing speaks against it"
        return pick(rng, _FRAMES["plain"]).format(a=agent.name, f=true), because
    if dice < 0.4:
        past = rng.random() < 0.5
        frame = pick(rng, _FRAMES["past" if past else "talk"])
        first = frame.index("{f}") < frame.index("{g}")
        f, g = _fill(wish, x if first else _again(x, opposite)), _fill(opposite, _again(x, wish) if first else x)
        gone = "the rest was earlier" if past else "the rest was only talk"
        return frame.format(a=agent.name, he=agent.he, f=f, g=g), f"{agent.name} {_fill(wish, x)}; {gone}"
    name, he = (other.name, other.he) if other.person else (pick(rng, PEOPLE["outsiders"]), "he")
    if dice < 0.55:
        true = _fill(pick(rng, _WISHES["yes"]["bare"]), x)
        one, two = (agent.name, name) if wanted else (name, agent.name)
        return pick(rng, _FRAMES["unlike"]).format(a=one, b=two, f=true), f"{one} {true}; {two} felt otherwise"
    if after and rng.random() < 0.6:
        wish, opposite = _phrases(rng, wanted, "after")
    because = f"{agent.name} {_fill(wish, x, agent.he)}; the rest is about {name}"
    mine, theirs = (agent.name, wish, agent.he), (name, opposite, he)
    (a, f, a_he), (b, g, b_he) = (mine, theirs) if rng.random() < 0.5 else (theirs, mine)
    frame = pick(rng, _FRAMES["two"])
    return frame.format(a=a, b=b, f=_fill(f, x, a_he), g=_fill(g, _again(x, f), b_he)), because
