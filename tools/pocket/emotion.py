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

from tools.pocket.kinds import Family, Item, Skill


def _pool(text: str) -> tuple[str, ...]:
    return tuple(text.split(" / "))


EMOTIONS = ("sad", "angry", "concerned", "surprised", "happy", "calm", "disgusted", "doubtful")
TOPICS = ("work", "school", "family", "money", "health", "travel", "home", "food")
MOODS = {"happy": "good", "calm": "good", "surprised": "unsure", "doubtful": "unsure"}  # the rest: bad

# The first word is the verb (a key of VERBS), {p} the possessive, {t} the topic. After "=" a name for it, for reasons.
PREDICATES = {
    "sad": _pool(
        "be close to tears over {t} = being tearful / keep crying about {t} = the crying / "
        "have a heavy heart over {t} = the heavy heart / feel like crying over {t} = wanting to cry / "
        "be heartbroken over {t} = the broken heart / feel very low about {t} = feeling low / "
        "feel down and blue about {t} = feeling blue / want to stay in bed and cry over {t} = crying in bed / "
        "keep reaching for tissues over {t} = reaching for tissues / have the blues over {t} = having the blues / "
        "feel empty and lost over {t} = the empty feeling / be full of grief over {t} = the grief / "
        "keep weeping into a pillow over {t} = the weeping"
    ),
    "angry": _pool(
        "be boiling with rage over {t} = the rage / keep slamming doors over {t} = slamming doors / "
        "want to shout at someone about {t} = wanting to shout / feel like yelling about {t} = wanting to yell / "
        "be furious about {t} = the fury / keep banging {p} fist over {t} = the banging fist / "
        "be seeing red over {t} = seeing red / be fuming over {t} = the fuming / "
        "have steam in {p} ears over {t} = the steam / be ready to explode over {t} = nearly exploding / "
        "feel like breaking a chair over {t} = breaking a chair / keep cursing about {t} = the cursing / "
        "want to yell at the wall over {t} = the yelling"
    ),
    "concerned": _pool(
        "keep lying awake over {t} = lying awake / be biting {p} nails over {t} = biting nails / "
        "be worried sick about {t} = the worry / be full of fear about {t} = the fear / "
        "be on edge about {t} = being on edge / feel nervous about {t} = feeling nervous / "
        "keep fearing the worst about {t} = fearing the worst / feel anxious about {t} = the anxious feeling / "
        "keep pacing with worry over {t} = the pacing / be losing sleep over {t} = losing sleep / "
        "have a worried look about {t} = the worried look / feel scared about {t} = being scared / "
        "want to hide from {t} in fear = wanting to hide"
    ),
    "surprised": _pool(
        "be stunned by {t} = being stunned / have {p} mouth hanging open over {t} = the open mouth / "
        "be caught off guard by {t} = being off guard / keep saying wow about {t} = saying wow / "
        "have {p} jaw on the floor over {t} = the dropped jaw / be taken aback by {t} = being taken aback / "
        "keep rubbing {p} eyes in wonder at {t} = rubbing eyes / be astonished at {t} = being astonished / "
        "have very wide eyes about {t} = having wide eyes / "
        "feel hit out of the blue by {t} = the sudden hit / find {t} totally unexpected = the unexpected hit / "
        "keep staring in wonder at {t} = staring in wonder / "
        "keep saying who would have guessed about {t} = the sudden wonder"
    ),
    "happy": _pool(
        "keep smiling about {t} = the smiling / have a big grin about {t} = the big grin / "
        "feel like dancing about {t} = wanting to dance / be over the moon about {t} = the great delight / "
        "keep singing with joy over {t} = the singing / be on cloud nine about {t} = floating on clouds / "
        "want to hug everyone over {t} = wanting to hug / be thrilled about {t} = being thrilled / "
        "feel like jumping for joy over {t} = jumping for joy / be full of joy about {t} = the joy / "
        "want to celebrate {t} all night = wanting to celebrate / feel delighted about {t} = the delight / "
        "keep laughing with joy about {t} = the laughing"
    ),
    "calm": _pool(
        "feel at ease about {t} = being at ease / be at peace with {t} = the peace / "
        "be relaxed about {t} = being relaxed / keep a cool head about {t} = the cool head / "
        "be taking {t} as it comes = being so easy / have a quiet mind about {t} = the quiet mind / "
        "feel quiet inside about {t} = the quiet feeling / be cool and steady about {t} = being steady / "
        "keep breathing slow and easy about {t} = easy breathing / "
        "feel free of stress about {t} = the lack of stress / "
        "find it easy to sit back about {t} = sitting back / have a heart at rest about {t} = the resting heart / "
        "be sleeping like a baby in spite of {t} = sleeping so well"
    ),
    "disgusted": _pool(
        "feel like throwing up over {t} = nearly throwing up / be grossed out by {t} = being grossed out / "
        "keep making a sour face at {t} = the sour face / feel sick with loathing at {t} = the loathing / "
        "have a foul taste from {t} = the foul taste / find {t} gross = finding it gross / "
        "want to scrub {p} hands after {t} = scrubbing hands / be revolted by {t} = being revolted / "
        "find {t} nasty and foul = finding it foul / be holding {p} nose over {t} = holding the nose / "
        "keep saying yuck about {t} = saying yuck / have a turning stomach over {t} = the turning stomach / "
        "find {t} simply yucky = finding it yucky"
    ),
    "doubtful": _pool(
        "be in two minds about {t} = the split mind / keep raising an eyebrow at {t} = the raised eyebrow / "
        "be on the fence about {t} = sitting on the fence / find {t} hard to trust = the lack of trust / "
        "keep wondering whether to believe in {t} = the wondering / want proof before trusting {t} = wanting proof / "
        "have second thoughts about {t} = having second thoughts / be slow to believe in {t} = the slow belief / "
        "keep going back and forth on {t} = going back / feel torn about {t} = feeling torn / "
        "be skeptical about {t} = being skeptical / have many open questions about {t} = having open questions / "
        "keep weighing yes against no on {t} = the weighing"
    ),
}
VERBS = {  # first person and "you", third person, past
    "keep": ("keep", "keeps", "kept"),
    "have": ("have", "has", "had"),
    "feel": ("feel", "feels", "felt"),
    "want": ("want", "wants", "wanted"),
    "find": ("find", "finds", "found"),
}
POSSESSIVES = {"I": "my", "you": "your", "she": "her", "he": "his"}
ADVERBS = ("really", "truly", "certainly")

THINGS = {
    "work": _pool(
        "the new boss / the job offer / the office plan / the night shift / the staff list / the job contract"
    ),
    "school": _pool("the math exam / the homework / the new teacher / the class list / the class play / the exam plan"),
    "family": _pool(
        "the wedding of the twins / the call from Grandpa / the letter from Grandma / the visit from the cousins / "
        "the birth of the baby / the party for the grandparents"
    ),
    "money": _pool(
        "the bank loan / the tax form / the savings plan / the new credit card / the letter from the bank / "
        "the cash gift"
    ),
    "health": _pool(
        "the blood test / the new pills / the visit to the doctor / the knee operation / the eye test / "
        "the call from the clinic"
    ),
    "travel": _pool("the flight / the trip to the coast / the train tickets / the hotel / the bus tour / the cruise"),
    "home": _pool(
        "the new kitchen floor / the roof / the garden fence / the new sofa / the bathroom paint / the new flat"
    ),
    "food": _pool("the soup / the cake recipe / the lunch menu / the bread / the fish pie / the cheese"),
}
PLACES = {  # in words of the same topic, but only where the writer is
    "work": _pool("at the office / on a night shift / on a break from my job / on the way to work / next to my boss"),
    "school": _pool("in class / on the way to school / in the exam room / next to my teacher / outside the math class"),
    "family": _pool("at a wedding / next to Grandma / with the cousins / busy with the baby / on a visit to Grandpa"),
    "money": _pool("at the bank / in line at the bank / on the way to the bank / busy with a tax form"),
    "health": _pool("at the clinic / on the way to the doctor / in line for an eye test / outside the clinic"),
    "travel": _pool("on the train / on the bus / in a hotel / on a flight / on a cruise"),
    "home": _pool("in the kitchen / in the garden / on the sofa / on the roof / in the bathroom"),
    "food": _pool("at lunch / in line for soup / busy with a cake / in line for bread / busy with a fish pie"),
}
WRAPS = _pool("the news about {x} / the whole thing with {x} / the story about {x} / the latest news about {x}")
ITS = ("it", "it", "it", "it", "it", "that", "this", "the whole thing")

PEOPLE = (  # as the writer says it, and the pronoun
    *(("my sister", "she"), ("my brother", "he"), ("my mom", "she"), ("my dad", "he"), ("my wife", "she")),
    *(("my uncle", "he"), ("my best friend", "she"), ("my neighbor", "he"), ("Anna", "she"), ("Tom", "he")),
    *(("Lena", "she"), ("Ben", "he"), ("Nina", "she"), ("Paul", "he"), ("Emma", "she"), ("Max", "he")),
)
NAMES = tuple(who for who, _ in PEOPLE if who[0].isupper())

# Frames. {c}: a clause in the present; {d}: in the past; {n}: negated; {b}: a base form; {w}: a person.
CUES = _pool(
    "as for me, {c} / to be honest, {c} / the truth is that {c} / I must say that {c} / I can tell you that {c} / "
    "you should know that {c} / right now {c} / today {c} / on my side, {c} / I have to admit that {c} / "
    "believe me, {c} / in fact {c} / it is a fact that {c} / honestly, {c} / for my part, {c} / at the moment {c}"
)
NOW_CUES = _pool(
    "now {c} / now {c} / today {c} / these days {c} / right now {c} / by now {c} / at the moment {c} / this week {c} / "
    "as of today {c} / since then things have changed and {c} / at this point {c} / now the truth is that {c} / "
    "this morning it is different and {c} / this time {c} / as of this week {c}"
)
OTHERS = _pool(
    "right now {c} / today {c} / I can see that {c} / I know that {c} / the truth is that {c} / I must say that {c} / "
    "believe me, {c} / in fact {c} / these days {c} / by now {c} / it is a fact that {c} / everyone can see that {c} / "
    "at the moment {c} / I can tell you that {c} / this week {c}"
)
OTHERS_TOLD = _pool(  # {s}: a clause with the pronoun; {q}: a quoted first person
    "{w} says that {s} / as for {w}, {s} / just look at {w}: {s} / you should see {w}: {s} / {w} told me today: {q} / "
    "{q} says {w} / {q} {w} tells me / {w} keeps telling me: {q} / {w} says: {q}"
)
PASTS = _pool(
    "I used to {b} / I used to {b} / last week {d} / a month ago {d} / at first {d} / yesterday {d} / "
    "in the beginning {d} / for a long time {d} / there was a time when {d} / earlier this year {d} / "
    "until last night {d} / two days ago {d} / back in May {d} / last month {d} / when it all began, {d} / "
    "I remember how {d}"
)
NEGATIONS = _pool(
    "{n} / {n} / {n} / {n} / it is not that {c} / I would not say that {c} / nobody can say that {c} / "
    "please do not think that {c} / it would be wrong to say that {c} / it is not true that {c} / "
    "you will not hear me say that {c} / no, it is not as if {c} / do not expect me to {b} / "
    "there is no way that I would {b} / I am the last one to {b} / I refuse to {b}"
)
SUPPOSED = _pool(
    "I thought I would {b} / I was sure that I would {b} / everyone expected me to {b} / normally I would {b} / "
    "in a different world I would {b} / in your place I would {b} / I had bet that I would {b} / "
    "I had told {w} that I would {b} / {w} had bet that I would {b} / {w} had told me that I would {b} / "
    "{w} thought I would {b} / you probably guessed that I would {b} / the plan was that I would {b} / "
    "I was meant to {b} / I had expected to {b}"
)
MISREADS = _pool(
    "{w} thinks that {c} / {w} believes that {c} / {w} is wrong to think that {c} / {w} wrongly says that {c} / "
    "{w} wrongly tells everyone that {c} / {w} is somehow sure that {c} / the way {w} sees it, {c} / "
    "{w} would wrongly say that {c} / you may think that {c} / people seem to believe that {c} / "
    "it may look as if {c} / some wrongly say that {c} / "
    "{w} wants to believe that {c} / everyone thinks that {c} / you are wrong to think that {c}"
)
WEAK = _pool(
    "for a second or so each day {c} / now and then {c} / once in a while {c} / very rarely {c} / "
    "there are short moments when {c} / one time in ten {c} / for a short moment each day {c}"
)
STRONG = _pool(
    "nearly all the time {c} / most of all {c} / on the whole {c} / above all {c} / for the most part {c} / "
    "nine times in ten {c} / all day long {c}"
)
DISTRACTORS = {"past": PASTS, "negated": NEGATIONS, "supposed": SUPPOSED, "misread": MISREADS, "weak": WEAK}

# How the two clauses meet: {1} comes first, "|" ends a sentence, "=" before a slot wants a bare clause there.
JOINS_OTHER = _pool(
    "{1}, but {2} / {1}, while ={2} / {1}, and {2} / {1} | {2} / {1}; {2} / while ={1}, ={2} / "
    "even though ={1}, ={2} / {1}, even though ={2} / {1} | meanwhile, ={2} / {1}, yet ={2} / "
    "{1} | at the same time ={2}"
)
JOINS_CUE_LAST = _pool(
    "{1}, but {2} / {1}, but {2} / {1} | {2} / {1}; {2} / {1}, yet {2} / {1} | still, ={2} / {1} | even so, ={2} / "
    "{1} | well, ={2}"
)
JOINS_CUE_FIRST = _pool("{1} | {2} / {1}; {2} / {1}, although {2} / {1}, even though {2} / {1}, and yet {2}")
JOINS_PLAIN = _pool("{1} | {2} / {1}; {2} / {1} | really, {2} / {1} | well, {2}")
JOINS_WEAK = _pool("{1}, but {2} / {1} | {2} / {1}; {2} / {1}, yet {2}")

OPENERS = _pool(
    "well, / okay, / so, / oh, / hey {w}, / hi {w}! | / hello {w}! | / quick update: / just so you know: / hey! |"
)
INTROS = _pool("about {t}: / a word about {t}: / you asked about {t}. | / this is about {t}. | / now to {t}:")
CLOSERS = _pool(
    "more later / call me tonight / see you soon / how about you? / that is all for now / talk soon / bye for now / "
    "see you on Monday / write back soon"
)
NEUTRAL = _pool(
    "say hi to {w} / {w} asked me how things are / {w} sent me a message / I have not heard from {w} yet / "
    "{w} may call you / {w} was there too / I will call {w} tonight"
)
PASSING = _pool(
    "I am writing this {x} / I am {x} and have a minute / I am {x}, so this is short / I am typing this {x} / "
    "a short note, sent {x} / I have a free minute {x} / right now I am {x}"
)
ASIDE = _pool(
    "{x} can wait / forget {x} for now / never mind {x} / leave {x} aside today / this has nothing to do with {x} / "
    "not a word about {x} today / I will tell you about {x} another time / we can talk about {x} later"
)
SHORT_FORMS = (
    *(("I am ", "I'm "), ("you are ", "you're "), ("she is ", "she's "), ("he is ", "he's "), ("do not ", "don't ")),
    *(
        ("does not ", "doesn't "),
        ("I would ", "I'd "),
        ("I will ", "I'll "),
        ("it is ", "it's "),
        ("that is ", "that's "),
    ),
)

KINDS = (
    *(("other",) * 50 + ("past",) * 14 + ("negated",) * 10 + ("supposed",) * 12 + ("misread",) * 8),
    *(("weak",) * 4 + ("alone",) * 2),
)
REASONS = {
    "other": _pool(
        "{cue} is the writer's own; {dis} is {who}'s. / {dis} is {who}'s, but {cue} is the writer's. / "
        "{dis} comes from {who}, so {cue} counts."
    ),
    "past": _pool(
        "{dis} is over; {cue} is how it is now. / {dis} lies in the past, so {cue} counts. / "
        "{cue} is true today, while {dis} is over."
    ),
    "negated": _pool(
        "{dis} is denied, so {cue} counts. / the writer denies {dis} and reports {cue}. / "
        "{cue} is stated, but {dis} is ruled out."
    ),
    "supposed": _pool(
        "{dis} was only expected; {cue} is real. / {dis} did not happen, so {cue} counts. / "
        "{cue} is real, while {dis} is only an idea."
    ),
    "misread": _pool(
        "{dis} is what {who} may believe; {cue} is true. / {cue} is true; {who} may wrongly believe {dis}."
    ),
    "weak": _pool("{dis} is rare, so {cue} counts. / {cue} is much stronger than {dis} here."),
    "alone": _pool("{cue} is all that the writer reports. / the writer tells of {cue} and nothing else."),
}


def _forms(predicate: str, person: str) -> dict[str, str]:
    """The forms of one predicate for one person; {t} and {v} (an adverb with its space) stay open."""
    verb, rest = predicate.split(" = ")[0].split(" ", 1)
    rest = rest.replace("{p}", POSSESSIVES[person])
    third = person in ("she", "he")
    if verb == "be":
        be = {"I": "am", "you": "are"}.get(person, "is")
        return {"c": f"{be} {{v}}{rest}", "d": f"was {rest}", "n": f"{be} not {rest}", "b": f"be {rest}"}
    present, present_third, past = VERBS[verb]
    return {
        "c": f"{{v}}{present_third if third else present} {rest}",
        "d": f"{past} {rest}",
        "n": f"{'does' if third else 'do'} not {verb} {rest}",
        "b": f"{verb} {rest}",
    }


FORMS = {e: tuple({p: _forms(text, p) for p in POSSESSIVES} for text in PREDICATES[e]) for e in EMOTIONS}
LIMITS = (16, 18, 20, 23, 27, 36)  # words; a message that gets longer is written again, with more room
Mark = tuple[str, int]  # an emotion and which of its predicates


def _clause(rng: Random, mark: Mark, person: str, form: str, topic: str, subject: str = "") -> str:
    """One clause (or, for form "b", one verb phrase) that says this emotion of this person."""
    adverb = rng.choice(ADVERBS) + " " if rng.random() < 0.1 else ""
    words = FORMS[mark[0]][mark[1]][person][form].replace("{v}", adverb).replace("{t}", topic)
    return words if form == "b" else f"{subject or person} {words}"


def _writer(rng: Random, frame: str, mark: Mark, topic: str, who: str = "") -> str:
    """A frame filled with the writer's clause in the form that it asks for."""
    form = next(f for f in "cdbn" if f"{{{f}}}" in frame)
    return frame.replace(f"{{{form}}}", _clause(rng, mark, "I", form, topic)).replace("{w}", who)


def _someone(rng: Random, bare: bool, mark: Mark, topic: str, person: tuple[str, str]) -> str:
    """What another person feels: stated, told or quoted."""
    who, pronoun = person
    chance = rng.random()
    if bare or chance < 0.45:
        return _clause(rng, mark, pronoun, "c", topic, who)
    if who == "you" or chance < 0.6:
        return rng.choice(OTHERS).replace("{c}", _clause(rng, mark, pronoun, "c", topic, who))
    frame = rng.choice(OTHERS_TOLD)
    quote = f'"{_clause(rng, mark, "I", "c", topic)}{"," if frame.startswith("{q}") else ""}"'
    return frame.replace("{q}", quote).replace("{s}", _clause(rng, mark, pronoun, "c", topic)).replace("{w}", who)


def _join(rng: Random, kind: str, cue_first: bool) -> str:
    if kind in ("other", "weak"):
        return rng.choice(JOINS_OTHER if kind == "other" else JOINS_WEAK)
    if not cue_first:
        return rng.choice(JOINS_CUE_LAST)
    return rng.choice(JOINS_PLAIN if kind == "negated" else JOINS_CUE_FIRST)


def _core(rng: Random, kind: str, marks: dict[str, Mark], topic: str, person: tuple[str, str]) -> str:
    """Cue and distractor about the topic, joined; what comes second calls the topic "it"."""
    first, second, intro = rng.choice(THINGS[topic]), rng.choice(ITS), ""
    chance = rng.random()
    if chance < 0.12:
        first, intro = "it", rng.choice(INTROS).replace("{t}", first) + " "
    elif chance < 0.28:
        first = rng.choice(WRAPS).replace("{x}", first)
    if kind == "alone":
        return intro + _writer(rng, rng.choice(CUES), marks["cue"], first)
    cue_first = kind != "weak" and rng.random() < 0.5
    cue_slot, dis_slot = ("{1}", "{2}") if cue_first else ("{2}", "{1}")
    cue_topic, dis_topic = (first, second) if cue_first else (second, first)
    join = _join(rng, kind, cue_first)
    if kind in ("past", "weak"):
        frame = rng.choice(NOW_CUES if kind == "past" else STRONG)
    else:
        frame = "{c}" if f"={cue_slot}" in join or rng.random() < 0.65 else rng.choice(CUES)
    cue = _writer(rng, frame, marks["cue"], cue_topic)
    if kind == "other":
        distractor = _someone(rng, f"={dis_slot}" in join, marks["dis"], dis_topic, person)
    else:
        distractor = _writer(rng, rng.choice(DISTRACTORS[kind]), marks["dis"], dis_topic, person[0])
    text = join.replace("=", "").replace(cue_slot, cue).replace(dis_slot, distractor)
    if "past" in marks:
        text += " | " + _writer(rng, rng.choice(PASTS), marks["past"], rng.choice(ITS))
    return intro + text


def _extras(rng: Random, core: str, topic: str, kind: str, person: tuple[str, str]) -> str:
    """The core between an opener, another topic in passing or put aside, and a closer."""
    chance = rng.random()
    if chance < 0.9:
        other = rng.choice(TOPICS)
        while other == topic:
            other = rng.choice(TOPICS)
        passing = chance < 0.25
        aside = rng.choice(PASSING if passing else ASIDE)
        aside = aside.replace("{x}", rng.choice(PLACES[other] if passing else THINGS[other]))
        core = f"{aside} | {core}" if rng.random() < 0.6 else f"{core} | {aside}"
    if kind != "other" and rng.random() < 0.2:
        core = f"{core} | {rng.choice(NEUTRAL).replace('{w}', person[0])}"
    name = rng.choice(NAMES)
    if rng.random() < 0.25 and name != person[0] and ":" not in core:
        core = f"{rng.choice(OPENERS).replace('{w}', name)} {core}"
    return f"{core} | {rng.choice(CLOSERS)}" if rng.random() < 0.08 else core


def _finish(rng: Random, text: str) -> str:
    """Sentence ends and capitals; now and then the short forms and the lower case of a hurried chat."""
    if rng.random() < 0.4:
        for long, short in SHORT_FORMS:
            text = text.replace(long, short)
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
    emotion, topic, kind = rng.choice(EMOTIONS), rng.choice(TOPICS), rng.choice(KINDS)
    contrast = rng.choice(EMOTIONS)
    while contrast == emotion:
        contrast = rng.choice(EMOTIONS)
    marks = {"cue": (emotion, rng.randrange(13)), "dis": (contrast, rng.randrange(13))}
    earlier = rng.choice(EMOTIONS)
    if kind == "other" and earlier not in (emotion, contrast) and rng.random() < 0.3:
        marks["past"] = (earlier, rng.randrange(13))
    person = ("you", "you") if kind == "other" and rng.random() < 0.1 else rng.choice(PEOPLE)
    text = core = ""
    limit = rng.choice(LIMITS)
    while not 8 <= len(text.split()) <= min(limit, 40):
        limit += 1
        core = _core(rng, kind, marks, topic, person)
        text = _finish(rng, _extras(rng, core, topic, kind, person))
    who = "the reader" if person[0] == "you" else person[0].replace("my best", "the").replace("my", "the")
    facts = {
        "emotion": emotion,
        "topic": topic,
        "other": contrast if kind == "other" else "nobody",
        "_kind": kind,
        "_cue": PREDICATES[emotion][marks["cue"][1]].split(" = ")[1],
        "_dis": PREDICATES[contrast][marks["dis"][1]].split(" = ")[1],
        "_who": "others" if kind == "misread" and person[0] not in core else who,
    }
    return Item(text, facts)


def _emotion(item: Item) -> str:
    return item.facts["emotion"]


def _topic(item: Item) -> str:
    return item.facts["topic"]


def _other(item: Item) -> str | None:
    other = item.facts["other"]
    return None if other == "nobody" else other


def _mood(item: Item) -> str:
    return MOODS.get(item.facts["emotion"], "bad")


def _reason(rng: Random, item: Item) -> str:
    """Which of the two phrases counts, and why the other one does not."""
    facts = item.facts
    sentence = rng.choice(REASONS[facts["_kind"]])
    sentence = sentence.format(cue=facts["_cue"], dis=facts["_dis"], who=facts["_who"])
    return sentence[0].upper() + sentence[1:]


EMOTION_PHRASINGS = _pool(
    "Which emotion is it? / What does the writer feel? / Name the writer's emotion. / "
    "How does the person who wrote this feel right now? / Which feeling does the author of the message have? / "
    "Find out what the writer feels at this moment. / What is going on inside the person who sent this? / "
    "Read the message and say how its writer feels. / Tell me the emotion of the sender. / "
    "Label this chat message with the feeling of its sender. / "
    "What emotion does the sender have now, whatever others may feel? / "
    "Someone sent this to a friend. Which emotion do they have at the time of writing? / "
    "Choose the emotion that fits the writer best. / Emotion of the writer? / "
    "Pick the feeling that the text shows for the person speaking. / Decide which feeling the speaker really has. / "
    "Sort this note by the emotion of the one who wrote it. / "
    "Given the text, which emotion describes the author today? / "
    "What feeling comes through for the writer of this note? / Classify the message by what its author feels. / "
    "Work out the current feeling of the person who is texting. / "
    "If you had to name one emotion for the sender, which one would it be? / "
    "Look closely at who feels what, then give the emotion of the writer. / "
    "State the feeling of the person behind this text."
)
TOPIC_PHRASINGS = _pool(
    "What is it about? / Which topic is it? / Name the topic of the message. / "
    "What subject does the writer talk about? / Which part of life is the message about? / "
    "Say what the text deals with. / Tell me the subject of this note. / "
    "Find the topic that the feelings in this text are about. / Sort this chat message by subject. / "
    "Which theme fits the message best? / Choose the topic of the text. / "
    "What area of life does the writer have in mind? / Decide what the message is mainly about. / "
    "Topic of the text? / Label the note with its subject. / "
    "What is the sender really writing about, apart from things named in passing? / "
    "Classify the message by its topic. / Read the note and name the subject it deals with. / "
    "Give the main subject of this chat message. / Under which topic would you file this message?"
)
OTHER_PHRASINGS = _pool(
    "How does the other person feel? / Which emotion does the other person have? / "
    "Someone besides the writer is mentioned. What does that person feel? / "
    "Name the feeling of the person who is not the writer. / "
    "Tell me the emotion of the other person in the message. / What does the second person in this text feel? / "
    "Not the writer, but the other one: which feeling is it? / Give the emotion that belongs to the other person. / "
    "Leave the writer aside and say how the other person feels. / "
    "Find the emotion of the person whom the writer compares with. / "
    "Which feeling does the text report for someone other than its author? / Pick the emotion of the other person."
)
MOOD_PHRASINGS = _pool(
    "What kind of mood is the writer in? / How is the mood of the sender? / Which mood is it? / "
    "Say what sort of mood the author is in. / Name the kind of mood that the message shows for its writer. / "
    "Sort this message by the mood of the person who wrote it. / Into which mood group does the writer fall? / "
    "Tell me the general mood of the sender. / Judge the mood of the one who is texting. / "
    "Overall, what mood does the writer have now? / Put the writer's state into a mood group. / "
    "Look at the text and decide on the mood of its author."
)

FAMILY = Family(
    name="emotion",
    draw=draw,
    skills=(
        Skill("emotion", EMOTION_PHRASINGS, "emotion", EMOTIONS, "The writer feels {label}.", _emotion, 5.0, _reason),
        Skill("topic", TOPIC_PHRASINGS, "topic", TOPICS, "The message is about {label}.", _topic, 2.0),
        Skill("other", OTHER_PHRASINGS, "other emotion", EMOTIONS, "The other person feels {label}.", _other),
        Skill("mood", MOOD_PHRASINGS, "mood", ("good", "bad", "unsure"), "The writer's mood is {label}.", _mood, 1.5),
    ),
)
