"""Numbers and texts from outside, as a user reads them."""

from __future__ import annotations

from embedgrad.units import bytes_words, number
from embedgrad.words import cut, duration_words, p_words


def test_numbers() -> None:
    assert [p_words(p) for p in (0.0, 0.0009, 0.001, 0.0496, 0.0997, 0.412, 1.0)] == [
        "p < 0.001",
        "p < 0.001",
        "p = 0.001",
        "p = 0.050",
        "p = 0.10",
        "p = 0.41",
        "p = 1.00",
    ]
    assert [number(-0.04, sign=True), number(12345.67), number(0.04, digits=2, sign=True)] == [
        "0.0",
        "12,345.7",
        "+0.04",
    ]
    assert [duration_words(s) for s in (0.41, 9.96, 59.6, 185, 3599.7, 7620)] == [
        "0.4 s",
        "10.0 s",
        "1 min 0 s",
        "3 min 5 s",
        "1 h 0 min",
        "2 h 7 min",
    ]
    assert [bytes_words(n) for n in (0, 512, 999, 1000, 48_200, 999_960_000, 3_123_456_789, 2 * 10**12)] == [
        "0 bytes",
        "512 bytes",
        "999 bytes",
        "1.0 kB",
        "48.2 kB",
        "1.0 GB",
        "3.1 GB",
        "2.0 TB",
    ]


def test_cut_says_how_much_and_shows_control_characters() -> None:
    assert cut("short", 5) == "short"
    assert cut("longer", 5) == "longe … [1 more character]"
    assert cut("x" * 2345, 5) == "xxxxx … [2,340 more characters]"
    assert cut("a\x00b\x1b[1mc\n\td\x7f", 20) == "a␀b␛[1mc\n\td␡"
