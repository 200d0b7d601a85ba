"""Short reviews of a restaurant, a hotel, a phone, a film, a book or a shop.

A review holds two opposite judgements whose words come from the same pools: the main clause (the reason for the
verdict) and a second clause that does not count. Only the structure tells which is which:

- contrast: both are the reviewer's own, and a phrase says which one decides ("and that settles it", "but that is a
  small matter", "I care more about A than about B"), in either order, "but" before or after;
- other: the second clause is what somebody else says;
- past: the second clause belongs to an earlier visit or to an older thing;
- plain: there is no second clause.

A clause may also be said by denying its opposite ("it is a lie that ..."). Whole-review feelings ("my sister found it
bad", "at first I found it good") and plans to return come with the same decoys. `other_aspect` is set only where the
second clause is the reviewer's own present judgement. The thing reviewed is named indirectly, often next to another
thing that was not chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random

from tools.pocket.clauses import GROUPS, draw_clause
from tools.pocket.kinds import Family, Item, pick, skills, unlike
from tools.pocket.tables import table

_REVIEWS, _AROUND = table("sentiment/reviews"), table("sentiment/around")
KINDS, ASPECTS = GROUPS["all"], _REVIEWS["aspects"]
_SENTENCE_START = re.compile(r"(?:^|[.!?] )[a-z]")
_NAMES = tuple(who for who, *_ in _AROUND["people"]["others"] if who[0].isupper())


def _said_by(text: str, person: tuple[str, str, str]) -> str:
    return text.replace("{we}", person[0]).replace("{us}", person[1]).replace("{our}", person[2])


def _opener(rng: Random, kind: str, who: str) -> str:
    things = _AROUND["things"]
    thing, decoy = (pick(rng, things[name]) for name in (kind, unlike(kind, lambda: pick(rng, KINDS))))
    if rng.random() < 0.06:
        thing = f"a new {kind}"
    return str(pick(rng, _AROUND["openers"]).format(k=thing, o=decoy, who=who))


def _feeling(rng: Random, good: bool, who: str) -> str:
    mine, other = ("good", "bad") if good else ("bad", "good")
    own, (past, base) = pick(rng, _AROUND["feelings"][mine]), pick(rng, _AROUND["feelings"][other])
    roll = rng.random()
    if roll < 0.35:
        return str(pick(rng, _AROUND["feel"]["own"]).format(f=own[0]))
    return str(pick(rng, _AROUND["feel"]["not" if roll < 0.7 else "both"]).format(f=past, b=base, g=own[0], who=who))


def draw(rng: Random) -> Item:
    """Decide what is reviewed and how, then write it."""
    good = rng.random() < 0.5
    kind, aspect = pick(rng, KINDS), pick(rng, ASPECTS)
    roll = rng.random()
    mode = "contrast" if roll < 0.6 else "other" if roll < 0.75 else "past" if roll < 0.85 else "plain"
    second = unlike(aspect, lambda: pick(rng, ASPECTS))
    if mode in ("other", "past") and rng.random() < (0.4 if mode == "other" else 0.75):
        second = aspect
    again = rng.random() < 0.45
    facts = {
        "sentiment": "positive" if good else "negative",
        "kind": kind,
        "aspect": aspect,
        "again": ("yes" if good else "no") if again else "unsaid",
        "_mode": mode,
        "_second": second,
        # Both clauses would fit other kinds too, where there are such clauses: the opener says what is reviewed.
        "_vague": "yes" if rng.random() < 0.33 else "",
    }
    if mode == "contrast":
        facts["other_aspect"] = second
    while True:
        parts, private = _write(rng, facts)
        words = sum(part.count(" ") + 1 for part in parts)
        if words <= 20 or (words <= 37 and rng.random() < (0.4 if words <= 25 else 0.07)):
            return Item(_finish(rng, parts), facts | private)


def _core(rng: Random, facts: Mapping[str, str], person: tuple[str, str, str, str]) -> tuple[str, dict[str, str], bool]:
    """Write the two judgements in a frame; also what the reasoning needs, and whether they show the kind of thing."""
    good, kind, mode = facts["sentiment"] == "positive", facts["kind"], facts["_mode"]
    who, he, him, his = person
    own = pick(rng, _AROUND["people"]["own"])
    put = mode
    if mode == "past" and rng.random() < 0.25:
        put = "gone"
    if mode == "contrast" and rng.random() < 0.15:
        put = "topical"
    frame: str = pick(rng, _REVIEWS["frames"][put])
    vague, denials = facts["_vague"] == "yes", _REVIEWS["denials"]

    denied = put == "gone" or (
        mode != "past" and "that {M}" not in frame and "more than" not in frame and rng.random() < 0.12
    )
    main = draw_clause(rng, (kind, facts["aspect"], good != denied), shared_only=vague, deniable=denied)
    main_text = _said_by(main.text, own)
    if denied and put != "gone":
        main_text = f"{pick(rng, denials)} {main_text}"

    deny_second = mode == "contrast" and "that {D}" not in frame and "Yes, {D}" not in frame and rng.random() < 0.08
    key = (kind, facts["_second"], good == deny_second)
    other = draw_clause(rng, key, shared_only=vague, deniable=deny_second)
    while other.topic == main.topic and put == "topical":
        other = draw_clause(rng, key, shared_only=False, deniable=deny_second)
    other_text = _said_by(other.text, (he, him, his) if mode == "other" else own)
    if deny_second:
        other_text = f"{pick(rng, denials)} {other_text}"

    topics = (main.topic, other.topic)
    if rng.random() < 0.12:
        topics = (f"the {facts['aspect']}", f"the {facts['_second']}")
    verdicts, times = _REVIEWS["verdicts"], "goods" if kind in GROUPS["goods"] else "visit"
    core = frame.format(
        M=main_text,
        N=main_text,
        D=other_text,
        mt=topics[0],
        dt=topics[1],
        sit=pick(rng, verdicts["decides"]),
        min=pick(rng, verdicts["minor"]),
        counts=pick(rng, verdicts["counts"]),
        who=who,
        he=he,
        his=his,
        last=pick(rng, _REVIEWS["times"]["last"][times]),
        this=pick(rng, _REVIEWS["times"]["this"][times]),
    )
    private = {
        "_who": who,
        "_main": _said_by(main.text, ("they", "them", "their")),
        "_denied": "yes" if denied else "",
        "_other": other.topic,
    }
    return core, private, main.specific or (other.specific and put not in ("plain", "gone"))


def _write(rng: Random, facts: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Write one version of the review, sentence by sentence, whatever its length."""
    person = pick(rng, _AROUND["people"]["others"])
    who, kind, again = person[0], facts["kind"], facts["again"]
    core, private, known = _core(rng, facts, person)
    before = [_opener(rng, kind, who)] if not known or rng.random() < 0.06 else []
    after: list[str] = []
    if rng.random() < 0.3 and (again == "unsaid" or rng.random() < 0.2):
        (before if rng.random() < 0.5 else after).append(_feeling(rng, facts["sentiment"] == "positive", who))
    if again != "unsaid":
        after.append(pick(rng, _AROUND["again"][again]).format(v=_AROUND["again_what"][kind], who=who))
    return [*before, core, *after], private


def _finish(rng: Random, parts: Sequence[str]) -> str:
    """Join the sentences: capitals, a filler, an exclamation mark, a lower-case start, each only sometimes."""
    text = ". ".join(parts)
    if rng.random() < 0.14 and not text.startswith(("Yes", "Still", "Do not", "Wait", "To be")):
        keep = text.split(" ", 1)[0].rstrip(",") in ("I", *_NAMES)
        text = f"{pick(rng, _AROUND['fillers'])} {text if keep else text[0].lower() + text[1:]}"
    text = _SENTENCE_START.sub(lambda match: match.group().upper(), text)
    text += "!" if rng.random() < 0.1 else "."
    if rng.random() < 0.1 and not text.startswith(("I ", *_NAMES)):
        text = text[0].lower() + text[1:]
    return text


def _reason(rng: Random, item: Item) -> str:
    """Say which of the two judgements counts."""
    facts = item.facts
    said = "denied" if facts["_denied"] else "said"
    line: str = pick(rng, _AROUND["reasons"][said][facts["_mode"]])
    line = line.format(main=facts["_main"], other=facts["_other"], who=facts["_who"].replace("my ", "the "))
    if line.count(" ") > 13:
        line = f"It is denied that {facts['_main']}." if facts["_denied"] else f"What counts is that {facts['_main']}."
    return line[0].upper() + line[1:]


FAMILY = Family(
    "sentiment",
    draw,
    skills("sentiment", {"aspect": ASPECTS, "other_aspect": ASPECTS, "kind": KINDS}, {"sentiment": _reason}),
)
