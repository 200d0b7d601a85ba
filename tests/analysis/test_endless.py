"""Which answers count as endless: real repetitions, and texts that only look like one."""

from __future__ import annotations

import re

import pytest

from embedgrad.analysis.entropy.loops import ends_in_a_count, is_endless
from embedgrad.evaluation.answering import Generation
from embedgrad.evaluation.loops import ends_in_a_loop

QUESTIONS = "".join(f"Question {n}: What is the sum of the digits? " for n in range(7, 13))
STEPS = "\n".join(f"Step {n}: Add the number and go on." for n in range(1, 40))
BOTTLES = " ".join(f"{n} bottles of beer on the wall." for n in range(99, 90, -1))

COUNTS = [
    (QUESTIONS, True),
    (QUESTIONS + "Question 13: What is the", True),  # cut off anywhere
    (QUESTIONS + "Question 1", True),  # within a number, too
    (STEPS, True),
    (BOTTLES, True),
    ("So x is 5. " + QUESTIONS, True),
    (QUESTIONS + "So the answer is five, and that is all of it.", False),  # left again
    ("Question 7: What is it? Question 8: What is it? ", False),  # not yet three times
    ("", False),
    (", ".join(map(str, range(1, 60))), False),  # counting
    ("\n".join(f"| {n} | yes |" for n in range(1, 20)), False),  # a table
    ("\n".join(f"{n} squared is {n * n}." for n in range(1, 12)), False),
    ("\n".join(f"7 times {n} is the number {7 * n}." for n in range(1, 11)), False),
    ("1. Take an apple. 2. Wash the pear. 3. Peel the plum. 4. Cut them all. 5. Eat them up.", False),
    ("In 2001 it was the same. In 2001 it was the same. In 2001 it was the same. In 2001 it", False),  # no counter
]
EXACT = [
    ("The answer is 4. The answer is 4. The answer is 4. The answer is 4.", True),
    ("So we get 0." + "3" * 40, True),
    ("Let us see.\n" + "assistant\n" * 9, True),
    ("I am not sure. " + "It was a sunny day and he went to the park to play. " * 3, True),
    ("I am not sure. " + "It was a sunny day and he went to the park to play. " * 3 + "It was a", True),
    ("x = 1 + 1 / ( " + "1 + 1 / ( " * 6, True),
    ("ha ha ha", False),
    ("no no no no no!", False),
    ("She waited ... and then she left.", False),
    ("The number is 18446744073709551616.", False),
    ("There are 1" + "0" * 12 + " of them.", False),
    ("red, green, red, blue, green, red, blue, blue, red, green", False),
    ("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n| 7 | 8 |", False),
    ("- a cup of tea\n- a cup of milk\n- a cup of rice\n- a cup of flour", False),
    ("It was good. It was very good. It was the best.", False),
]


def tokens(text: str) -> list[int]:
    """Words, single digits, signs and line breaks as ids, as many tokenizers cut them."""
    pieces = re.findall(r"[^\W\d]+|\d|[^\w\s]|\n", text)
    names = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    return [names[piece] for piece in pieces]


@pytest.mark.parametrize(("text", "loops"), COUNTS)
def test_counts(text: str, loops: bool) -> None:
    assert ends_in_a_count(text) is loops


@pytest.mark.parametrize(("text", "loops"), EXACT)
def test_exact_loops_of_tokens(text: str, loops: bool) -> None:
    assert ends_in_a_loop(tokens(text)) is loops


@pytest.mark.parametrize("text", [text for text, loops in COUNTS if loops])
def test_a_counter_hides_a_loop_from_the_tokens(text: str) -> None:
    assert not ends_in_a_loop(tokens(text))


def test_a_number_longer_than_int_takes_is_read() -> None:
    assert not ends_in_a_count("".join(f"Question {'1' * 5000}: What is the answer? " for _ in range(4)))


def test_only_the_limit_makes_an_answer_endless() -> None:
    answer = Generation("ha " * 20, (7,) * 20, truncated=False, entropies_bits=(0.0,) * 21, loops=True)
    assert not is_endless(answer)
    cut = Generation("ha " * 20, (7,) * 20, truncated=True, entropies_bits=(0.0,) * 20, loops=True)
    assert is_endless(cut)
    counting = Generation(QUESTIONS, tuple(range(60)), truncated=True, entropies_bits=(0.1,) * 60, loops=False)
    assert is_endless(counting)
