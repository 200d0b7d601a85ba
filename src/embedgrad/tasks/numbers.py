"""The number an answer gives, exactly. Nothing is evaluated, and reading takes linear time."""

from __future__ import annotations

import re
from fractions import Fraction

from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.said import half_width

_NUMBER = re.compile(
    r"""(?:(?<![0-9A-Za-z)\]])(?P<sign>[-−]))?        # a hyphen after a word or a number is no sign
        (?:[$€£¥₹]\s?(?P<inner_sign>[-−])?)?
        (?P<digits>[0-9]{1,3}(?:,[0-9]{3}(?![0-9]))+|[0-9]++|(?<![0-9])(?=\.[0-9]))
        (?:\s?[/⁄]\s?(?P<below>[0-9]++)
          |(?P<decimals>\.[0-9]++)?(?P<exponent>[eE][-+]?[0-9]{1,2}(?![0-9A-Za-z]))?)""",
    re.VERBOSE,
)
_FRACTION = re.compile(r"\\[dt]?frac\{([0-9]{1,99})\}\{([0-9]{1,99})\}")
_END = re.compile(r"[\s.。!%)\]}$€£¥₹*°]*+\Z")
_MOST_DIGITS = 1000  # int() takes quadratic time and refuses more than 4300


def last_number(text: str) -> str | None:
    """The answer's number as plain text (`-1234.5`, `3/4`), which `number_value` takes; None without one.

    It is the first number after the last `####`, else the first in the last `\\boxed{}` (after its last `=`),
    else the last one of the text. Thousands separators, currency and percent signs are left away: 50 % is 50.
    A number of more than 1000 characters is none.

    Source: `#### ` ends the answers of GSM8K (Cobbe et al. 2021, arXiv 2110.14168), `\\boxed{}` those of
    MATH (Hendrycks et al. 2021, arXiv 2103.03874).
    """
    text = _plain(text)
    _, marker, after = text.rpartition("####")
    box = boxed(text)
    for preferred in (after if marker else "", box.rpartition("=")[2] if box else ""):
        if match := _NUMBER.search(preferred):
            return _cleaned(match)
    match = _last_match(text)
    return _cleaned(match) if match else None


def first_number(text: str) -> str | None:
    """The first number of the text, as `last_number` gives it."""
    match = _NUMBER.search(_plain(text))
    return _cleaned(match) if match else None


def number_value(number: str) -> Fraction:
    """The exact value of what `last_number` gives."""
    return Fraction(number)


def ends_in_number(text: str) -> bool:
    """Whether nothing but closing punctuation and signs like `%` follows the last number."""
    text = _plain(text)
    match = _last_match(text)
    return match is not None and _END.match(text, match.end()) is not None


def _plain(text: str) -> str:
    text = half_width(text).replace("{,}", ",").replace("\\!", "").replace("\\$", "$")
    return _FRACTION.sub(r"\1/\2", text)


def _last_match(text: str) -> re.Match[str] | None:
    last = None
    for match in _NUMBER.finditer(text):
        last = match
    return last


def _cleaned(match: re.Match[str]) -> str | None:
    if match.end() - match.start() > _MOST_DIGITS:
        return None
    sign = "-" if match["sign"] or match["inner_sign"] else ""
    whole = sign + (match["digits"].replace(",", "") or "0")
    if match["below"]:
        return f"{whole}/{match['below']}" if int(match["below"]) else None
    return whole + (match["decimals"] or "") + (match["exponent"] or "")
