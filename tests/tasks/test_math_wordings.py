"""Mathematical answers in other signs and words: what is right strictly for a target, and what never is."""

import pytest

from embedgrad.tasks.grade import grade
from embedgrad.tasks.task import Task

MATH = Task("math")


def is_right(output, target):
    return grade(MATH, output if "boxed" in output else rf"\boxed{{{output}}}", target)


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        (r"\boxed{12:30}", ["12/30", "1230", "12.30", "12:31", "0.4"]),
        ("2:3", ["3:2", "2/4", "2/3"]),
        ("5", [r"5\text{ million}", r"5\text{ dozen}", r"5\text{ thousand}", "5 million", r"5\,\text{million}"]),
        ("5", [r"5\text{ or more}", r"5\text{ squared}", r"5\text{ tenths}", r"5\text{ hundred}"]),
        (r"5\text{ million}", ["5", r"5\text{ thousand}"]),
        ("0.0000001", ["0.0000002", "0"]),
        ("0.5", ["0.5000001", "0.49999999"]),
        (r"\frac{1}{3}", ["0.333", "0.34"]),
        ("x", ["X"]),
        ("x+1", ["X+1"]),
        ("2n", ["2N"]),
        (r"\angle ABC", [r"\angle ACB", r"\angle BAC"]),
        ("AB", ["BA", "AC"]),
        ("ABCD", ["ACBD", "ABDC"]),
        ("12", ["13=12", "5=12", "12=13", "x=13"]),
        ("6", [r"\boxed{5} or \boxed{6}", r"\boxed{6} or \boxed{5}"]),
        ("6", [r"$\boxed{5}$, $\boxed{6}$", r"\boxed{5} and \boxed{6}"]),
        ("2018", ["2024-01-05", "2024-5-1"]),
        ("2024-01-05", ["2018", "2024-01-06"]),
    ],
)  # fmt: skip
def test_wrong_mathematics(target, wrong):
    assert [output for output in wrong if is_right(output, target).correct] == []
    assert [output for output in wrong if is_right(output, target).meant_correct] == []


@pytest.mark.parametrize(
    ("target", "right"),
    [
        (r"\boxed{12:30}", ["12:30", "12 : 30", r"\text{12:30}"]),
        ("2:3", ["2:3", "2 : 3"]),
        ("5", ["5", "5.0", r"5\text{ apples}", r"5\text{ ways}", r"5\text{ cm}", "05", "+5", "10/2"]),
        ("5", [r"\frac{10}{2}", "$5$", "5."]),
        (r"5\text{ million}", ["5000000", "5,000,000", r"5\text{ million}", "5 million", r"5\text{ million dollars}"]),
        ("2.5", [r"\frac52", "5/2", "2.50", r"2\frac12", r"\dfrac{5}{2}"]),
        ("24", [r"2\text{ dozen}", "24.00", r"24\text{ eggs}"]),
        ("0.5", ["1/2", r"\frac12", r"50\%", ".5", "0.50", "50%", r"\frac{1}{2}", "½"]),
        ("x+1", ["1+x", "x + 1", "(x+1)", "y = x+1"]),
        ("2n", ["n+n", "2 n", r"2\cdot n"]),
        ("xy", ["yx", "x y", r"x\cdot y"]),
        (r"\angle ABC", [r"\angle ABC", r"\angle{ABC}", r"\angle CBA"]),
        ("AB", ["AB", "$AB$", r"\text{AB}"]),
        (r"\text{Even}", [r"\text{even}", "even", "Even"]),
        ("12", ["x=12", "6+6=12", r"\frac{24}{2}=12", "12=12", r"12\text{ (twelve)}", r"2\cdot6 = 12", "n = 12"]),
        ("6", [r"\boxed{5}. Wait, that is wrong: \boxed{6}"]),
        ("6", [r"First \boxed{5}. So \boxed{6}", r"\boxed{6} or \boxed{6}"]),
        ("5, 6", [r"\boxed{5} and \boxed{6}", r"\boxed{5}, \boxed{6}", r"$\boxed{5}$ or $\boxed{6}$", "5,6", "5, 6"]),
        ("2018", ["2018", "2,018", r"\text{2018}", "2018.0"]),
        ("2024-01-05", ["2024-01-05", " 2024-01-05 "]),
        ("x=5", ["5", "x = 5", "x=5.0"]),
        (r"\sqrt{2}", [r"\sqrt2", "√2", r"2^{1/2}", r"\frac{2}{\sqrt{2}}"]),
    ],
)  # fmt: skip
def test_right_mathematics(target, right):
    assert [output for output in right if not is_right(output, target).correct] == []
