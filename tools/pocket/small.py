"""Small skills beside the four families: copying, counting, sorting, choosing, JSON, languages, sums."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from tools.pocket.formats import Question, bindings
from tools.pocket.tables import table
from tools.pocket.words import ALL_WORDS, CATEGORIES, WORDS

Exercise = tuple[str, Question]
"""An input and a question about it."""

_TABLES = table("small")
_ASKED: dict[str, tuple[str, ...]] = _TABLES["asked"]


def _some_words(rng: Random, low: int, high: int) -> list[str]:
    return rng.sample(ALL_WORDS, rng.randint(low, high))


def _copy(rng: Random) -> Exercise:
    text = rng.choice((" ", ", ")).join(_some_words(rng, 1, 8))
    return text, Question(rng.choice(_ASKED["copy"]), text)


def _count(rng: Random) -> Exercise:
    words = _some_words(rng, 1, 9)
    asked = rng.choice(_ASKED["count"])
    if rng.random() < 0.5:
        return ", ".join(words), Question(f"{asked} Use digits.", str(len(words)))
    return ", ".join(words), Question(f"{asked} Use a word.", _TABLES["numbers"][len(words)])


def _position(rng: Random) -> Exercise:
    words = _some_words(rng, 3, 7)
    which, index = rng.choice((("first", 0), ("last", -1), ("second", 1), ("third", 2)))
    return ", ".join(words), Question(rng.choice(_ASKED["position"]).format(which), words[index])


def _reversed(rng: Random) -> Exercise:
    words = _some_words(rng, 2, 5)
    return ", ".join(words), Question(rng.choice(_ASKED["reversed"]), ", ".join(reversed(words)))


def _capitals(rng: Random) -> Exercise:
    words = _some_words(rng, 1, 5)
    return " ".join(words), Question(rng.choice(_ASKED["capitals"]), " ".join(map(str.capitalize, words)))


def _category(rng: Random) -> Exercise:
    kinds = rng.sample(tuple(CATEGORIES), 4)
    word = rng.choice(CATEGORIES[kinds[0]])
    rng.shuffle(kinds)
    right = next(kind for kind in kinds if word in CATEGORIES[kind])
    return word, Question(f"{rng.choice(_ASKED['category'])} Choose from: {', '.join(kinds)}.", right)


def _odd_letter(rng: Random) -> Exercise:
    kind, other = rng.sample(tuple(CATEGORIES), 2)
    words = [*rng.sample(CATEGORIES[kind], 3), rng.choice(CATEGORIES[other])]
    odd = words[3]
    rng.shuffle(words)
    options = " ".join(f"({letter}) {word}" for letter, word in zip("ABCD", words, strict=True))
    return options, Question("Which word does not fit? Answer with the letter.", "ABCD"[words.index(odd)])


def _find(rng: Random) -> Exercise:
    kind = rng.choice(tuple(CATEGORIES))
    word = rng.choice(CATEGORIES[kind])
    words = [*(w for w in _some_words(rng, 3, 6) if w not in CATEGORIES[kind]), word]
    rng.shuffle(words)
    return ", ".join(words), Question(rng.choice(_ASKED["find"]).format(kind), word)


def _language(rng: Random) -> Exercise:
    language = rng.choice(tuple(_TABLES["languages"]))
    text = " ".join(rng.choice(part) for part in _TABLES["languages"][language])
    return text, Question(rng.choice(_ASKED["language"]), language)


def _json(rng: Random) -> Exercise:
    key, value = rng.sample(ALL_WORDS, 2)
    return f"{key}: {value}", Question(rng.choice(_ASKED["json"]), json.dumps({key: value}))


def _json_value(rng: Random) -> Exercise:
    words = _some_words(rng, 4, 4)
    text = json.dumps({words[0]: words[1], words[2]: words[3]})
    key = rng.choice((0, 2))
    return text, Question(f"What is the value of {words[key]}?", words[key + 1])


def _replace(rng: Random) -> Exercise:
    words = _some_words(rng, 2, 5)
    old, new = rng.choice(words), rng.choice(ALL_WORDS)
    changed = [new if word == old else word for word in words]
    return " ".join(words), Question(f"Write {new} instead of {old}.", " ".join(changed))


def mapped(rng: Random) -> Exercise:
    """Each word of a list answered by the word that the instruction binds to it."""
    size = rng.randint(2, 5)
    drawn = rng.sample(WORDS, 2 * size)
    things, words = drawn[:size], drawn[size:]
    listed = [rng.choice(things) for _ in range(rng.randint(1, 6))]
    answers = (words[things.index(thing)] for thing in listed)
    return " ".join(listed), Question(bindings(rng, words, things), " ".join(answers))


def _rule(rng: Random) -> Exercise:
    words = _some_words(rng, 2, 5)
    first, second = rng.sample(ALL_WORDS, 2)
    looked = rng.choice(words) if rng.random() < 0.5 else rng.choice(ALL_WORDS)
    asked = rng.choice(_ASKED["rule"]).format(looked, first, second)
    return ", ".join(words), Question(asked, first if looked in words else second)


def _sum(rng: Random) -> Exercise:
    """One operation of the sizes that the word problems use."""
    kind = rng.random()
    if kind < 0.3:
        first, second = rng.randint(0, 99), rng.randint(1, 99)
        text, value = f"{first} + {second}", first + second
    elif kind < 0.6:
        second, value = rng.randint(1, 99), rng.randint(0, 99)
        text = f"{value + second} - {second}"
    elif kind < 0.85:
        first, second = rng.randint(2, 12), rng.randint(2, 12)
        text, value = f"{first} * {second}", first * second
    else:
        second, value = rng.randint(2, 9), rng.randint(2, 12)
        text = f"{value * second} / {second}"
    asked = rng.choice(_ASKED["sum"])
    return text, Question(asked, f"{text} = {value}" if rng.random() < 0.5 else str(value))


def _larger(rng: Random) -> Exercise:
    first, second = rng.sample(range(200), 2)
    which, value = rng.choice((("larger", max(first, second)), ("smaller", min(first, second))))
    return f"{first}, {second}", Question(f"Which number is {which}?", str(value))


_EXERCISES: dict[Callable[[Random], Exercise], float] = {
    _copy: 3,
    _count: 1,
    _position: 1,
    _reversed: 1,
    _capitals: 1,
    _category: 2,
    _odd_letter: 1,
    _find: 1.5,
    _language: 1,
    _json: 1,
    _json_value: 1,
    _replace: 1.5,
    mapped: 10,
    _rule: 2,
    _sum: 8,
    _larger: 1,
}
"""How often each is due."""


def exercise(rng: Random) -> Exercise:
    """One small exercise: an input and a question with its answer."""
    return rng.choices([*_EXERCISES], [*_EXERCISES.values()])[0](rng)
