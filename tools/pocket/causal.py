"""Very short stories with two candidate causes of one bad outcome, of which exactly one brought it about.

Each story first fixes a winner (whose deed or neglected duty brought the outcome about) and a loser (whose part did
not count), then writes both with the same words. Only the structure tells them apart: the order in time,
what was put right in time, what made a difference, who was only blamed, whose duty it was. The closing sentence says
which of the two the question is about, so the same words make yes-stories and no-stories.

What the named person wanted is drawn apart from that. The opposite wish is mostly in the text as well: it is the
other person's, or lies in the past, or is only said of the person, or is denied.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tools.pocket.kinds import Family, Item, Skill, pick


@dataclass(frozen=True)
class Part:
    """A candidate cause: who, and what was done or left undone."""

    name: str
    role: str
    """Said once before the name, where not empty."""
    he: str
    """he, she or it"""
    person: bool
    act: bool
    past: str
    had: str


@dataclass(frozen=True)
class Scene:
    """One outcome and what can lead to it. A deed is (its object, verb, rest); two deeds never share an object."""

    noun: str
    one: str
    """The noun with its article."""
    events: tuple[str, ...]
    acts: tuple[tuple[str, str, str], ...]
    omissions: tuple[tuple[str, str, str], ...]
    """With the bare verb."""
    things: tuple[tuple[str, str, str, str], ...]
    """(object, subject, verb, rest)"""


# = outcome, ! what is seen of it, + deeds, - what can be left undone, * what weather, machines and animals do.
SCENES_TEXT = """
= flood: a flood
! water stood in every room | the whole house was under water
+ valve: opened the main valve | hose: cut the big hose | pipe: broke the water pipe
+ plug: pulled the plug of the tank | drain: blocked the drain
- tap: close the bath tap | drain: clean the drain | pump: switch on the pump | gate: lock the river gate
* bank: the rain > broke the river bank | pipe: the frost > broke the old pipe
* joint: the old boiler > came loose
= fire: a fire
! the roof was in flames | flames came out of the windows
+ match: dropped a lit match | lamp: put a coat on the hot lamp | stove: spilled oil on the hot stove
+ ash: put hot ash in the bin | pan: heated up a pan of oil
- iron: switch off the iron | candle: cover the candle | oven: clean the oven | grill: watch the grill
* roof: the lightning > hit the roof | heater: the old heater > threw sparks
* wire: the sun > heated up the oil cans
= crash: a crash
! two cars hit each other | a bus ran into a wall
+ sign: moved the stop sign | oil: spilled oil on the road | cart: pushed a cart onto the road
+ bike: dropped a bike on the road | signal: switched off the signal
- brakes: check the brakes | ice: clear the ice off the road | hole: cover the hole in the road
- gate: close the rail gate
* tree: the wind > blew a tree onto the road | stones: the rain > washed stones onto the road
* signal: the old signal > went dead
= delay: a delay
! the train was hours late | everyone had to wait for hours
+ keys: took the train keys home | van: parked a van on the track | cord: pulled the stop cord
+ crew: sent the crew home | plan: changed the plan of the day
- fuel: order the fuel | driver: call the driver | papers: sign the papers | bags: load the bags
* track: the snow > covered the track | signal: the old signal > went dead
* tree: the wind > blew a tree onto the track
= leak: a leak
! oil ran out onto the floor | drops fell from the tank
+ wall: drilled a hole into the tank | pipe: bent the oil pipe | side: hit the tank with a cart
+ bolts: turned the bolts | top: dropped a hammer on the tank
- cap: close the cap | seal: change the old seal | valve: check the side valve | hose: fix the worn hose
* joint: the frost > broke the joint of the tank | rust: the rust > made a hole in the tank
* shake: the old pump > shook the tank
= injury: an injury
! a worker broke a leg | a child was badly hurt
+ steps: moved the steps | hammer: dropped a hammer from the roof | stone: threw a stone over the wall
+ soap: spilled soap on the floor | rail: took the rail off
- dog: lock up the big dog | ice: clear the ice off the path | ladder: fix the worn ladder
- hole: cover the hole in the floor
* branch: the wind > blew down a big branch | shelf: the old shelf > came down
* lift: the old lift > dropped two floors
= loss: a big loss
! all the files were gone | years of work were gone
+ folder: cleared the main folder | tea: spilled tea on the computer | disk: wiped the disk
+ papers: put the papers in the bin | box: sent the box of files away
- files: save the files | copy: print a copy | safe: lock the safe | battery: change the old battery
* computer: the lightning > hit the computer | disk: the old disk > went dead
* disk: the virus > wiped the disk
= noise: a loud noise
! nobody in the street could sleep | the whole street was woken up
+ speakers: turned up the speakers | drill: switched on the drill | bell: pulled the cord of the bell
+ siren: started the siren | pans: dropped a box of pans
- gate: oil the old gate | radio: switch off the radio | dog: lock up the big dog
- door: close the door of the band room
* roof: the wind > shook the loose roof | alarm: the old alarm > went off | fan: the old fan > came loose
= blackout: a blackout
! every light in town went out | the whole town was dark
+ cable: cut the power cable | switch: pulled the main switch | heaters: switched on ten big heaters
+ box: spilled water on the fuse box | plant: turned off the power plant
- fuel: order fuel for the power plant | fuse: change the old fuse | wire: cover the loose wire
- tree: move the tree off the line
* line: the lightning > hit the power line | line: the wind > blew down the power line
* rat: the rat > bit into the cable
= breakdown: a breakdown
! the machine went dead | the machine did not start again
+ sand: dropped sand into the engine | wire: pulled out a wire | tea: spilled tea on the engine
+ speed: turned up the speed of the motor | bolts: took out the bolts
- oil: change the oil | water: check the water | filter: clean the filter | belt: fix the worn belt
* filter: the sand > blocked the filter | belt: the sun > heated up the belt
* frost: the frost > broke the motor
"""
PERFECT = {
    "broke": "broken",
    "took": "taken",
    "threw": "thrown",
    "blew": "blown",
    "went": "gone",
    "came": "come",
    "shook": "shaken",
    "bit": "bitten",
}


def listed(text: str, by: str = " | ") -> tuple[str, ...]:
    return tuple(text.split(by))


def read_scenes(text: str) -> tuple[Scene, ...]:
    scenes = []
    for block in text.strip().split("= ")[1:]:
        lines = block.strip().split("\n")
        rows: dict[str, list[str]] = {"!": [], "+": [], "-": [], "*": []}
        for line in lines[1:]:
            rows[line[0]] += listed(line[2:])
        acts: list[tuple[str, str, str]] = []
        omissions: list[tuple[str, str, str]] = []
        things: list[tuple[str, str, str, str]] = []
        for mark, deeds in (("+", acts), ("-", omissions)):
            for row in rows[mark]:
                thing, deed = row.split(": ")
                verb, rest = deed.split(" ", 1)
                deeds.append((thing, verb, rest))
        for row in rows["*"]:
            thing, happening = row.split(": ")
            subject, deed = happening.split(" > ")
            verb, rest = deed.split(" ", 1)
            things.append((thing, subject, verb, rest))
        noun, one = lines[0].split(": ")
        scenes.append(Scene(noun, one, tuple(rows["!"]), tuple(acts), tuple(omissions), tuple(things)))
    return tuple(scenes)


SCENES = read_scenes(SCENES_TEXT)
NOUNS = tuple(scene.noun for scene in SCENES)
WOMEN = listed("Mara Anna Lena Rosa Nina Clara Emma Julia Sara Paula Ivy Ruth Kate Lucy Maria Ella", " ")
MEN = listed("Tom Paul Ben Karl Max Leo Omar David Peter Sam Jack Adam Ivan Mark Noah Felix", " ")
ROLES = listed("cook guard driver nurse teacher student farmer painter cleaner clerk baker doctor", " ")
OUTSIDERS = ("the owner", "the boss", "a neighbor", "a friend")

# How the story tells the winner from the loser. {w} and {l} are their clauses ("Mara opened the main valve"), {W} and
# {L} the same at the start of a sentence, {wh} and {lh} with "had" and a pronoun, {wp} and {lp} with "had" and a name,
# {wn} and {ln} names, {e} what happened, {x} "a flood", "|" a full stop.
LATE = (
    "first {w}, then {e}, and then {l}",
    "{W}; after that {e}; then {l}",
    "{W}|{e}|later on, {l}",
    "there was {x}|{w} before it, {l} after it",
    "{e}, since {wp}|later, {l}",
    "{W}|soon {e}|afterwards {l}",
    "{W}, and then {e}|the day after that, {l}",
    "{W}, and {e}|when it was all over, {l}",
    "a day after the {o}, {l}|a day before it, {w}",
    "a day before the {o}, {w}|a day after it, {l}",
    "after the {o}, {l}|before it, {w}",
    "before the {o}, {w}|after it, {l}",
    "first {w}|then {e}|last of all {l}",
    "last of all {l}|before that {e}, and first of all {w}",
)
HARMLESS = (
    "{L}, without effect|{W}, and at once {e}",
    "{W}, so {e}|{L}, without effect",
    "{L}, but that changed nothing|then {w}, and at once {e}",
    "{W}, and that was enough: {e}|that {lp} made little difference",
    "{W}, and this led to {x}|{L}, but that did not matter",
    "{W}, which was bad enough: {e}|{L}, which changed nothing",
    "that {lp} did not matter|that {wp} did: {e}",
    "{L}, but alone that did nothing|{W}, and that was enough: {e}",
)
UNDONE = (
    "{L}, which was soon fixed|{W}, and {e}",
    "{W}, so {e}|{L}, but that was fixed in time",
    "{L}, but somebody put that right in time|{W}, and nobody put that right, so {e}",
    "{W}, and nobody put that right|{L}, but somebody fixed that in time|then {e}",
    "{L}, but that was fixed in time|{W}, which was not fixed, and {e}",
    "{W}, and it stayed like that until {e}|{L}, but that was soon put right",
    "{L}, but that was soon put right again|{W}, and it was left like that, so {e}",
    "{W}, and nobody saw it until {e}|{L}, but somebody fixed that in time",
)
BLAME = (
    "there was {x} because {wp}, not because {lp}",
    "not because {lp} but because {wp}, there was {x}",
    "it was because {wp}, and not because {lp}, that {e}",
    "{e}, and not because {lp}: {wp}",
    "everyone blamed {ln} for the {o}, since {lh}|the report showed it was {wn}: {wh}",
    "at first {ln} was blamed for the {o}, since {lh}|in truth it came from {wn}: {wh}",
    "the {o} did not come from {ln}, though {lh}|it came from {wn}, since {wh}",
    "the {o} came from {wn}, since {wh}|it did not come from {ln}, though {lh}",
    "I thought the {o} came from {ln}, since {lh}|I was wrong: it was {wn}, since {wh}",
    "it was {wn} that was behind the {o}, since {wh}|people still blamed {ln}, since {lh}",
    "some said the {o} came from {ln}, since {lh}|the film showed that it was {wn}: {wh}",
    "the {o} was because of {wn}: {wh}|people blamed {ln}, since {lh}, but they were wrong",
)
DUTY = (
    "nobody {past}, so {e}|it was up to {wn}, not {ln}",
    "nobody {past}, and {e}|the job was with {wn}, not {ln}",
    "neither {p} nor {q} {past}, and so {e}|this was the job of {wn}; {ln} was there on a visit",
    "it was the turn of {wn} to {base}, and {ln} had the day off|nobody {past}, so {e}",
    "last week {ln} had to {base}, but this week it was up to {wn}|nobody did it, and {e}",
    "to {base} was up to {wn} and not to {ln}|neither did it, and {e}",
    "it was up to {wn} this week to {base}; last week it was up to {ln}|nobody {past}, and {e}",
    "neither {p} nor {q} {past}, so {e}|it was the job of {wn}, not of {ln}",
    "nobody {past}, and {e}|everyone asked {ln}, but it was the job of {wn} to do it",
    "I thought {ln} had to {base}, but it was the turn of {wn}|nobody did it, and {e}",
)

# What somebody wanted. {x} is "a flood" or "one"; those with "it" or "this" come after the story.
WANT = listed(
    "wanted {x} | hoped for {x} | wished for {x} | longed for {x} | prayed for {x} | waited eagerly for {x}"
    " | was happy at the thought of {x} | was keen on {x} | had a wish for {x} | was eager for {x}"
)
SHUN = listed(
    "wanted to prevent {x} | hoped to prevent {x} | feared {x} | was afraid of {x} | hoped for a quiet day"
    " | wished for a quiet day | prayed for a safe day | was sick at the thought of {x} | was worried about {x}"
    " | wanted to keep all safe | was keen to prevent {x} | had a fear of {x}"
)
WANT_AFTER = listed(
    "got just what {he} had hoped for | had wanted this to happen | had hoped that it would happen"
    " | had meant it to happen | had waited for this to happen | had wished for this all along"
)
SHUN_AFTER = listed(
    "got just what {he} had feared | had wanted to prevent this | had hoped that it would never happen"
    " | had never meant it to happen | had not seen this coming | had feared this all along"
)
OF_TWO = (
    "{a} {f}, while {b} {g}",
    "{a} {f}; {b}, on the other hand, {g}",
    "{a} {f}, but {b} {g}",
    "{a} {f}, and {b}, far from that, {g}",
    "while {a} {f}, {b} {g}",
    "{a} {f}; {b} {g}",
    "{a} {f} and {b} {g}",
    "{a} {f}; {b} felt otherwise and {g}",
    "{a} {f}, whereas {b} {g}",
)
UNLIKE = (
    "unlike {b}, {a} {f}",
    "it was {a}, not {b}, who {f}",
    "{a} {f}, unlike {b}",
    "{a}, not {b}, {f}",
    "only {a} {f}; {b} felt otherwise",
)
OF_ONE_PAST = (
    "years before, {a} {g}, but now {he} {f}",
    "once {a} {g}, but that day {he} {f}",
    "as a child {a} {g}, but now {he} {f}",
    "that day {a} {f}, though once {he} {g}",
    "now {a} {f}, though as a child {he} {g}",
)
OF_ONE_TALK = (
    "people said {a} {g}, but in truth {he} {f}",
    "some thought {a} {g}, but {he} really {f}",
    "people thought {a} {g}; in fact {he} {f}",
    "in truth {a} {f}, though people thought {he} {g}",
    "{a} really {f}, though some said {he} {g}",
)
PLAIN = ("all along {a} {f}", "the truth is that {a} {f}", "in fact {a} {f}", "{a} {f}, as everyone knows")

# The same, said together with the deed; those of the first two also fit "not ... but ...".
WITH_DENIED = listed(
    "out of spite | out of hate | to get even | to make trouble | with {x} in mind | with a plan for {x}"
)
WITHOUT_DENIED = listed("by mistake | by accident | in a rush | with other things in mind | with a plan to help")
WITH = (*WITH_DENIED, "hoping for {x}", "wanting {x}")
WITHOUT = (*WITHOUT_DENIED, "half asleep", "deep in thought", "wanting to help", "without a thought of {x}")

ASK = (
    "the question is about {a} and the {o}",
    "the question is what {a} had to do with the {o}",
    "this is about {a} and the {o}",
    "now think about {a} and the {o}",
    "we ask about {a} and the {o}",
    "what is asked here is about {a} and the {o}",
    "it is {a} and the {o} that we ask about",
    "so, what about {a} and the {o}?",
    "the case here is {a} and the {o}",
    "please think of {a} and the {o}",
    "I am asking about {a} and the {o}",
    "we ask about {a}",
    "the question is about {a}",
    "now, what about {a}?",
    "think about {a}",
    "we ask about {a} here",
    "this is about {a}",
)
ASK_NOT = (
    "the question is about {a} and not about {b}",
    "we ask about {a}, not about {b}",
    "never mind {b}: the question is about {a}",
    "leave {b} aside and think about {a}",
    "this is about {a}, not about {b}",
    "not {b} but {a} is the one we ask about",
    "the question is about {a} and the {o}, not the {old} of last year",
    "we ask about {a} and the {o}, not the {old} of last year",
)
OPENERS = ("well, ", "so, ", "honestly, ", "listen: ", "you know, ", "as far as I know, ")
LONGEST = 40


def fill(phrase: str, x: str, he: str = "") -> str:
    return phrase.replace("{x}", x).replace("{he}", he)


def ed(verb: str) -> str:
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def draw_person(rng: Random, scene: Scene, act: bool, plain: bool, taken: tuple[str, str]) -> tuple[Part, str]:
    """A person with a deed on another object than the taken one, under another name; plain: without "never"."""
    while True:
        woman, style, form = rng.random() < 0.5, rng.random(), rng.random()
        role = pick(rng, ROLES)
        name = f"the {role}" if style < 0.2 else pick(rng, WOMEN if woman else MEN)
        thing, verb, rest = pick(rng, scene.acts if act else scene.omissions)
        if name == taken[0] or thing == taken[1]:
            continue
        if act:
            past, had = f"{verb} {rest}", f"had {PERFECT.get(verb, verb)} {rest}"
        else:
            past = f"did not {verb} {rest}" if form < 0.5 else f"failed to {verb} {rest}"
            if form > 0.8 and not plain:
                past = f"never {ed(verb)} {rest}"
            had = f"had not {ed(verb)} {rest}"
        before = role if 0.2 <= style < 0.4 and not taken[0].endswith(role) else ""
        return Part(name, before, "she" if woman else "he", True, act, past, had), thing


def draw_thing(rng: Random, scene: Scene, taken: str) -> Part:
    """The weather, a machine or an animal as the other candidate."""
    while True:
        thing, subject, verb, rest = pick(rng, scene.things)
        if thing != taken:
            return Part(subject, "", "it", False, True, f"{verb} {rest}", f"had {PERFECT.get(verb, verb)} {rest}")


def clause(rng: Random, part: Part, how: str, first: bool) -> str:
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


def perfect(part: Part, how: str) -> str:
    if not how:
        return f"{part.name} {part.had}"
    return (
        f"{part.name} {part.had} {how}"
        if part.act and not how.startswith("who ")
        else f"{part.name}, {how}, {part.had}"
    )


def tell(rng: Random, way: str, scene: Scene, winner: Part, loser: Part, how: tuple[str, str]) -> str:
    """The story proper: both parts and what happened, in the chosen way."""
    event = f"there was {scene.one}" if rng.random() < 0.5 else pick(rng, scene.events)
    if way == "duty":
        _, verb, rest = pick(rng, scene.omissions)
        one, two = (winner, loser) if rng.random() < 0.5 else (loser, winner)
        return pick(rng, DUTY).format(
            p=one.name,
            q=two.name,
            past=f"{ed(verb)} {rest}",
            base=f"{verb} {rest}",
            wn=winner.name,
            ln=loser.name,
            e=event,
        )
    return pick(rng, FRAMES[way]).format(
        w=clause(rng, winner, how[0], False),
        W=clause(rng, winner, how[0], True),
        wp=perfect(winner, how[0]),
        wh=f"{winner.he} {winner.had}",
        wn=winner.name,
        l=clause(rng, loser, how[1], False),
        L=clause(rng, loser, how[1], True),
        lp=perfect(loser, how[1]),
        lh=f"{loser.he} {loser.had}",
        ln=loser.name,
        e=event,
        o=scene.noun,
        x=scene.one,
    )


FRAMES = {"late": LATE, "harmless": HARMLESS, "undone": UNDONE, "blame": BLAME}
WAYS = tuple(FRAMES)
MANNERED = ("harmless", "undone")


def draw_manner(rng: Random, x: str, wanted: bool, agent: Part, other: Part) -> tuple[str, str, str]:
    """(said with the person's deed, said with the other's deed, the reason that follows)."""
    if other.person and rng.random() < 0.8:
        mine, theirs = (WITH, WITHOUT) if wanted else (WITHOUT, WITH)
        true, false = fill(pick(rng, mine), x), fill(pick(rng, theirs), x)
        return true, false, f"of {agent.name} we read {true}; {false} is about {other.name}"
    mine, theirs = (WITH_DENIED, WITHOUT_DENIED) if wanted else (WITHOUT_DENIED, WITH_DENIED)
    true, false = fill(pick(rng, mine), x), fill(pick(rng, theirs), x)
    both = f"{true} and not {false}" if rng.random() < 0.5 else f"not {false} but {true}"
    return both, "", f"of {agent.name} we read {true}; the rest is denied"


def draw_relative(rng: Random, x: str, wanted: bool, agent: Part, other: Part) -> tuple[str, str, str]:
    """The same as draw_manner, with a wish in a relative clause."""
    mine, theirs = (WANT, SHUN) if wanted else (SHUN, WANT)
    bare, opposite = pick(rng, mine), pick(rng, theirs)
    true = fill(bare, x)
    if other.person and rng.random() < 0.85:
        because = f"{agent.name} {true}; the rest is about {other.name}"
        return f"who {true}", f"who {fill(opposite, x)}", because
    once = f"who once {fill(opposite, x)} but now {fill(bare, 'one' if '{x}' in opposite else x)}"
    return once, "", f"{agent.name} now {true}; the rest was earlier"


def draw_wish(rng: Random, x: str, wanted: bool, agent: Part, other: Part, after: bool) -> tuple[str, str]:
    """(a sentence on what the person wanted, the reason that follows)."""
    dice = rng.random()
    mine, theirs = (WANT, SHUN) if wanted else (SHUN, WANT)
    bare, opposite = pick(rng, mine), pick(rng, theirs)
    if dice < 0.3:
        true = fill(bare, x)
        return pick(rng, PLAIN).format(a=agent.name, f=true), f"{agent.name} {true}, and nothing speaks against it"
    if dice < 0.4:
        past = rng.random() < 0.5
        frame = pick(rng, OF_ONE_PAST if past else OF_ONE_TALK)
        if frame.index("{f}") < frame.index("{g}"):
            f, g = fill(bare, x), fill(opposite, "one" if "{x}" in bare else x)
        else:
            f, g = fill(bare, "one" if "{x}" in opposite else x), fill(opposite, x)
        gone = "the rest was earlier" if past else "the rest was only talk"
        return frame.format(a=agent.name, he=agent.he, f=f, g=g), f"{agent.name} {fill(bare, x)}; {gone}"
    name, he = (other.name, other.he) if other.person else (pick(rng, OUTSIDERS), "he")
    if dice < 0.55:
        wish = fill(pick(rng, WANT), x)
        if wanted:
            return pick(rng, UNLIKE).format(a=agent.name, b=name, f=wish), f"{agent.name} {wish}; {name} felt otherwise"
        return pick(rng, UNLIKE).format(a=name, b=agent.name, f=wish), f"{name} {wish}; {agent.name} felt otherwise"
    if after and rng.random() < 0.6:
        mine, theirs = (WANT_AFTER, SHUN_AFTER) if wanted else (SHUN_AFTER, WANT_AFTER)
        bare, opposite = pick(rng, mine), pick(rng, theirs)
    because = f"{agent.name} {fill(bare, x, agent.he)}; the rest is about {name}"
    if rng.random() < 0.5:
        f, g = fill(bare, x, agent.he), fill(opposite, "one" if "{x}" in bare else x, he)
        return pick(rng, OF_TWO).format(a=agent.name, b=name, f=f, g=g), because
    f, g = fill(opposite, x, he), fill(bare, "one" if "{x}" in opposite else x, agent.he)
    return pick(rng, OF_TWO).format(a=name, b=agent.name, f=f, g=g), because


def finish(rng: Random, raw: str) -> str:
    """Sentences from the raw text: capitals, full stops, now and then an informal start or an exclamation."""
    style = rng.random()
    if style < 0.12:
        raw = pick(rng, OPENERS) + raw
    lines = [line[0].upper() + line[1:] for line in raw.split("|")]
    if 0.08 < style < 0.18 and not raw[:3].istitle():
        lines[0] = raw[0] + lines[0][1:]
    if rng.random() < 0.08:
        lines[-2] += "!"
    return " ".join(line if line[-1] in "!?" else line + "." for line in lines)


def compose(rng: Random, scene: Scene, way: str, person: bool, facts: dict[str, str]) -> Item:
    caused, wanted, act = facts["caused"] == "yes", facts["intended"] == "yes", facts["kind"] == "act"
    plain = way == "late"
    agent, thing = draw_person(rng, scene, act, plain, ("", ""))
    if person:
        other_act = way != "duty" and (act if rng.random() < 0.4 else not act)
        other, _ = draw_person(rng, scene, other_act, plain, (agent.name, thing))
    else:
        other = draw_thing(rng, scene, thing)
    winner, loser = (agent, other) if caused else (other, agent)
    if way not in ("blame", "duty") and rng.random() < 0.35:
        say = draw_manner if way in MANNERED and rng.random() < 0.6 else draw_relative
        own, foreign, meant = say(rng, scene.one, wanted, agent, other)
        raw = tell(rng, way, scene, winner, loser, (own, foreign) if caused else (foreign, own))
    else:
        after = rng.random() < 0.6
        raw = tell(rng, way, scene, winner, loser, ("", ""))
        wish, meant = draw_wish(rng, scene.one, wanted, agent, other, after)
        raw = f"{raw}|{wish}" if after else f"{wish}|{raw}"
    old = pick(rng, NOUNS)
    asks = ASK if rng.random() < 0.9 else ASK_NOT if old != scene.noun else ASK_NOT[:-2]
    ask = pick(rng, asks).format(a=agent.name, b=other.name, o=scene.noun, old=old)
    for part in (agent, other):
        if part.role:
            raw = raw.replace(part.name, f"the {part.role} {part.name}", 1)
    hidden = {"_way": way, "_agent": agent.name, "_other": other.name, "_meant": meant}
    return Item(finish(rng, f"{raw}|{ask}"), {**facts, **hidden})


def draw(rng: Random) -> Item:
    scene = pick(rng, SCENES)
    facts = {
        "caused": "yes" if rng.random() < 0.5 else "no",
        "intended": "yes" if rng.random() < 0.5 else "no",
        "kind": "act" if rng.random() < 0.6 else "omission",
        "outcome": scene.noun,
    }
    person = rng.random() < 0.75
    way = pick(rng, WAYS)
    if person and facts["kind"] == "omission" and rng.random() < 0.3:
        way = "duty"
    while True:
        item = compose(rng, scene, way, person, facts)
        if 15 <= item.text.count(" ") < LONGEST:
            return item


# Of the winner W, the loser L and the outcome o: why W counts and L does not.
CAUSE_REASONS = {
    "late": ("{W} came before the {o}, and {L} only after it.", "The {o} followed {W}; {L} came too late."),
    "harmless": ("{L} changed nothing; {W} was enough for the {o}.", "{W} led to the {o}; {L} did not matter."),
    "undone": (
        "What came from {L} was fixed in time, not so with {W}.",
        "The part of {L} was put right, that of {W} not.",
    ),
    "blame": (
        "{L} was only blamed; the {o} really came from {W}.",
        "The {o} came from {W}; {L} was only talked about.",
    ),
    "duty": ("The duty was with {W} and not with {L}.", "It was up to {W}, not to {L}, to prevent the {o}."),
}


def reason_caused(rng: Random, item: Item) -> str:
    facts = item.facts
    agent, other = facts["_agent"], facts["_other"]
    winner, loser = (agent, other) if facts["caused"] == "yes" else (other, agent)
    text = pick(rng, CAUSE_REASONS[facts["_way"]]).format(W=winner, L=loser, o=facts["outcome"])
    return text[0].upper() + text[1:]


def reason_intended(_: Random, item: Item) -> str:
    meant = item.facts["_meant"]
    return meant[0].upper() + meant[1:] + "."


CAUSED = (
    "Did the named person cause the outcome?",
    "Did what the person did, or failed to do, bring the outcome about?",
    "Is the person at the end the cause of what happened?",
    "Was it this person who brought it about?",
    "Say whether the person in question caused what happened.",
    "Decide whether the outcome came about because of the person the question names.",
    "Did this person cause it?",
    "Judge the causation: is the person asked about behind the outcome?",
    "Read the story and tell whether the person it asks about made the bad thing happen.",
    "Would people say that the person caused the outcome?",
    "Can the outcome be put down to the person who is asked about?",
    "Find out if the person's part led to the outcome.",
    "Is this person to be seen as the cause?",
    "Was the part of the named person what made it happen, rather than something else?",
    "Check whether the outcome happened because of that person.",
    "Tell me if the person in the last sentence caused the outcome.",
    "Did it happen because of this person?",
    "Work out which cause counts, then say whether it is the person asked about.",
    "Does the blame for the outcome belong to the person in question?",
    "Answer this question on cause and effect: did the person bring about what happened?",
    "Two things could have led to the outcome. Was it the named person's part that did?",
    "Was the person the cause?",
)
INTENDED = (
    "Did the named person want this outcome?",
    "Was it the person's wish that this should happen?",
    "Did the person mean it to happen?",
    "Say whether the person asked about intended the outcome.",
    "Was the outcome intended by the person in question?",
    "Did this person hope for what happened?",
    "Decide whether the person named at the end wanted the outcome.",
    "Judge the intention: did the person wish for the outcome?",
    "Read the story and tell whether the person it asks about wanted the bad thing to happen.",
    "Is what happened in line with what the person wanted?",
    "Find out if the person had the outcome in mind as a goal.",
    "Did the person have bad intentions?",
    "Tell me if the person in the last sentence wished for this.",
    "Was there intent on the side of the named person?",
    "Leave aside who caused it. Did the person want it?",
    "Check whether the person meant for the outcome to come about.",
    "Would people say that the person wanted the outcome?",
    "Did it suit the person's plans and wishes that this happened?",
    "Whatever the others wanted, did this person want it to happen?",
    "Look at the person's own wishes: was the outcome one of them?",
    "Was it intended?",
)
OUTCOME = (
    "What happened in the end?",
    "Which outcome is the story about?",
    "Name the outcome.",
    "Say what kind of bad event the story tells of.",
    "What was the result of it all?",
    "Which event had to be explained?",
    "Find the bad thing that happened.",
    "Tell me which kind of trouble came about.",
    "What is the effect that the people talk about?",
)
KIND = (
    "Was the named person's part something done or something left undone?",
    "Did the person do something, or fail to do something?",
    "Say whether the person in question acted or left a thing undone.",
    "What kind of part did the person have?",
    "Decide if the person asked about did a thing or did not do one.",
    "Is the person's part a deed or a failure to act?",
    "Look at the person in the last sentence: was something done or not done?",
    "Which kind of behavior is told of the person?",
    "Tell me whether the person took a step or skipped one.",
)

FAMILY = Family(
    name="causal",
    draw=draw,
    skills=(
        Skill(
            name="caused",
            phrasings=CAUSED,
            noun="answer",
            labels=("yes", "no"),
            sentence="Whether the person caused it: {label}.",
            answer=lambda item: item.facts["caused"],
            weight=5.0,
            reason=reason_caused,
        ),
        Skill(
            name="intended",
            phrasings=INTENDED,
            noun="answer",
            labels=("yes", "no"),
            sentence="Whether the person wanted it: {label}.",
            answer=lambda item: item.facts["intended"],
            weight=3.0,
            reason=reason_intended,
        ),
        Skill(
            name="outcome",
            phrasings=OUTCOME,
            noun="outcome",
            labels=NOUNS,
            sentence="The outcome is the {label}.",
            answer=lambda item: item.facts["outcome"],
        ),
        Skill(
            name="kind",
            phrasings=KIND,
            noun="kind",
            labels=("act", "omission"),
            sentence="The person's part is an {label}.",
            answer=lambda item: item.facts["kind"],
        ),
    ),
)
