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
from tools.pocket.words import WORDS


@dataclass(frozen=True)
class Question:
    """An instruction and the answer it asks for."""

    instruction: str
    answer: str


Form = Callable[[Random, Skill, Item, str], Question]
"""(random, skill, item, native answer) -> the instruction's text after the phrasing, and the answer."""

_LISTS = (
    "Choose from: {}.",
    "Choose one of [{}].",
    "Options: {}.",
    "Pick one: {}.",
    "The choices are {}.",
    "Answer with one of {}.",
    "Use one of these words: {}.",
    "Choose only from [{}].",
)
_BARE = (
    "Answer with one word.",
    "One word only.",
    "Give just the word.",
    "Reply with a single word.",
    "No explanation.",
    "Just the answer.",
)
_STEPS = (
    "Think step by step.",
    "Explain first, then answer.",
    "Reason briefly before you answer.",
    "First say why.",
    "Give a reason, then the answer.",
    "Take it step by step and then answer.",
    "Step by step, please.",
)
_LETTERS = "ABCDEFGHIJ"
_LAST = ("Answer: {}", "So the answer is {}.", "So: {}", "The answer is {}.")


def _options(rng: Random, labels: Sequence[str]) -> str:
    shuffled = rng.sample(labels, len(labels))
    return rng.choice((", ", ", ", " | ", " / ")).join(shuffled)


def _listed(rng: Random, skill: Skill, often: float) -> str:
    return " " + rng.choice(_LISTS).format(_options(rng, skill.labels)) if rng.random() < often else ""


def bare(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label alone."""
    asked = _listed(rng, skill, 0.7)
    if rng.random() < 0.5:
        asked += " " + rng.choice(_BARE)
    return Question(asked, answer)


def capital(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label with a capital."""
    asked = _listed(rng, skill, 0.5) + " " + rng.choice(("Start with a capital letter.", "Use a capital letter."))
    return Question(asked, answer.capitalize())


def capital_options(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label as the listed options write it."""
    options = _options(rng, [label.capitalize() for label in skill.labels])
    return Question(" " + rng.choice(_LISTS).format(options), answer.capitalize())


def quoted(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The label as the quoted options write it: answer "Yes" or "No"."""
    shown = [label.capitalize() if rng.random() < 0.5 else label for label in skill.labels]
    right = shown[skill.labels.index(answer)]
    if rng.random() < 0.5:
        shown.reverse()
    words = ", ".join(f'"{label}"' for label in shown[:-1]) + f' or "{shown[-1]}"'
    lead = rng.choice(("Answer", "Say", "Reply with", "Write"))
    return Question(f" {lead} {words}.", right)


def colon(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """Emotion: sad"""
    name = skill.noun.capitalize()
    asked = rng.choice(('Write it as "{}: ...".', 'Begin with "{}:".', 'The line must start with "{}:".'))
    return Question(_listed(rng, skill, 0.5) + " " + asked.format(name), f"{name}: {answer}")


def as_json(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """{"emotion": "sad"}"""
    asked = rng.choice(
        ('Answer as JSON with the key "{}".', 'Give JSON: {{"{}": ...}}.', 'Return a JSON object with "{}".')
    )
    return Question(_listed(rng, skill, 0.5) + " " + asked.format(skill.noun), json.dumps({skill.noun: answer}))


def sentence(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The writer feels sad."""
    asked = rng.choice(("Answer in a full sentence.", "Use a whole sentence.", "Say it in a sentence."))
    return Question(_listed(rng, skill, 0.4) + " " + asked, skill.sentence.format(label=answer))


def letter(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """The letter of the right option."""
    labels = rng.sample(skill.labels, len(skill.labels))
    style = rng.choice(("({}) {}", "{}) {}", "{}: {}", "{}. {}"))
    options = " ".join(style.format(_LETTERS[i], label) for i, label in enumerate(labels))
    asked = rng.choice(("Answer with the letter.", "Give only the letter.", "Which letter is right?"))
    return Question(f" {options} {asked}", _LETTERS[labels.index(answer)])


def check(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """Whether it is one given label: yes or no."""
    others = [label for label in skill.labels if label != answer]
    named = answer if rng.random() < 0.5 else rng.choice(others)
    asked = rng.choice(
        ("Is it {}? Answer yes or no.", "Is the answer {}? Yes or no.", 'Say "yes" if it is {}, else "no".')
    )
    return Question(" " + asked.format(named), "yes" if named == answer else "no")


def among(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """Whether it is one of several given labels: yes or no."""
    named = rng.sample(skill.labels, rng.choice((2, 3)))
    words = ", ".join(named[:-1]) + " or " + named[-1]
    asked = rng.choice(("Is it {}? Answer yes or no.", 'Say "yes" if it is {}, else "no".'))
    return Question(" " + asked.format(words), "yes" if answer in named else "no")


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
    pair = rng.choice(("{word} for {thing}", "{word} for {thing}", "{thing}: {word}", "{thing} = {word}"))
    lead = rng.choice(("Answer", "Say", "Write", "Reply")) + (":" if "for" not in pair else "")
    pairs = (pair.format(word=word, thing=thing) for word, thing in zip(words, things, strict=True))
    return f"{lead} {', '.join(pairs)}."


def steps(rng: Random, skill: Skill, item: Item, answer: str) -> Question:
    """A reason, then the label."""
    assert skill.reason is not None
    asked = " " + rng.choice(_STEPS)
    asked = asked + _listed(rng, skill, 0.5) if rng.random() < 0.5 else _listed(rng, skill, 0.5) + asked
    return Question(asked, f"{skill.reason(rng, item)} {rng.choice(_LAST).format(answer)}")


_FORMS: tuple[tuple[Form, float], ...] = (
    (bare, 10),
    (capital, 1.5),
    (capital_options, 2),
    (quoted, 2),
    (colon, 2),
    (as_json, 2),
    (sentence, 2),
    (letter, 1.5),
    (check, 1.5),
    (among, 1),
    (bound, 6),
    (steps, 4),
)


def _fits(form: Form, skill: Skill) -> bool:
    if form is steps:
        return skill.reason is not None
    if form is quoted:
        return len(skill.labels) <= 3
    if form is among:
        return len(skill.labels) >= 5
    if form is check:
        return "yes" not in skill.labels
    return True


def _two(rng: Random, family: Family, item: Item) -> Question | None:
    """Two skills of one item in one answer: "sad, money"."""
    first, second = rng.sample(family.skills, 2)
    answers = (first.answer(item), second.answer(item))
    if None in answers or first.noun == second.noun:
        return None
    asked = rng.choice(
        (
            "Give the {} and the {}, with a comma between them.",
            "Name the {}, then the {}.",
            "What are the {} and the {}?",
            "Two answers, separated by a comma: the {}, the {}.",
        )
    )
    return Question(asked.format(first.noun, second.noun), f"{answers[0]}, {answers[1]}")


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
    forms = [(form, weight) for form, weight in _FORMS if _fits(form, skill)]
    form = rng.choices([form for form, _ in forms], [weight for _, weight in forms])[0]
    phrasing = rng.choice(skill.phrasings)
    question = form(rng, skill, item, answer)
    return Question(phrasing + question.instruction, question.answer)
