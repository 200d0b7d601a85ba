"""Short answers in the wordings of outputs: what is right by meaning for a target, and what never is."""

import pytest

from embedgrad.tasks.grade import grade
from embedgrad.tasks.task import Task

SHORT = Task("short")
NAMES = [
    "Prof. Smith", "Gen. Lee", "Sgt. Pepper", "Capt. Kirk", "Lt. Dan", "Mt. Everest",
    "St. Louis", "Rev. King", "Sen. Warren", "Gov. Brown", "Col. Mustard", "No. 5",
    "Fig. 3", "Mrs. Dalloway", "Apple Inc.", "U.S.", "Ph.D. student", "approx. 5",
    "Vol. 2", "Hon. Judge", "Pres. Lincoln", "Rep. Smith", "ca. 1900", "Dept. of State",
    "5 p.m.", "J. R. R. Tolkien", "Fr. Brown", "Maj. Tom", "Op. 27", "e.g. cats",
    "Martin Luther King Jr.",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_shortened_word_ends_no_sentence(name):
    for output in (f"The answer is {name}".removesuffix(".") + ".", f"Answer: {name}\nIt was.", name, name.upper()):
        assert grade(SHORT, output, name).meant_correct, output
    first = name.split(". ")[0]
    if first != name:
        assert not grade(SHORT, f"The answer is {name}.", first).meant_correct


@pytest.mark.parametrize(
    ("target", "right"),
    [
        ("Paris", "The answer is Paris. It is big.|The answer is Paris! Yes.|Answer: Paris."
                "|The answer is: Paris. Gen. Lee saw it."),
        ("No", "The answer is No. He did.|no|No.|Answer: No"),
        ("Au", "The answer is Au. It is gold.|Au|AU."),
        ("1e-5", "1e-5|1e−5|1E-5|The answer is 1e-5.|**1e-5**"),
        ("1e5", "1e5|1E5|1e+5"),
        ("10⁵", "10⁵|10^5|The answer is 10⁵."),
        ("-$5", "-$5|−$5|$-5|–$5"),
        ("$5", "$5|$5.|The answer is $5.|**$5**|$5!"),
        ("H₂O", "H2O|H₂O.|h2o"),
        ("½", "1/2|½"),
        ("1½", "1 1/2|1½."),
        ("x²", "x^2|x²"),
    ],
)  # fmt: skip
def test_right_short(target, right):
    assert [output for output in right.split("|") if not grade(SHORT, output, target).meant_correct] == []


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("1e-5", "1e5|1e+5|1.e5|e-5"),
        ("1e5", "1e-5|1e−5"),
        ("105", "10⁵|10^5|10₅|10⁻⁵"),
        ("10⁵", "105|10⁻⁵|10"),
        ("$5", "-$5|−$5|€5|$-5|–$5|£5"),
        ("-$5", "$5|5"),
        ("x²", "x2|x3"),
        ("m2", "m²"),
        ("½", "12|1 2|2"),
        ("1½", "11/2|1/2"),
        ("5%", "5‰"),
        ("AB+", "AB-|AB"),
        ("Prof", "The answer is Prof. Smith."),
    ],
)
def test_wrong_short(target, wrong):
    assert [output for output in wrong.split("|") if grade(SHORT, output, target).meant_correct] == []
