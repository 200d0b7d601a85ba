"""Very short stories with two candidate causes of one bad outcome, of which exactly one brought it about.

Each story first fixes a winner (whose deed or neglected duty brought the outcome about) and a loser (whose part did
not count), then writes both with the same words. Only the structure tells them apart: the order in time,
what was put right in time, what made a difference, who was only blamed, whose duty it was. The closing sentence says
which of the two the question is about, so the same words make yes-stories and no-stories.

What the named person wanted is drawn apart from that (`wishes.py`).
"""

from __future__ import annotations

from random import Random

from tools.pocket.kinds import Family, Item, pick, skills
from tools.pocket.scenes import SCENES, Part, Scene, draw_person, draw_thing, ed
from tools.pocket.tables import table
from tools.pocket.wishes import draw_manner, draw_relative, draw_wish

_STORIES = table("causal/stories")
_DUTY: tuple[str, ...] = _STORIES["duty"]
_WAYS: dict[str, tuple[str, ...]] = _STORIES["ways"]
_ASK: dict[str, tuple[str, ...]] = _STORIES["ask"]
NOUNS = tuple(scene.noun for scene in SCENES)
LONGEST = 40


def _clause(rng: Random, part: Part, how: str, first: bool) -> str:
    """What the part did, with or without how it was meant; the latter in front only at the start of a sentence."""
    if not how:
        return f"{part.name} {part.past}"
    place = rng.random()
    if how.startswith("who "):
        return f"{part.name}, {how}, {part.past}"
    if first and place < 0.4:
        return f"{how}, {part.name} {part.past}"
    if part.act and place > 0.7:
        return f"{part.name} {part.past} {how}"
    return f"{part.name}, {how}, {part.past}"


def _perfect(part: Part, how: str) -> str:
    if not how:
        return f"{part.name} {part.had}"
    if part.act and not how.startswith("who "):
        return f"{part.name} {part.had} {how}"
    return f"{part.name}, {how}, {part.had}"


def _tell(rng: Random, way: str, scene: Scene, winner: Part, loser: Part, how: tuple[str, str]) -> str:
    """The story proper: both parts and what happened, in the chosen way."""
    event = f"there was {scene.one}" if rng.random() < 0.5 else pick(rng, scene.seen)
    if way == "duty":
        duty = pick(rng, scene.neglected)
        one, two = (winner, loser) if rng.random() < 0.5 else (loser, winner)
        return pick(rng, _DUTY).format(
            p=one.name,
            q=two.name,
            past=f"{ed(duty.verb)} {duty.rest}",
            base=f"{duty.verb} {duty.rest}",
            wn=winner.name,
            ln=loser.name,
            e=event,
        )
    slots = {"e": event, "o": scene.noun, "x": scene.one}
    frame = pick(rng, _WAYS[way])
    for letter, part, meant in (("w", winner, how[0]), ("l", loser, how[1])):
        slots[letter] = _clause(rng, part, meant, False)
        slots[letter.upper()] = _clause(rng, part, meant, True)
        slots |= {f"{letter}p": _perfect(part, meant), f"{letter}h": f"{part.he} {part.had}", f"{letter}n": part.name}
    return frame.format_map(slots)


def _finish(rng: Random, raw: str) -> str:
    """Sentences from the raw text: capitals, full stops, now and then an informal start or an exclamation."""
    style = rng.random()
    if style < 0.12:
        raw = f"{pick(rng, _ASK['openers'])} {raw}"
    lines = [line[0].upper() + line[1:] for line in raw.split(" | ")]
    if 0.08 < style < 0.18 and not raw[:3].istitle():
        lines[0] = raw[0] + lines[0][1:]
    if rng.random() < 0.08:
        lines[-2] += "!"
    return " ".join(line if line[-1] in "!?" else line + "." for line in lines)


def _compose(rng: Random, scene: Scene, way: str, person: bool, facts: dict[str, str]) -> Item:
    caused, wanted, act = facts["caused"] == "yes", facts["intended"] == "yes", facts["kind"] == "act"
    plain = way == "late"
    agent = draw_person(rng, scene, act, plain, ("", ""))
    if person:
        other_act = way != "duty" and (act if rng.random() < 0.4 else not act)
        other = draw_person(rng, scene, other_act, plain, (agent.name, agent.thing))
    else:
        other = draw_thing(rng, scene, agent.thing)
    winner, loser = (agent, other) if caused else (other, agent)
    if way not in ("blame", "duty") and rng.random() < 0.35:
        say = draw_manner if way in ("harmless", "undone") and rng.random() < 0.6 else draw_relative
        own, foreign, meant = say(rng, scene.one, wanted, agent, other)
        raw = _tell(rng, way, scene, winner, loser, (own, foreign) if caused else (foreign, own))
    else:
        after = rng.random() < 0.6
        raw = _tell(rng, way, scene, winner, loser, ("", ""))
        wish, meant = draw_wish(rng, scene.one, wanted, agent, other, after)
        raw = f"{raw} | {wish}" if after else f"{wish} | {raw}"
    old = pick(rng, NOUNS)
    asks = _ASK["about"] if rng.random() < 0.9 else _ASK["not"] + (_ASK["not_old"] if old != scene.noun else ())
    ask = pick(rng, asks).format(a=agent.name, b=other.name, o=scene.noun, old=old)
    for part in (agent, other):
        if part.role:
            raw = raw.replace(part.name, f"the {part.role} {part.name}", 1)
    hidden = {"_way": way, "_agent": agent.name, "_other": other.name, "_meant": meant}
    return Item(_finish(rng, f"{raw} | {ask}"), {**facts, **hidden})


def draw(rng: Random) -> Item:
    """Decide who caused what and who wanted it, then tell it."""
    scene = pick(rng, SCENES)
    facts = {
        "caused": "yes" if rng.random() < 0.5 else "no",
        "intended": "yes" if rng.random() < 0.5 else "no",
        "kind": "act" if rng.random() < 0.6 else "omission",
        "outcome": scene.noun,
    }
    person = rng.random() < 0.75
    way = pick(rng, tuple(_WAYS))
    if person and facts["kind"] == "omission" and rng.random() < 0.3:
        way = "duty"
    while True:
        item = _compose(rng, scene, way, person, facts)
        if 15 <= item.text.count(" ") < LONGEST:
            return item


def winner_and_loser(item: Item) -> tuple[str, str]:
    """Whose part brought the outcome about, and whose did not."""
    agent, other = item.facts["_agent"], item.facts["_other"]
    return (agent, other) if item.facts["caused"] == "yes" else (other, agent)


def _reason_caused(rng: Random, item: Item) -> str:
    winner, loser = winner_and_loser(item)
    reasons: tuple[str, ...] = _STORIES["reasons"][item.facts["_way"]]
    text = pick(rng, reasons).format(W=winner, L=loser, o=item.facts["outcome"])
    return text[0].upper() + text[1:]


def _reason_intended(_: Random, item: Item) -> str:
    meant = item.facts["_meant"]
    return meant[0].upper() + meant[1:] + "."


FAMILY = Family(
    "causal",
    draw,
    skills("causal", {"outcome": NOUNS}, {"caused": _reason_caused, "intended": _reason_intended}),
)
