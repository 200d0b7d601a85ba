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
from dataclasses import dataclass
from random import Random

from tools.pocket.kinds import Family, Item, Skill, pick


def _split(block: str) -> tuple[str, ...]:
    """A pool written as one block: entries separated by slashes."""
    return tuple(" ".join(entry.split()) for entry in block.split("/"))


KINDS = ("restaurant", "hotel", "phone", "film", "book", "shop")
ASPECTS = ("price", "service", "quality", "comfort", "speed")
VISITS = ("restaurant", "hotel", "shop", "film")
GOODS = ("phone", "book")
GROUPS = {"all": KINDS, "visit": VISITS, "goods": GOODS}

# Judgements, good (+) and bad (-): "kinds aspect sign: clause; clause". The topic of a clause stands in brackets, or in
# [= ] where the clause does not name it; {we} {us} {our} stand for whoever speaks.
CLAUSES = """
all price +: it cost less than planned [=the cost]; {we} paid half of what others ask [=the cost]
all price +: {we} had money left over [=the money]; it cost next to nothing [=the cost]
all price +: there was a big discount [=the discount]
all price -: it cost twice as much as planned [=the cost]; {we} paid more than others ask [=the cost]
all price -: {we} had no money left over [=the money]; it cost far too much [=the cost]
all price -: there were extra costs at the end [=the extra costs]
visit service +: [the staff] smiled at everyone; [the staff] answered every question
visit service +: somebody helped {us} without being asked [=the help]; [the staff] put a mistake right with a smile
visit service +: [the people at the desk] were kind and patient
visit service -: [the staff] looked away; nobody answered {our} questions [=the staff]
visit service -: [the staff] laughed at a simple question; [the people at the desk] were rude
visit service -: nobody said sorry for a mistake [=the staff]
visit comfort +: [the chairs] were soft; it was warm and quiet inside [=the noise level]
visit comfort +: there was plenty of room for {our} legs [=the leg room]; {we} could lean back and rest [=the seats]
visit comfort -: [the chairs] were hard; it was cold and loud inside [=the noise level]
visit comfort -: there was no room for {our} legs [=the leg room]; {we} could hardly move in [the crowd]
visit speed +: {we} hardly had to wait [=the waiting time]; [the line] moved on in no time
visit speed +: {we} got inside in two minutes [=the waiting time]
visit speed -: {we} waited {dur} at the door [=the waiting time]; [the line] did not move for {dur}
visit speed -: everything took {dur} longer than planned [=the waiting time]
goods service +: [the seller] answered every question; [the seller] was kind and patient
goods service +: [the seller] put a mistake right with a smile; [the seller] called back to help
goods service -: [the seller] laughed at a simple question; [the seller] was rude
goods service -: nobody answered {our} questions [=the seller]; [the seller] shouted at {us}
goods speed +: it arrived the next morning [=the delivery]; it came two days early [=the delivery]
goods speed -: it took a month to arrive [=the delivery]; it came two weeks late [=the delivery]
goods comfort +: it felt light in the hand [=the weight]; it felt good to hold [=the weight]
goods comfort -: it felt heavy in the hand [=the weight]; it hurt to hold [=the weight]
goods quality +: it was made to last [=the way it was made]; it looked new after a year [=the way it was made]
goods quality -: it fell apart after a week [=the way it was made]; it looked old after a week [=the way it was made]
restaurant price +: [the bill] was small; the {food} cost less than a cup of tea [=the bill]
restaurant price +: the drinks were free [=the bill]
restaurant price -: [the bill] was a shock; the {food} cost more than a pair of shoes [=the bill]
restaurant price -: even the water cost extra [=the bill]
restaurant service +: [the waiter] brought water without being asked; [the waiter] made the children laugh
restaurant service -: [the waiter] rolled his eyes; [the waiter] shouted at {us}
restaurant quality +: [the {food}] tasted like home cooking; [the {food}] was fresh
restaurant quality +: {we} ate every last bit of [the {food}]; [the cook] knew his job
restaurant quality -: [the {food}] tasted of nothing; [the {food}] was burnt; {we} left half of [the {food}]
restaurant quality -: [the cook] could not cook
restaurant comfort +: {our} table stood in a quiet corner [=the table]
restaurant comfort -: {our} table stood next to the toilets [=the table]
restaurant speed +: the {food} was on the table in five minutes [=the waiting time]; [the kitchen] was fast
restaurant speed -: the {food} took {dur} to come [=the waiting time]; [the kitchen] was slow
hotel price +: the room cost less than a taxi [=the cost of the room]; breakfast was free [=the cost of breakfast]
hotel price -: the room cost a fortune [=the cost of the room]; even the towels cost extra [=the extra costs]
hotel service +: [the maid] brought towels without being asked; [the porter] carried {our} bags with a smile
hotel service -: [the maid] walked in without knocking; [the porter] dropped {our} bags and laughed
hotel quality +: everything in [the room] worked; [the shower] was clean and new
hotel quality +: [the breakfast] tasted like home cooking
hotel quality -: the lamp in [the room] was broken; [the shower] was dirty and broken
hotel quality -: [the breakfast] tasted of nothing
hotel comfort +: [the bed] was soft; {we} slept well every night [=the sleep]
hotel comfort -: [the bed] was hard as stone; {we} lay awake all night [=the sleep]
hotel speed +: {we} got the room key in two minutes [=the waiting time]; [the lift] came at once
hotel speed -: {we} waited {dur} for the room key [=the waiting time]; [the lift] took {dur} to come
phone price +: the calls cost next to nothing [=the cost of calls]; it cost less than a pair of shoes [=the cost]
phone price -: the calls cost a fortune [=the cost of calls]; half a year of pay was gone [=the cost]
phone service +: [the help line] explained every button; [the help line] was kind and patient
phone service -: [the help line] hung up on {us}; [the help line] was rude
phone quality +: [the pictures] came out clear; [the screen] survived every fall; [the battery] lasted for days
phone quality -: [the pictures] came out dark; [the screen] broke in a week; [the battery] died by noon
phone comfort +: [the buttons] were easy to press; it fit well in a pocket [=the size]
phone comfort -: [the buttons] were too small to press; it was too big for a pocket [=the size]
phone speed +: it started in a second [=the waiting time]; every page opened at once [=the waiting time]
phone speed -: it took minutes to start [=the waiting time]; every page took minutes to open [=the waiting time]
film price +: [the tickets] were almost free; the popcorn cost less than a cup of tea [=the cost of popcorn]
film price -: [the tickets] cost a fortune; the popcorn cost more than a dinner [=the cost of popcorn]
film service +: [the man at the door] found {us} better seats; [the ticket lady] helped {us} with a smile
film service -: [the man at the door] pushed {us}; [the ticket lady] shouted at {us}
film quality +: [the actors] made every word feel true; [the story] made {us} laugh and cry
film quality +: [the pictures] were beautiful; [the ending] was clever
film quality -: [the actors] were bad; [the story] made no sense; [the pictures] were ugly; [the ending] was silly
film comfort +: [the seats] felt like a sofa
film comfort -: [the seats] felt like stone
film speed +: the story moved on fast [=the pace]; the scenes flew by [=the pace]
film speed -: the story took {dur} to get going [=the pace]; the scenes dragged on and on [=the pace]
book price +: the copy cost less than a cup of tea [=the cost of the copy]
book price +: the copy was almost free [=the cost of the copy]
book price -: the copy cost a fortune [=the cost of the copy]
book price -: the copy cost more than a dinner [=the cost of the copy]
book service +: [the seller] wrapped the copy with a kind note
book service -: [the seller] threw the copy at {us}
book quality +: the writer made every word feel true [=the writing]; [the story] made {us} laugh and cry
book quality +: the last chapter was clever [=the ending]; the people in [the story] felt real
book quality -: the writer had nothing to say [=the writing]; [the story] made no sense
book quality -: the last chapter was silly [=the ending]; [the pages] fell out
book comfort +: [the print] was large and clear
book comfort -: [the print] was too small to read
book speed +: the story moved on fast [=the pace]; the chapters flew by [=the pace]
book speed -: the story took a hundred pages to get going [=the pace]; the chapters dragged on and on [=the pace]
shop price +: the {goods} cost half of what others ask [=the cost of the {goods}]
shop price +: the {goods} were almost free [=the cost of the {goods}]
shop price -: the {goods} cost a fortune [=the cost of the {goods}]
shop price -: the {goods} cost twice what others ask [=the cost of the {goods}]
shop service +: [the girl at the till] helped {us} pack; a seller found the right size for {us} [=the sellers]
shop service -: [the girl at the till] never looked up; [the sellers] hid from {us}
shop quality +: [the {goods}] lasted for years; [the {goods}] were well made
shop quality +: [the {goods}] looked new after a year
shop quality -: [the {goods}] fell apart in a week; [the {goods}] were badly made; [the {goods}] had holes in them
shop comfort +: [the aisles] were wide and bright; there was a sofa to rest on [=the seats]
shop comfort -: [the aisles] were narrow and dark; there was no place to sit down [=the seats]
shop speed +: the till was free at once [=the waiting time]; {we} paid in no time [=the waiting time]
shop speed -: {we} stood at the till for {dur} [=the waiting time]
shop speed -: the line at the till took {dur} [=the waiting time]
"""
SLOTS: dict[str, tuple[str, ...]] = {
    "{food}": ("soup", "fish", "rice", "bread", "cake"),
    "{goods}": ("shirts", "coats", "toys", "shoes"),
    "{dur}": ("an hour", "half an hour", "two hours", "forty minutes"),
}

PEOPLE = (
    ("my brother", "he", "him", "his"),
    ("my sister", "she", "her", "her"),
    ("my father", "he", "him", "his"),
    ("my mother", "she", "her", "her"),
    ("my friend", "she", "her", "her"),
    ("Tom", "he", "him", "his"),
    ("Ben", "he", "him", "his"),
    ("Anna", "she", "her", "her"),
    ("Mia", "she", "her", "her"),
)
OWN = (("I", "me", "my"), ("we", "us", "our"))

# {sit} the reviewer's own statement that the main clause decides; {min} that the second one does not.
DECIDES = _split("""
that decides it for me / that is what counts for me / that matters most to me / that settles it /
that weighs more for me / that is the main thing for me / my verdict rests on that / I judge by that / I go by that /
that is what I will remember / nothing else matters as much to me / that made up my mind
""")
MINOR = _split("""
that is a small matter / that does not change my mind / that counts for little / that is beside the point /
that makes no difference to me / I do not judge by that / that does not decide it for me / that hardly matters /
that weighs less for me / I do not go by that
""")
COUNTS = (
    "counts for me",
    "decides it for me",
    "matters most to me",
    "settles it",
    "made up my mind",
    "I will remember",
)
CONTRAST = _split("""
{D}, but {M}, and {sit} / {D}. Still, {M}, and {sit} / {D}. Even so, {M}, and {sit} / Although {D}, {M}, and {sit} /
{D}, but {min}: {M} / Yes, {D}, but {min}. {M} / {D}, and yet {M}, and {sit} /
It is true that {D}, but {M}, and {sit} / I know that {D}, but {min}. {M} / {D}. What {counts} is that {M} /
{D}, but what {counts} is that {M} / It hardly matters to me that {D}: {M} / {M}, and {sit}, even if {D} /
{M}, and {sit}, although {D} / {M}. {D}, but {min} / {M}. Yes, {D}, but {min} /
What {counts} is that {M}, not that {D} / {M}. That {D} does not change my mind / {M}, and {sit}. I know that {D} /
{M}, but {D}. The first point {counts} / {D}, but {M}. The second point {counts} /
Two things: {M}, and {D}. The first one {counts} / Two things: {D}, and {M}. The second one {counts}
""")
TOPICAL = _split("""
I care more about {mt} than about {dt}. {M}, but {D} / I care more about {mt} than about {dt}. {D}, but {M} /
I care less about {dt} than about {mt}. {D}, but {M} / I care less about {dt} than about {mt}. {M}, but {D} /
{M}, but {D}, and I judge by {mt} / {D}, but {M}, and I judge by {mt} / {M}, but {D}. I can forget about {dt} /
{D}, but {M}. I do not go by {dt} / {D}. {M}. I put {mt} above {dt} /
{M}. {D}. I put {dt} below {mt}
""")
OTHERS = _split("""
According to {who}, {D}. I see it differently: {M} / {who} told everyone that {D}. All I can say is that {M} /
{who} says that {D}, but that is {his} verdict. Mine is that {M} /
{M}. {who} says that {D}, but {he} does not speak for me / Do not listen to {who}, who says that {D}. {M}, and {sit} /
This is my review, not one by {who}: {M}. {he} says that {D} /
{who} keeps saying that {D}. I do not judge by {who}: {M} /
{M}, and {sit}. {who} tells another story and says that {D} / I say that {M}. It is {who} who says that {D} /
It is {who} who says that {D}. I say that {M}
""")
PAST = _split("""
{last} {D}. {this} {M} / {this} {M}. {last} {D} / {last} {D}, but {this} {M} / {this} {M}, and {sit}. {last} {D} /
It used to be different: {last} {D}. {this} {M} / {this} {M}. It used to be different: {last} {D} /
{last} {D}, but those days are gone. {this} {M} / {last} {D}. I do not judge by the past: {this} {M} /
I do not judge by the past, when {D}. {this} {M}
""")
GONE = _split("""
{last} {N}, but those days are gone, and {sit} / It used to be that {N}. Not any more, and {sit} /
{last} {N}. Not this time, and {sit}
""")
PLAIN = _split("""
{M}, and {sit} / What {counts} is that {M} / {M}. I have nothing to add, {sit} / One thing {counts}: {M} /
{M}. My verdict rests on {mt} / I judge by {mt}, and {M}
""")
DENIALS = (
    "it is not true that ",
    "it is a lie that ",
    "nobody can tell me that ",
    "it is wrong to say that ",
    "I cannot say that ",
    "only a fool would say that ",
)
LAST = (("last year", "last time", "on my first visit"), ("with my old one", "with the last one"))
THIS = (("this time", "this year", "on this visit"), ("with this one", "with the new one"))

# Whole-review feelings, good ones and bad ones that fit the same frames: (past, base form).
FEELINGS = tuple(
    tuple((form.format("was", "found"), form.format("be", "find")) for form in forms)
    for forms in (
        ("{1} it great", "{1} it wonderful", "{1} it good", "{0} very happy", "{0} full of praise"),
        ("{1} it terrible", "{1} it awful", "{1} it bad", "{0} very unhappy", "{0} full of anger"),
    )
)
FEEL_OWN = ("In the end I {f}", "All in all I {f}", "I {f}", "I for one {f}")
FEEL_NOT = _split("""
{who} {f}, but I am not {who} / {who} {f}, unlike me / I thought that I would {b}, but I was wrong /
I expected to {b}, but no / At first I {f}, but not for long / People told me that I would {b}, and they were wrong
""")
FEEL_BOTH = _split("""
{who} {f}, but I {g} / I {g}, though {who} {f} / I expected to {b}, but in the end I {g} /
At first I {f}, but in the end I {g}
""")
AGAIN = {
    "restaurant": "eat there",
    "hotel": "sleep there",
    "phone": "buy it",
    "film": "watch it",
    "book": "read it",
    "shop": "go shopping there",
}
AGAIN_YES = _split("""
I will {v} again / I would {v} again, {who} would not / Will I {v} again? Yes /
I said that I would never {v} again, but I was wrong / {who} will not {v} again, but I will /
My friends should {v} too / Do not wait, {v} too / I did not plan to {v} again, but now I will
""")
AGAIN_NO = _split("""
I will never {v} again / I would not {v} again, {who} would / Will I {v} again? No /
I said that I would {v} again, but I was wrong / {who} will {v} again, but I will not / My friends should not {v} /
Wait, do not {v} / I did plan to {v} again, but now I will not
""")

# What was chosen, or was not: the same pools serve as the thing reviewed and as the decoy.
THINGS = {
    "restaurant": ("a dinner out", "a table in town", "a big dinner with friends", "a lunch out"),
    "hotel": ("two nights by the sea", "a room for the weekend", "a room by the sea", "a bed for the night in town"),
    "phone": ("a new mobile", "a mobile with a big screen", "a mobile for calls and pictures"),
    "film": ("an evening at the cinema", "a new movie", "a movie with friends", "two cinema tickets"),
    "book": ("a new novel", "a thick novel", "a novel for the weekend", "a story to read in bed"),
    "shop": ("an hour of shopping", "a day at the new store", "a trip to the store in town", "shopping with friends"),
}
OPENERS = _split("""
{k}, not {o} / {k} instead of {o} / Not {o} but {k} / Not {o} this time: {k} / My choice was {k}, not {o} /
I chose {k} / We chose {k} this time / This is about {k} / My present was {k} / Instead of {o} I chose {k} /
Instead of {o} we got {k} / {who} wanted {o}, but I chose {k} / {who} chose {o}, and I chose {k} /
I chose {k} over {o} / We gave up {o} for {k} / My present was {k}, not {o} / This is not about {o}, it is about {k} /
This is about {k}, not about {o} / I wanted {o}, but we got {k} / The plan was {o}, but it turned into {k}
""")
FILLERS = ("honestly, ", "well, ", "look, ", "so, ", "to be fair, ", "okay, ", "you know, ")

NEGATIVE_WORD = re.compile(r"\b(?:no|not|nobody|nothing|never|hardly|even|too)\b")
SENTENCE_START = re.compile(r"(?:^|[.!?] )[a-z]")


@dataclass(frozen=True)
class Clause:
    """A judgement on one aspect, with open slots, and a short name of what it is about."""

    text: str
    topic: str
    deniable: bool
    specific: bool


def _pools() -> dict[tuple[str, str, bool], tuple[tuple[Clause, ...], tuple[Clause, ...]]]:
    """Clauses by (kind, aspect, good): those that fit several kinds, and those of this kind only."""
    found: dict[tuple[str, str, bool], tuple[list[Clause], list[Clause]]] = {}
    for line in CLAUSES.strip().splitlines():
        head, body = line.split(": ", 1)
        group, aspect, sign = head.split()
        for entry in body.split("; "):
            topic = entry[entry.index("[") + 1 : entry.index("]")].removeprefix("=")
            text = entry.partition(" [=")[0].replace("[", "").replace("]", "")
            clause = Clause(text, topic, NEGATIVE_WORD.search(text) is None, group not in GROUPS)
            for kind in GROUPS.get(group, (group,)):
                found.setdefault((kind, aspect, sign == "+"), ([], []))[clause.specific].append(clause)
    return {key: (tuple(shared), tuple(own)) for key, (shared, own) in found.items()}


POOLS = _pools()


def _clause(rng: Random, key: tuple[str, str, bool], *, shared_only: bool, deniable: bool) -> Clause:
    """Draw a clause and fill its slots, except for the person."""
    shared, own = POOLS[key]
    while True:
        clause = pick(rng, shared if shared and (shared_only or rng.random() < 0.25) else own)
        if clause.deniable or not deniable:
            break
        shared_only = False
    text, topic = clause.text, clause.topic
    for slot, values in SLOTS.items():
        if slot in text:
            value = pick(rng, values)
            text, topic = text.replace(slot, value), topic.replace(slot, value)
    return Clause(text, topic, clause.deniable, clause.specific)


def _said_by(text: str, person: tuple[str, str, str]) -> str:
    return text.replace("{we}", person[0]).replace("{us}", person[1]).replace("{our}", person[2])


def _other_than(rng: Random, pool: Sequence[str], value: str) -> str:
    while (other := pick(rng, pool)) == value:
        pass
    return other


def _opener(rng: Random, kind: str, who: str) -> str:
    things = {name: pick(rng, THINGS[name]) for name in (kind, _other_than(rng, KINDS, kind))}
    thing, decoy = things.values()
    if rng.random() < 0.06:
        thing = f"a new {kind}"
    return pick(rng, OPENERS).format(k=thing, o=decoy, who=who)


def _feeling(rng: Random, good: bool, who: str) -> str:
    own, (past, base) = pick(rng, FEELINGS[not good]), pick(rng, FEELINGS[good])
    roll = rng.random()
    if roll < 0.35:
        return pick(rng, FEEL_OWN).format(f=own[0])
    return pick(rng, FEEL_NOT if roll < 0.7 else FEEL_BOTH).format(f=past, b=base, g=own[0], who=who)


def draw(rng: Random) -> Item:
    """Decide what is reviewed and how, then write it."""
    good = rng.random() < 0.5
    kind, aspect = pick(rng, KINDS), pick(rng, ASPECTS)
    roll = rng.random()
    mode = "contrast" if roll < 0.6 else "other" if roll < 0.75 else "past" if roll < 0.85 else "plain"
    second = _other_than(rng, ASPECTS, aspect)
    if mode in ("other", "past") and rng.random() < (0.4 if mode == "other" else 0.75):
        second = aspect
    again = rng.random() < 0.45
    facts = {
        "sentiment": "positive" if good else "negative",
        "kind": kind,
        "aspect": aspect,
        "other_aspect": second if mode == "contrast" else "none",
        "again": ("yes" if good else "no") if again else "unsaid",
        "_mode": mode,
        "_second": second,
        # Both clauses would fit other kinds too, where there are such clauses: the opener says what is reviewed.
        "_vague": "yes" if rng.random() < 0.33 else "",
    }
    while True:
        parts, private = _write(rng, facts)
        words = sum(part.count(" ") + 1 for part in parts)
        if words <= 20 or (words <= 37 and rng.random() < (0.4 if words <= 25 else 0.07)):
            return Item(_finish(rng, parts), facts | private)


def _core(rng: Random, facts: Mapping[str, str], person: tuple[str, str, str, str]) -> tuple[str, dict[str, str], bool]:
    """Write the two judgements in a frame; also what the reasoning needs, and whether they show the kind of thing."""
    good, kind, mode = facts["sentiment"] == "positive", facts["kind"], facts["_mode"]
    who, he, him, his = person
    own = pick(rng, OWN)
    frames = {"contrast": CONTRAST, "other": OTHERS, "past": PAST, "plain": PLAIN}[mode]
    if mode == "past" and rng.random() < 0.25:
        frames = GONE
    if mode == "contrast" and rng.random() < 0.15:
        frames = TOPICAL
    frame = pick(rng, frames)
    vague = facts["_vague"] == "yes"

    denied = frames is GONE or (
        mode != "past" and "that {M}" not in frame and "more than" not in frame and rng.random() < 0.12
    )
    main = _clause(rng, (kind, facts["aspect"], good != denied), shared_only=vague, deniable=denied)
    main_text = _said_by(main.text, own)
    if denied and frames is not GONE:
        main_text = pick(rng, DENIALS) + main_text

    deny_second = mode == "contrast" and "that {D}" not in frame and "Yes, {D}" not in frame and rng.random() < 0.08
    key = (kind, facts["_second"], good == deny_second)
    other = _clause(rng, key, shared_only=vague, deniable=deny_second)
    while other.topic == main.topic and frames is TOPICAL:
        other = _clause(rng, key, shared_only=False, deniable=deny_second)
    other_text = _said_by(other.text, (he, him, his) if mode == "other" else own)
    if deny_second:
        other_text = pick(rng, DENIALS) + other_text

    topics = (main.topic, other.topic)
    if rng.random() < 0.12:
        topics = (f"the {facts['aspect']}", f"the {facts['_second']}")
    core = frame.format(
        M=main_text,
        N=main_text,
        D=other_text,
        mt=topics[0],
        dt=topics[1],
        sit=pick(rng, DECIDES),
        min=pick(rng, MINOR),
        counts=pick(rng, COUNTS),
        who=who,
        he=he,
        his=his,
        last=pick(rng, LAST[kind in GOODS]),
        this=pick(rng, THIS[kind in GOODS]),
    )
    private = {
        "_who": who,
        "_main": _said_by(main.text, ("they", "them", "their")),
        "_denied": "yes" if denied else "",
        "_other": other.topic,
    }
    return core, private, main.specific or (other.specific and frames not in (PLAIN, GONE))


def _write(rng: Random, facts: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Write one version of the review, sentence by sentence, whatever its length."""
    person = pick(rng, PEOPLE)
    who, kind, good = person[0], facts["kind"], facts["sentiment"] == "positive"
    core, private, known = _core(rng, facts, person)
    before = [_opener(rng, kind, who)] if not known or rng.random() < 0.06 else []
    after: list[str] = []
    if rng.random() < 0.3 and (facts["again"] == "unsaid" or rng.random() < 0.2):
        (before if rng.random() < 0.5 else after).append(_feeling(rng, good, who))
    if facts["again"] != "unsaid":
        after.append(pick(rng, AGAIN_YES if good else AGAIN_NO).format(v=AGAIN[kind], who=who))
    return [*before, core, *after], private


def _finish(rng: Random, parts: Sequence[str]) -> str:
    """Join the sentences: capitals, a filler, an exclamation mark, a lower-case start, each only sometimes."""
    text = ". ".join(parts)
    if rng.random() < 0.14 and not text.startswith(("Yes", "Still", "Do not", "Wait", "To be")):
        first = text.split(" ", 1)[0].rstrip(",")
        keep = first in ("I", "Tom", "Ben", "Anna", "Mia")
        text = pick(rng, FILLERS) + (text if keep else text[0].lower() + text[1:])
    text = SENTENCE_START.sub(lambda match: match.group().upper(), text)
    text += "!" if rng.random() < 0.1 else "."
    if rng.random() < 0.1 and not text.startswith(("I ", "Tom", "Ben", "Anna", "Mia")):
        text = text[0].lower() + text[1:]
    return text


REASONS: Mapping[str, tuple[str, ...]] = {
    "contrast": (
        "Here {main}; {other} came second.",
        "{main}, and this outweighs {other}.",
        "The writer sets {other} aside, because {main}.",
        "What decides is that {main}, not {other}.",
    ),
    "other": (
        "The writer, not {who}, says that {main}.",
        "{who} does not speak for the writer: {main}.",
        "Only {who} disagrees: {main}.",
    ),
    "past": ("Only this time counts: {main}.", "Past things do not count; now {main}."),
    "plain": ("It all rests on one thing: {main}.", "What decides is that {main}.", "The writer says that {main}."),
}
DENIED_REASONS: Mapping[str, tuple[str, ...]] = {
    "contrast": (
        "It is denied that {main}; {other} came second.",
        "It is not so that {main}, which outweighs {other}.",
    ),
    "other": ("The writer denies that {main}, whatever {who} says.",),
    "past": ("It is no longer so that {main}.", "Only in the past was it so that {main}."),
    "plain": ("The writer denies that {main}.", "What decides is a denial that {main}."),
}


def reason(rng: Random, item: Item) -> str:
    """Say which of the two judgements counts."""
    facts = item.facts
    pools = DENIED_REASONS if facts["_denied"] else REASONS
    who = facts["_who"].replace("my ", "the ")
    line = pick(rng, pools[facts["_mode"]]).format(main=facts["_main"], other=facts["_other"], who=who)
    if line.count(" ") > 13:
        line = f"It is denied that {facts['_main']}." if facts["_denied"] else f"What counts is that {facts['_main']}."
    return line[0].upper() + line[1:]


def _other_aspect(item: Item) -> str | None:
    value = item.facts["other_aspect"]
    return None if value == "none" else value


SENTIMENT_PHRASINGS = _split("""
What is the overall sentiment? / Which sentiment does the review express? /
Judge the overall sentiment of this text. / How does the writer judge it, all in all? /
Tell me what the final verdict of the reviewer is. / Decide whether the writer is satisfied in the end. /
Is this a good or a bad verdict overall? / Work out the sentiment of the comment as a whole. /
What does the reviewer think of it in the end? / Name the sentiment of the text. /
Classify the review by its overall sentiment. / After weighing everything, how does the reviewer feel about it? /
Say which way the verdict goes. / Read the review and give its sentiment. / Which way does this comment lean? /
Find the writer's own overall opinion, not that of anybody else. /
Look at what counts for the writer and state the sentiment. / Would you say that the customer came away pleased? /
What kind of verdict is this? / Sum up the attitude of the writer towards the thing reviewed. /
The text mentions good and bad points. Which side wins? / Label the sentiment of the statement. /
Does the writer like it or not, on the whole? / What is the polarity of this opinion? /
I need the sentiment of this customer comment. / Assess whether the reviewer is for or against it.
""")
ASPECT_PHRASINGS = _split("""
Which aspect does the verdict rest on? / What is the main reason for the overall judgement? /
Name the aspect that decides it for the reviewer. / Which aspect matters most to the writer here? /
Find the aspect that the final opinion is based on. / What tipped the balance for the writer? /
Say what the reviewer's judgement depends on. / Which point counts most in this review? /
Tell me the deciding aspect. / Pick out the aspect behind the overall verdict. /
What is it that made up the reviewer's mind? / Identify the aspect that outweighs the rest. /
On what aspect does the reviewer base the verdict? / Which aspect is the decisive one? /
What does the writer care about most in this text? / Give the aspect that settles the matter for the customer. /
The reviewer gives one main reason. What is it about? / Classify the review by its deciding aspect. /
Which side of the experience drives the verdict? / What is the reviewer's strongest point about?
""")
OTHER_PHRASINGS = _split("""
Which aspect does the reviewer judge the other way? / What speaks against the final verdict? /
Name the aspect that is outweighed. / Which aspect does not decide the verdict, although the reviewer mentions it? /
What is the less important point about? / Find the aspect that goes against the overall judgement. /
Tell me which aspect the writer sets aside. / Which point counts less for the reviewer? /
Identify the aspect that pulls in the opposite direction. / What does the writer mention but not judge by?
""")
KIND_PHRASINGS = _split("""
What is being reviewed? / What kind of thing is the review about? / Name what the writer is judging. /
Which kind of thing does the comment describe? / Say what sort of thing this opinion is about. /
Find out what the customer paid for. / What did the reviewer try out? /
Classify the text by the kind of thing that it reviews. / Tell me what this is a review of. /
Which sort of place or product is meant?
""")

FAMILY = Family(
    name="sentiment",
    draw=draw,
    skills=(
        Skill(
            name="sentiment",
            phrasings=SENTIMENT_PHRASINGS,
            noun="sentiment",
            labels=("positive", "negative"),
            sentence="The overall sentiment is {label}.",
            answer=lambda item: item.facts["sentiment"],
            weight=5.0,
            reason=reason,
        ),
        Skill(
            name="aspect",
            phrasings=ASPECT_PHRASINGS,
            noun="aspect",
            labels=ASPECTS,
            sentence="The verdict rests on the {label}.",
            answer=lambda item: item.facts["aspect"],
            weight=2.5,
        ),
        Skill(
            name="other_aspect",
            phrasings=OTHER_PHRASINGS,
            noun="other aspect",
            labels=ASPECTS,
            sentence="The reviewer judges the {label} the other way.",
            answer=_other_aspect,
        ),
        Skill(
            name="kind",
            phrasings=KIND_PHRASINGS,
            noun="kind",
            labels=KINDS,
            sentence="The review is about a {label}.",
            answer=lambda item: item.facts["kind"],
        ),
    ),
)
