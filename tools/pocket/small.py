"""Small skills beside the four families: copying, counting, sorting, choosing, JSON, languages, sums."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from tools.pocket.formats import Question, bindings
from tools.pocket.words import ALL_WORDS, CATEGORIES, WORDS

Exercise = tuple[str, Question]
"""An input and a question about it."""

_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_LANGUAGES: dict[str, tuple[tuple[str, ...], ...]] = {
    "english": (
        ("the cat", "the dog", "my friend", "the woman"),
        ("sees", "likes", "has"),
        ("the house", "the bread", "a book"),
    ),
    "german": (
        ("die Katze", "der Hund", "mein Freund", "die Frau"),
        ("sieht", "mag", "hat"),
        ("das Haus", "das Brot", "ein Buch"),
    ),
    "french": (
        ("le chat", "le chien", "mon ami", "la femme"),
        ("voit", "aime", "a"),
        ("la maison", "le pain", "un livre"),
    ),
    "spanish": (
        ("el gato", "el perro", "mi amigo", "la mujer"),
        ("ve", "quiere", "tiene"),
        ("la casa", "el pan", "un libro"),
    ),
}


def _some_words(rng: Random, low: int, high: int) -> list[str]:
    return rng.sample(ALL_WORDS, rng.randint(low, high))


def _copy(rng: Random) -> Exercise:
    text = rng.choice((" ", ", ")).join(_some_words(rng, 1, 8))
    asked = rng.choice(("Repeat the text.", "Copy the text.", "Write the same words again.", "Say it again."))
    return text, Question(asked, text)


def _count(rng: Random) -> Exercise:
    words = _some_words(rng, 1, 9)
    asked = rng.choice(("How many words are there?", "Count the words.", "Give the number of words."))
    if rng.random() < 0.5:
        return ", ".join(words), Question(asked + " Use digits.", str(len(words)))
    return ", ".join(words), Question(asked + " Use a word.", _NUMBER_WORDS[len(words)])


def _position(rng: Random) -> Exercise:
    words = _some_words(rng, 3, 7)
    which, index = rng.choice((("first", 0), ("last", -1), ("second", 1), ("third", 2)))
    asked = rng.choice(("What is the {} word?", "Write the {} word.", "Give the {} word of the list."))
    return ", ".join(words), Question(asked.format(which), words[index])


def _reversed(rng: Random) -> Exercise:
    words = _some_words(rng, 2, 5)
    asked = rng.choice(("Write the words in reverse order.", "Turn the list around."))
    return ", ".join(words), Question(asked, ", ".join(reversed(words)))


def _capitals(rng: Random) -> Exercise:
    words = _some_words(rng, 1, 5)
    asked = rng.choice(("Write each word with a capital letter.", "Start every word with a capital."))
    return " ".join(words), Question(asked, " ".join(word.capitalize() for word in words))


def _category(rng: Random) -> Exercise:
    kinds = rng.sample(tuple(CATEGORIES), 4)
    word = rng.choice(CATEGORIES[kinds[0]])
    rng.shuffle(kinds)
    right = next(kind for kind in kinds if word in CATEGORIES[kind])
    asked = rng.choice(("What kind of word is it?", "Which group does the word belong to?", "Sort the word."))
    return word, Question(f"{asked} Choose from: {', '.join(kinds)}.", right)


def _odd_letter(rng: Random) -> Exercise:
    kind, other = rng.sample(tuple(CATEGORIES), 2)
    words = [*rng.sample(CATEGORIES[kind], 3), rng.choice(CATEGORIES[other])]
    odd = words[3]
    rng.shuffle(words)
    options = " ".join(f"({'ABCD'[i]}) {word}" for i, word in enumerate(words))
    return options, Question("Which word does not fit? Answer with the letter.", "ABCD"[words.index(odd)])


def _find(rng: Random) -> Exercise:
    kind = rng.choice(tuple(CATEGORIES))
    word = rng.choice(CATEGORIES[kind])
    rest = [w for w in _some_words(rng, 3, 6) if w not in CATEGORIES[kind]]
    words = [*rest, word]
    rng.shuffle(words)
    asked = rng.choice(("Which word is a kind of {}?", "Find the {} in the list.", "Name the {}."))
    return ", ".join(words), Question(asked.format(kind), word)


def _language(rng: Random) -> Exercise:
    language = rng.choice(tuple(_LANGUAGES))
    text = " ".join(rng.choice(part) for part in _LANGUAGES[language])
    asked = rng.choice(("Which language is it?", "Name the language.", "What language is the text in?"))
    return text, Question(asked, language)


def _json(rng: Random) -> Exercise:
    key, value = rng.sample(ALL_WORDS, 2)
    text = f"{key}: {value}"
    return text, Question(rng.choice(("Write it as JSON.", "Turn it into a JSON object.")), json.dumps({key: value}))


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
    asked = rng.choice(("If {} is in the list, say {}, else {}.", "Say {1} if you see {0}, else {2}."))
    return ", ".join(words), Question(asked.format(looked, first, second), first if looked in words else second)


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
    asked = rng.choice(("Work it out.", "What is the result?", "Calculate.", "Give the value."))
    if rng.random() < 0.5:
        return text, Question(asked, f"{text} = {value}")
    return text, Question(asked, str(value))


def _larger(rng: Random) -> Exercise:
    first, second = rng.sample(range(200), 2)
    which, value = rng.choice((("larger", max(first, second)), ("smaller", min(first, second))))
    return f"{first}, {second}", Question(f"Which number is {which}?", str(value))


_EXERCISES: tuple[tuple[Callable[[Random], Exercise], float], ...] = (
    (_copy, 3),
    (_count, 1),
    (_position, 1),
    (_reversed, 1),
    (_capitals, 1),
    (_category, 2),
    (_odd_letter, 1),
    (_find, 1.5),
    (_language, 1),
    (_json, 1),
    (_json_value, 1),
    (_replace, 1.5),
    (mapped, 10),
    (_rule, 2),
    (_sum, 8),
    (_larger, 1),
)


def exercise(rng: Random) -> Exercise:
    """One small exercise: an input and a question with its answer."""
    return rng.choices([made for made, _ in _EXERCISES], [weight for _, weight in _EXERCISES])[0](rng)
