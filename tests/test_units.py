"""Numbers in words: one rounding, one function for singular and plural."""

from __future__ import annotations

import subprocess
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from embedgrad.report.tables import score_table
from embedgrad.run.score import Score
from embedgrad.units import counted, line_words, number, per_cent, points

SOURCE = Path(__file__).parents[1] / "src"


@pytest.mark.parametrize(
    ("correct", "total", "words"),
    [(203, 400, "50.8 %"), (1, 16, "6.3 %"), (3, 16, "18.8 %"), (1, 2000, "0.1 %"), (1, 3, "33.3 %"), (0, 7, "0.0 %")],
)
def test_a_share_is_rounded_as_by_hand(correct, total, words):
    assert per_cent(correct / total) == words


def test_every_share_of_a_few_hundred_rows_is_rounded_exactly():
    for total in range(1, 401):
        for correct in range(total + 1):
            exact = Fraction(1000 * correct, total)
            by_hand = Decimal(exact.numerator * 2 + exact.denominator) // Decimal(2 * exact.denominator) / 10
            assert points(correct / total) == f"{by_hand.quantize(Decimal('0.1'), ROUND_HALF_UP)}", (correct, total)


def test_the_table_says_what_the_sentence_says():
    score = Score(
        prompt="p", accuracy=203 / 400, correct=203, total=400, interval=(0.4585, 0.5562), loss=1.0, truncated=0
    )
    assert score_table([score])[1][1] == "50.8 % (45.9 to 55.6)"
    assert per_cent(score.accuracy) == "50.8 %"


@pytest.mark.parametrize(
    ("value", "options", "words"),
    [
        (0.25, {}, "0.3"),
        (-0.25, {}, "-0.3"),
        (-0.04, {}, "0.0"),
        (1234.56, {}, "1,234.6"),
        (0.0005, {"digits": 3}, "0.001"),
        (2.0, {"sign": True}, "+2.0"),
        (float("nan"), {}, "nan"),
        (1e18, {"digits": 0}, "1,000,000,000,000,000,000"),
    ],
)
def test_numbers(value, options, words):
    assert number(value, **options) == words


@pytest.mark.parametrize(
    ("count", "nouns", "words"),
    [
        (1, ("row",), "1 row"),
        (0, ("row",), "0 rows"),
        (1240, ("row",), "1,240 rows"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
        (1, ("validation row",), "1 validation row"),
    ],
)
def test_singular_and_plural(count, nouns, words):
    assert counted(count, *nouns) == words


def test_lines():
    assert line_words([5]) == "line 5"
    assert line_words([5, 7]) == "lines 5, 7"
    assert line_words(range(1, 12)) == "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ..."


def test_nothing_in_the_package_rounds_a_share_by_itself():
    found = subprocess.run(
        ["grep", "-rnE", r"100 \* [^}]*:\.[01]f", str(SOURCE), "--include=*.py"], capture_output=True, text=True
    )
    assert found.stdout == ""
