"""Short chat messages: what the writer feels now, what it is about, and what somebody else feels.

A message has one clause with the cue (first person, present, asserted) and nearly always a second one, built from the
same pools of phrases, that does not count for the writer. Only the words around a phrase decide:

* other: the second phrase belongs to another person, perhaps in that person's own quoted words;
* past, negated, supposed: it is over, denied, or was only expected;
* misread: somebody wrongly believes it of the writer;
* weak: it comes now and then, but something else prevails.

The topic is what both phrases are attached to ("over the loan"). Another topic may be named in passing (where the
writer sits) or put aside ("the soup can wait"), in words of that topic. Emotion and topic are independent.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from tools.pocket.kinds import Family, Item, skills, unlike
from tools.pocket.tables import table


class Phrase(NamedTuple):
    """What is said of somebody who feels so, and its name."""

    said: str
    name: str


_FEELINGS, _TOPICS = table("emotion/feelings"), table("emotion/topics")
_FRAMES, _AROUND = table("emotion/frames"), table("emotion/around")
_PHRASES = {emotion: [Phrase(*line.split(" = ")) for line in said] for emotion, said in _FEELINGS["phrases"].items()}
EMOTIONS, TOPICS = tuple(_PHRASES), tuple(_TOPICS["things"])
_PEOPLE = tuple(_AROUND["people"].items())
_NAMES = tuple(who for who in _AROUND["people"] if who[0].isupper())
_KINDS = tuple(kind for kind, share in _FRAMES["kinds"].items() for _ in range(share))
_LIMITS = (16, 18, 20, 23, 27, 36)  # words; a message that gets longer is written again, with more room


def _form(form: str, phrase: Phrase, person: str) -> str:
    """The phrase of a person in one of the forms that frames ask for; {t} and {v} (an adverb with its space) stay."""
    verb, rest = phrase.said.replace("{p}", _AROUND["possessives"][person]).split(" ", 1)
    place = {"I": 0, "you": 1}.get(person, 2)
    present, past = _FEELINGS["verbs"][verb][place], _FEELINGS["verbs"][verb][3]
    if form == "c":
        return f"{present} {{v}}{rest}" if verb == "be" else f"{{v}}{present} {rest}"
    if form == "n":
        return f"{present} not {rest}" if verb == "be" else f"{'does' if place == 2 else 'do'} not {verb} {rest}"
    return f"{past if form == 'd' else verb} {rest}"


def _clause(rng: Random, phrase: Phrase, person: str, form: str, topic: str, subject: str = "") -> str:
    """One clause (or, for form "b", one verb phrase) that says this of this person."""
    adverb = rng.choice(_AROUND["adverbs"]) + " " if rng.random() < 0.1 else ""
    words = _form(form, phrase, person).replace("{v}", adverb).replace("{t}", topic)
    return words if form == "b" else f"{subject or person} {words}"


def _writer(rng: Random, frame: str, phrase: Phrase, topic: str, who: str = "") -> str:
    """A frame filled with the writer's clause in the form that it asks for."""
    form = next(f for f in "cdbn" if f"{{{f}}}" in frame)
    return frame.replace(f"{{{form}}}", _clause(rng, phrase, "I", form, topic)).replace("{w}", who)


def _someone(rng: Random, bare: bool, phrase: Phrase, topic: str, person: tuple[str, str]) -> str:
    """What another person feels: stated, told or quoted."""
    who, pronoun = person
    chance = rng.random()
    if bare or chance < 0.45:
        return _clause(rng, phrase, pronoun, "c", topic, who)
    if who == "you" or chance < 0.6:
        frame: str = rng.choice(_FRAMES["frames"]["other"])
        return frame.replace("{c}", _clause(rng, phrase, pronoun, "c", topic, who))
    frame = rng.choice(_FRAMES["frames"]["told"])
    quote = f'"{_clause(rng, phrase, "I", "c", topic)}{"," if frame.startswith("{q}") else ""}"'
    return frame.replace("{q}", quote).replace("{s}", _clause(rng, phrase, pronoun, "c", topic)).replace("{w}", who)


def _core(rng: Random, kind: str, phrases: dict[str, Phrase], topic: str, person: tuple[str, str]) -> str:
    """Cue and distractor about the topic, joined; what comes second calls the topic "it"."""
    frames = _FRAMES["frames"]
    first, second, intro = rng.choice(_TOPICS["things"][topic]), rng.choice(_AROUND["its"]), ""
    chance = rng.random()
    if chance < 0.12:
        first, intro = "it", rng.choice(_AROUND["intros"]).replace("{t}", first) + " "
    elif chance < 0.28:
        first = rng.choice(_AROUND["wraps"]).replace("{x}", first)
    if kind == "alone":
        return intro + _writer(rng, rng.choice(frames["cue"]), phrases["cue"], first)
    cue_first = kind != "weak" and rng.random() < 0.5
    cue_slot, dis_slot = ("{1}", "{2}") if cue_first else ("{2}", "{1}")
    cue_topic, dis_topic = (first, second) if cue_first else (second, first)
    order = "cue_first" if cue_first else "cue_last"
    wanted = kind if kind in ("other", "weak") or (kind == "negated" and cue_first) else order
    join: str = rng.choice(_FRAMES["joins"][wanted])
    if kind in ("past", "weak"):
        frame = rng.choice(frames["now" if kind == "past" else "strong"])
    else:
        frame = "{c}" if f"={cue_slot}" in join or rng.random() < 0.65 else rng.choice(frames["cue"])
    cue = _writer(rng, frame, phrases["cue"], cue_topic)
    if kind == "other":
        distractor = _someone(rng, f"={dis_slot}" in join, phrases["dis"], dis_topic, person)
    else:
        distractor = _writer(rng, rng.choice(frames[kind]), phrases["dis"], dis_topic, person[0])
    text = join.replace("=", "").replace(cue_slot, cue).replace(dis_slot, distractor)
    if "past" in phrases:
        text += " | " + _writer(rng, rng.choice(frames["past"]), phrases["past"], rng.choice(_AROUND["its"]))
    return intro + text


def _extras(rng: Random, core: str, topic: str, kind: str, person: tuple[str, str]) -> str:
    """The core between an opener, another topic in passing or put aside, and a closer."""
    chance = rng.random()
    if chance < 0.9:
        other = unlike(topic, lambda: rng.choice(TOPICS))
        how, what = ("passing", "places") if chance < 0.25 else ("aside", "things")
        aside = rng.choice(_AROUND[how]).replace("{x}", rng.choice(_TOPICS[what][other]))
        core = f"{aside} | {core}" if rng.random() < 0.6 else f"{core} | {aside}"
    if kind != "other" and rng.random() < 0.2:
        core = f"{core} | {rng.choice(_AROUND['neutral']).replace('{w}', person[0])}"
    name = rng.choice(_NAMES)
    if rng.random() < 0.25 and name != person[0] and ":" not in core:
        core = f"{rng.choice(_AROUND['openers']).replace('{w}', name)} {core}"
    return f"{core} | {rng.choice(_AROUND['closers'])}" if rng.random() < 0.08 else core


def _finish(rng: Random, text: str) -> str:
    """Sentence ends and capitals; now and then the short forms and the lower case of a hurried chat."""
    if rng.random() < 0.4:
        for long, short in _AROUND["short_forms"].items():
            text = text.replace(f"{long} ", f"{short} ")
    style = rng.random()
    sentences: list[str] = []
    for part in text.replace('",', ',"').split(" | "):
        sentence = part if style < 0.12 else part[0].upper() + part[1:]
        if sentence[-1] not in ".?!":
            end = "!" if rng.random() < 0.12 else "."
            sentence = sentence[:-1] + end + '"' if sentence.endswith('"') else sentence + end
        sentences.append(sentence)
    joined = " ".join(sentences)
    return joined.lower() if style < 0.06 else joined


def draw(rng: Random) -> Item:
    """The facts, then a message that expresses them."""
    emotion, topic, kind = rng.choice(EMOTIONS), rng.choice(TOPICS), rng.choice(_KINDS)
    contrast = unlike(emotion, lambda: rng.choice(EMOTIONS))
    phrases = {"cue": rng.choice(_PHRASES[emotion]), "dis": rng.choice(_PHRASES[contrast])}
    earlier = rng.choice(EMOTIONS)
    if kind == "other" and earlier not in (emotion, contrast) and rng.random() < 0.3:
        phrases["past"] = rng.choice(_PHRASES[earlier])
    person = ("you", "you") if kind == "other" and rng.random() < 0.1 else rng.choice(_PEOPLE)
    text = core = ""
    limit = rng.choice(_LIMITS)
    while not 8 <= len(text.split()) <= min(limit, 40):
        limit += 1
        core = _core(rng, kind, phrases, topic, person)
        text = _finish(rng, _extras(rng, core, topic, kind, person))
    who = "the reader" if person[0] == "you" else person[0].replace("my best", "the").replace("my", "the")
    facts = {
        "emotion": emotion,
        "topic": topic,
        "mood": _FEELINGS["moods"][emotion],
        "_kind": kind,
        "_cue": phrases["cue"].name,
        "_dis": phrases["dis"].name,
        "_who": "others" if kind == "misread" and person[0] not in core else who,
    }
    return Item(text, facts | ({"other": contrast} if kind == "other" else {}))


def _reason(rng: Random, item: Item) -> str:
    """Which of the two phrases counts, and why the other one does not."""
    facts = item.facts
    sentence: str = rng.choice(_AROUND["reasons"][facts["_kind"]])
    sentence = sentence.format(cue=facts["_cue"], dis=facts["_dis"], who=facts["_who"])
    return sentence[0].upper() + sentence[1:]


FAMILY = Family(
    "emotion",
    draw,
    skills("emotion", {"emotion": EMOTIONS, "other": EMOTIONS, "topic": TOPICS}, {"emotion": _reason}),
)
