import re
import string

import pytest

from embedgrad.tasks.extract import read_by_meaning, read_strict
from embedgrad.tasks.grade import is_correct, is_meant
from embedgrad.tasks.short_answer import normalised
from embedgrad.tasks.task import Task

SHORT = Task("short", accepted={"Denver Broncos": ("Broncos", "the team of Denver")})


@pytest.mark.parametrize(
    ("output", "strict", "meant"),
    [
        ("Denver Broncos", True, True),
        (" Denver Broncos\n", True, True),
        ("the Denver Broncos.", False, True),
        ("DENVER  BRONCOS", False, True),
        ("**Denver Broncos**", False, True),
        ('"Broncos"', False, True),
        ("The team of Denver!", False, True),
        ("The answer is Denver Broncos. They won 24-10.", False, True),
        ("**Answer:** Denver Broncos\n\nThey beat the Panthers.", False, True),
        (r"The final answer is: $\boxed{\text{Denver Broncos}}$. I hope it is correct.", False, True),
        ("<think>Panthers? The answer is Panthers</think>\nDenver Broncos", False, True),
        ("答案：Denver Broncos。", False, True),
        ("Denver Broncos won the game.", False, False),
        ("Carolina Panthers", False, False),
        ("The answer is Denver Broncos or Carolina Panthers", False, False),
        ("", False, False),
    ],
)
def test_short_answers(output, strict, meant):
    assert is_correct(SHORT, read_strict(SHORT, output), "Denver Broncos") is strict
    assert is_meant(SHORT, read_by_meaning(SHORT, output), " Denver Broncos ") is meant


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("The answer is U.S. Grant. He won.", "U.S. Grant"),
        ("Answer: Dr. King", "Dr. King"),
        ("The answer is 3.5 miles. Far!", "3.5 miles"),
        ("The answer is:\n\nParis\n", "Paris"),
        ("<think>hm</think>", "hm"),
        ("  ", None),
    ],
)
def test_what_is_said(output, said):
    assert (read_by_meaning(SHORT, output) or "").strip() == (said or "")


def test_normalised_as_squad_does():
    """Against the three lines of its evaluation script, on ASCII."""

    def squad(text):
        text = "".join(character for character in text.lower() if character not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    for text in ("The  Broncos!", "An apple a day", "$5,000", "the-a", "Ann's theatre", string.printable):
        assert normalised(text) == squad(text)


def test_normalised_unlike_squad():
    assert normalised("$5,000.50") == "5000.50"
    assert normalised("a") == "a"
    assert normalised("−5, 3–5") == "-5 3-5"


def test_normalised_beyond_ascii():
    assert normalised("《巴黎》。") == normalised("巴黎")
    assert normalised("“Ｐａｒｉｓ”…") == "paris"


@pytest.mark.parametrize(
    ("output", "target", "same"),
    [
        (">5", "<5", False),
        ("> 5", ">5", True),
        ("!=", "==", False),
        ("x>5", "x<5", False),
        ("x >= 5", "x>=5", True),
        ("x >= 5", "x > 5", False),
        ("C#", "C", False),
        ("C++", "C", False),
        ("The answer is C++.", "C++", True),
        ("A-", "A+", False),
        ("O+", "O", False),
        ("Na+", "Na", False),
        ("-> Paris", "Paris", True),
        ("**Paris**", "Paris", True),
    ],
)
def test_signs_that_make_another_answer(output, target, same):
    assert is_meant(SHORT, read_by_meaning(SHORT, output), target) is same
