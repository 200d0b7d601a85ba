"""How a question about an item is worded and in which form its answer is due: one `Skill`, many documents.

Each form below is a pair: what the instruction adds to the skill's wording, and what the answer then looks like.
None of them asks for what the demo's own tasks ask for (`tasks.py` has them).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tools.pocket.kinds import Family, Item, Skill
from tools.pocket.tables import table
from tools.pocket.words import WORDS

_SAID: dict[str, tuple[str, ...]] = table("formats")
_LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Question:
    """An instruction and the answer it asks for."""

    instruction: str
    answer: str


Form = Callable[[Random, Skill, Item, str], Question]
"""(random, skill, item, native answer) -> the instruction's text after the phrasing, and the answer."""


def _options(rng: Random, labels: Sequence[str]) -> str:
    shuffled = rng.sample(labels, len(labels))
    return rng.choice(_SAID["between"]).join(shuffled)


def _listed(rng: Random, skill: Skill, often: float) -> str:
    return " " + rng.choice(_SAID["lists"]).format(_options(rng, skill.labels)) if rng.random() < often else ""


def bare(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label alone."""
    asked = _listed(rng, skill, 0.7)
    if rng.random() < 0.5:
        asked += " " + rng.choice(_SAID["bare"])
    return Question(asked, answer)


def capital(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label with a capital."""
    return Question(f"{_listed(rng, skill, 0.5)} {rng.choice(_SAID['capital'])}", answer.capitalize())


def capital_options(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label as the listed options write it."""
    options = _options(rng, [label.capitalize() for label in skill.labels])
    return Question(" " + rng.choice(_SAID["lists"]).format(options), answer.capitalize())


def quoted(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label as the quoted options write it: answer "Yes" or "No"."""
    shown = [label.capitalize() if rng.random() < 0.5 else label for label in skill.labels]
    right = shown[skill.labels.index(answer)]
    if rng.random() < 0.5:
        shown.reverse()
    words = ", ".join(f'"{label}"' for label in shown[:-1]) + f' or "{shown[-1]}"'
    return Question(f" {rng.choice(_SAID['quoted'])} {words}.", right)


def colon(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """Emotion: sad"""
    name = skill.noun.capitalize()
    asked = rng.choice(_SAID["colon"]).format(name)
    return Question(f"{_listed(rng, skill, 0.5)} {asked}", f"{name}: {answer}")


def as_json(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """{"emotion": "sad"}"""
    asked = rng.choice(_SAID["as_json"]).format(skill.noun)
    return Question(f"{_listed(rng, skill, 0.5)} {asked}", json.dumps({skill.noun: answer}))


def sentence(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The writer feels sad."""
    asked = rng.choice(_SAID["sentence"])
    return Question(f"{_listed(rng, skill, 0.4)} {asked}", skill.sentence.format(label=answer))


def letter(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The letter of the right option."""
    labels = rng.sample(skill.labels, len(skill.labels))
    style = rng.choice(_SAID["letters"])
    options = " ".join(style.format(_LETTERS[i], label) for i, label in enumerate(labels))
    return Question(f" {options} {rng.choice(_SAID['letter'])}", _LETTERS[labels.index(answer)])


def check(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """Whether it is one given label: yes or no."""
    others = [label for label in skill.labels if label != answer]
    named = answer if rng.random() < 0.5 else rng.choice(others)
    return Question(" " + rng.choice(_SAID["check"]).format(named), "yes" if named == answer else "no")


def among(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """Whether it is one of several given labels: yes or no."""
    named = rng.sample(skill.labels, rng.choice((2, 3)))
    words = ", ".join(named[:-1]) + " or " + named[-1]
    return Question(" " + rng.choice(_SAID["among"]).format(words), "yes" if answer in named else "no")


def bound(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """A word that the instruction binds to the label, drawn anew for every document."""
    most = min(5, len(skill.labels))
    others = [label for label in skill.labels if label != answer]
    labels = [answer, *rng.sample(others, rng.randint(1, most - 1))]
    rng.shuffle(labels)
    words = rng.sample(WORDS, len(labels))
    return Question(f" {bindings(rng, words, labels)}", words[labels.index(answer)])


def bindings(rng: Random, words: Sequence[str], things: Sequence[str]) -> str:
    """Say horse for sad, plum for happy."""
    pair = rng.choice(_SAID["bindings"])
    lead = rng.choice(_SAID["leads"]) + (":" if "for" not in pair else "")
    pairs = (pair.format(word=word, thing=thing) for word, thing in zip(words, things, strict=True))
    return f"{lead} {', '.join(pairs)}."


def steps(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """A reason, then the label."""
    assert skill.reason is not None
    asked = " " + rng.choice(_SAID["steps"])
    asked = asked + _listed(rng, skill, 0.5) if rng.random() < 0.5 else _listed(rng, skill, 0.5) + asked
    return Question(asked, f"{skill.reason(rng, item)} {rng.choice(_SAID['last']).format(answer)}")


_FORMS: dict[Form, float] = {
    bare: 10,
    capital: 1.5,
    capital_options: 2,
    quoted: 2,
    colon: 2,
    as_json: 2,
    sentence: 2,
    letter: 1.5,
    check: 1.5,
    among: 1,
    bound: 6,
    steps: 4,
}
"""How often each is due, of those that fit the skill."""


def _fits(form: Form, skill: Skill) -> bool:
    if form is steps:
        return skill.reason is not None
    if form is quoted:
        return len(skill.labels) <= 3
    if form is among:
        return len(skill.labels) >= 5
    return form is not check or "yes" not in skill.labels


def _two(rng: Random, family: Family, item: Item) -> Question | None:
    """Two skills of one item in one answer: "sad, money"."""
    first, second = rng.sample(family.skills, 2)
    answers = (first.answer(item), second.answer(item))
    if None in answers or first.noun == second.noun:
        return None
    return Question(rng.choice(_SAID["two"]).format(first.noun, second.noun), f"{answers[0]}, {answers[1]}")


def ask(rng: Random, family: Family, item: Item) -> Question:
    """A question about `item` with its answer: skill, wording and form drawn by their weights."""
    if rng.random() < 0.08 and len(family.skills) > 1:
        two = _two(rng, family, item)
        if two is not None:
            return two
    while True:
        skill = rng.choices(family.skills, [skill.weight for skill in family.skills])[0]
        answer = skill.answer(item)
        if answer is not None:
            break
    forms = {form: weight for form, weight in _FORMS.items() if _fits(form, skill)}
    form = rng.choices([*forms], [*forms.values()])[0]
    phrasing = rng.choice(skill.phrasings)
    question = form(rng, skill, item, answer)
    return Question(phrasing + question.instruction, question.answer)
