"""Word problems of one to three steps, with their worked solutions.

A problem is either a schema (a whole story with variables, e.g. a price times a number and the change) or a chain: a
source of things (a number, full boxes, "5 fewer than Ben, who has 12"), events that add or take, and an end that asks,
compares or divides. The numbers are drawn step by step so that every equation is exact and small. Which operation is
meant follows from the structure, never from one word: "5 more than Ann" adds, "12, which is 5 more than Ann has" takes
away; "left" may ask for the rest or give it; "each" multiplies or divides. About a third of the texts hold a number
that does not count: an age, another person's things, last year's things, or an event that did not happen.
"""

from __future__ import annotations

from random import Random

from tools.pocket.drafts import Draft, Part
from tools.pocket.equations import between, free, in_both_tenses
from tools.pocket.kinds import Family, Item, pick
from tools.pocket.tables import table

_STEPS = ("one_step", "two_steps", "three_steps")
_SCHEMAS = [tuple(map(Part.read, table(f"arithmetic/{steps}")["problems"])) for steps in _STEPS]
_CHAINS, _WORDS = table("arithmetic/chains"), table("arithmetic/words")
_DIRECT = Part.read(_CHAINS["direct"])
_SOURCES, _ENDS = (tuple(map(Part.read, _CHAINS[name])) for name in ("sources", "ends"))
_EVENTS = {name: Part.read(said) for name, said in _CHAINS["events"].items()}
_ASKS = {name: in_both_tenses(texts) for name, texts in _CHAINS["asks"].items()}
_OTHER_THINGS = in_both_tenses(_WORDS["asides"]["things"])
LONGEST = 40
"""Words of a text."""


def _insert(draft: Draft, chain: bool) -> None:
    """Put in a sentence whose number does not count."""
    rng, lines, name = draft.rng, draft.sentences, str(draft.words["N"])
    if chain and rng.random() < 0.45:
        draft.other(2, 60)
        at = len(lines) - 1 if name in lines[-1] and rng.random() < 0.4 else 0
        lines.insert(at, draft.say(_OTHER_THINGS))
        return
    story = " ".join(lines)
    while True:
        personal = rng.random() < 0.65
        aside: str = pick(rng, _WORDS["asides"]["person" if personal else "place"])
        if not any(word in story and word in aside for word in _WORDS["measures"]):
            break
    draft.other(5, 19)
    aside = draft.fill(aside)
    at = between(rng, 0, len(lines) - 1)
    if not personal:
        lines.insert(at, aside)
    elif rng.random() < 0.4 and lines[0].startswith(name + " ") and not lines[0].startswith(name + " and "):
        lines[0] = f"{name}, who {aside},{lines[0][len(name) :]}"
    else:
        pronoun = at > 0 and name in lines[at - 1] and rng.random() < 0.6
        lines.insert(at, f"{draft.words['She'] if pronoun else name} {aside}.")


def _chain(rng: Random, steps: int, distract: bool) -> Draft | None:
    """A source of things, events, and an end, that take so many steps together."""
    draft = Draft(rng)
    ends = rng.random() < 0.4
    begins = steps > ends and rng.random() < (0.6 if steps == 1 else 0.5)
    left = steps - ends - begins
    refuse = distract and rng.random() < 0.4
    refuse_at = between(rng, 0, left) if refuse else -1
    if not begins:
        draft.values["v"] = free(rng)
    if not draft.tell(pick(rng, _SOURCES) if begins else _DIRECT, last=False):
        return None
    first = True
    while left > 0 or refuse:
        if refuse and left <= refuse_at:
            draft.other(2, max(3, draft.values["v"]))
            event, refuse, last = "not_done", False, False
        else:
            big = left >= 2 and rng.random() < 0.5 and "p" not in draft.values
            left -= 2 if big else 1
            event, last = "gain" if rng.random() < 0.5 else "loss", left == 0 and not ends
            event = f"big_{event}" if big else event
        if not draft.happen(_EVENTS[event], first, last):
            return None
        first = False
    if not ends:
        draft.sentences.append(draft.say(_ASKS["at_once" if first else "after_events"]))
    elif not draft.tell(pick(rng, _ENDS)):
        return None
    if distract and refuse_at < 0:
        _insert(draft, True)
    return draft


def _story(rng: Random, schema: Part, distract: bool) -> Draft | None:
    """A problem of a schema."""
    draft = Draft(rng)
    if not draft.tell(schema):
        return None
    if distract:
        _insert(draft, False)
    return draft


def draw(rng: Random) -> Item:
    """A word problem: its answer, the unit, the number of steps, the worked solution and its equations."""
    chance = rng.random()
    steps = 1 if chance < 0.3 else 2 if chance < 0.8 else 3
    schema = pick(rng, _SCHEMAS[steps - 1]) if rng.random() < 0.6 else None
    distract = rng.random() < 0.36
    draft, text = None, ""
    while draft is None or text.count(" ") >= LONGEST:
        draft = _story(rng, schema, distract) if schema else _chain(rng, steps, distract)
        text = " ".join(draft.sentences) if draft else ""
    facts = {"answer": str(draft.answer), "unit": draft.unit, "steps": str(steps)}
    facts |= {"solution": " ".join(draft.solution), "equations": "; ".join(draft.equations)}
    return Item(text, facts)


FAMILY = Family("arithmetic", draw, ())
