"""The training text: documents of the four families and of small exercises, by fixed weights.

A document is a prompt, an input and an answer, as the project's plain template lays them out: prompt, line break,
input, line break, answer, end of text. Some have the prompt after the input, some have worked examples in the prompt.

Inputs are split by a hash of their text (`is_held_out`): training documents never hold an input of the held-out
tenth, the demo's tasks hold no others. So the two are disjoint by construction, however much text is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from tools.pocket.arithmetic import FAMILY as ARITHMETIC
from tools.pocket.causal import FAMILY as CAUSAL
from tools.pocket.emotion import FAMILY as EMOTION
from tools.pocket.formats import Question, ask, bare
from tools.pocket.kinds import Family, Item
from tools.pocket.points import ask_point
from tools.pocket.sentiment import FAMILY as SENTIMENT
from tools.pocket.small import exercise
from tools.pocket.sums import ask_sum

_LABELED = (EMOTION, SENTIMENT, CAUSAL)


@dataclass(frozen=True)
class Document:
    """One training text: `parts` are tokenized one by one, and the answer follows them."""

    parts: tuple[str, ...]
    answer: str
    source: str
    """The family's name, "small", "points" or "examples"."""


def is_held_out(text: str) -> bool:
    """Whether an input belongs to the tenth that training never sees. Case and spaces do not matter."""
    return blake2b(" ".join(text.lower().split()).encode(), digest_size=8).digest()[0] % 10 == 0


def draw_item(rng: Random, family: Family, *, held_out: bool) -> Item:
    """An item of `family` from the training side of the split, or from the other."""
    while True:
        item = family.draw(rng)
        if is_held_out(item.text) == held_out:
            return item


def _laid_out(rng: Random, prompt: str, text: str, answer: str, source: str) -> Document:
    if rng.random() < 0.12:
        return Document((f"{text}\n", f"{prompt}\n"), answer, source)
    return Document((f"{prompt}\n", text, "\n"), answer, source)


def _of_family(rng: Random, family: Family, held_out: bool) -> Document:
    item = draw_item(rng, family, held_out=held_out)
    question = ask(rng, family, item)
    return _laid_out(rng, question.instruction, item.text, question.answer, family.name)


def _of_arithmetic(rng: Random, held_out: bool) -> Document:
    item = draw_item(rng, ARITHMETIC, held_out=held_out)
    question = ask_sum(rng, item)
    return _laid_out(rng, question.instruction, item.text, question.answer, ARITHMETIC.name)


def _of_small(rng: Random, held_out: bool) -> Document:
    text, question = exercise(rng)
    return _laid_out(rng, question.instruction, text, question.answer, "small")


def _of_points(rng: Random, held_out: bool) -> Document:
    item = draw_item(rng, rng.choice((SENTIMENT, CAUSAL, CAUSAL)), held_out=held_out)
    question = ask_point(rng, item)
    return _laid_out(rng, question.instruction, item.text, question.answer, "points")


def _with_examples(rng: Random, held_out: bool) -> Document:
    """Two or three answered examples of one skill in the prompt, then the input."""
    family = rng.choice(_LABELED)
    skill = rng.choices(family.skills, [skill.weight for skill in family.skills])[0]
    wanted = rng.choice((3, 4))
    answered: list[tuple[Item, str]] = []
    while len(answered) < wanted:
        item = draw_item(rng, family, held_out=held_out)
        answer = skill.answer(item)
        if answer is not None:
            answered.append((item, answer))
    (item, answer), *shown = answered
    question: Question = bare(rng, skill, item, answer)
    examples = "\n".join(f"{example.text} -> {label}" for example, label in shown)
    prompt = f"{rng.choice(skill.phrasings)}{question.instruction}\nExamples:\n{examples}"
    return Document((f"{prompt}\n", item.text, "\n"), answer, "examples")


_SOURCES: tuple[tuple[Callable[[Random, bool], Document], float], ...] = (
    (lambda rng, held_out: _of_family(rng, EMOTION, held_out), 17),
    (lambda rng, held_out: _of_family(rng, SENTIMENT, held_out), 21),
    (lambda rng, held_out: _of_family(rng, CAUSAL, held_out), 20),
    (_of_points, 8),
    (_of_arithmetic, 15),
    (_of_small, 17),
    (_with_examples, 2),
)


def draw_document(rng: Random, *, held_out: bool = False) -> Document:
    """One document of the mixture; with `held_out`, one whose inputs training never sees (to watch progress)."""
    made = rng.choices([made for made, _ in _SOURCES], [weight for _, weight in _SOURCES])[0]
    return made(rng, held_out)
