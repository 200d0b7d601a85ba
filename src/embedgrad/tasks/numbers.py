"""The number an answer gives, exactly. Nothing is evaluated, and reading takes linear time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from embedgrad.tasks.amount import CURRENCY, amount_after, are_two_units, meaning_of
from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.conclusion import half_width
from embedgrad.tasks.decimal_mark import DecimalMark
from embedgrad.tasks.number_text import plain_numbers

_MOST_DIGITS = 1000  # int() takes quadratic time and refuses more than 4300
_TRAILING_MINUS = re.compile(r"-(?=[\s.,;)]|\Z)")


def _exponent(name: str) -> str:
    return rf"[({{]?(?P<{name}>[-+]?[0-9]{{1,2}})[)}}]?(?![0-9A-Za-z])"


def _pattern(decimal: str, groups: str, indian: str) -> re.Pattern[str]:
    return re.compile(
        rf"""(?:(?<![0-9A-Za-z)\]])(?P<sign>[-+–]))?        # a hyphen after a word or a number is no sign
        (?:(?P<currency>{CURRENCY})[ ]?(?P<inner_sign>[-–])?)?
        (?:10(?:\^|\*\*){_exponent("tens")}
          |(?P<whole>[1-9][0-9]{{0,2}}(?P<mark>[{groups}])[0-9]{{3}}(?![0-9])(?:(?P=mark)[0-9]{{3}}(?![0-9]))*
             |{indian}[0-9]++|(?<![0-9])(?={decimal}[0-9]))
           (?:[ ]?/[ ]?(?P<below>[0-9]++)
             |[ ](?P<above>[0-9]{{1,9}})/(?P<under>[0-9]{{1,9}})(?![0-9])
             |(?P<decimals>{decimal}[0-9]++)?
              (?:[eE](?P<power>[-+]?[0-9]{{1,2}})(?![0-9A-Za-z])
                |[ ]?[×x*·][ ]?10[ ]?(?:\^|\*\*){_exponent("power_of_ten")})?))""",
        re.VERBOSE,
    )


_PATTERNS: dict[DecimalMark, re.Pattern[str]] = {
    ".": _pattern(r"\.", ",'’_ ", r"[1-9][0-9]?(?:,[0-9]{2}){1,7},[0-9]{3}(?![0-9])|"),
    ",": _pattern(",", ".'’_ ", ""),
}

# What stands between two numbers that are no two answers: a range, a list, a date, a sum not done.
_JOINT = re.compile(
    r"""[ \t]*(?:[-–—~+*×÷·/:;,&|x±]|\*\*|\.\.+|…
          |up\ to|through|until|and|bis|und|à|et|y|至|到|和|与|times|plus|divided\ by|multiplied\ by|→|[-–—]+>
          |(?:[A-Za-z]{1,20}[ ])?(?:to|vs\.?|versus|by|(?:out[ ])?of(?:[ ](?:the|a[ ]total[ ]of))?)(?:[ ]about)?
          |(?:[A-Za-z]{1,20})?[ ]?[,;(/]?[ ]?(?:(?:but|and)[ ])?(?:or|oder|maybe|perhaps|possibly|probably|rather|else)
           (?:[ ](?:maybe|perhaps|possibly|even|rather|about|else)){0,2},?|或)?[ \t]*|[.'’_@\#^]""",
    re.VERBOSE,
)
_LONGEST_JOINT = 40
_BOUND = re.compile(
    r"""(?:[<≤≥±√∛]|(?<=[^\s>])[ ]>)[ ]?\Z
      |\b(?:minus|negative|not|than|at\ least|at\ most|under|up\ to|below|above|over|beyond|exceeds|exceeding|half
         |half\ of|twice|double|triple|third\ of|quarter\ of|root\ of|log|ln|sin|cos|tan)[ ][$€£]?\Z""",
    re.IGNORECASE | re.VERBOSE,
)  # x > 5 gives no 5, but a line quoted as `> 5` does
_LONGEST_FACTORIAL = 20  # `5!` alone may be 120, but 72 with a cheer is 72
_IN_BRACKETS = re.compile(rf"\s*(?P<currency>{CURRENCY})?[ ]?\(\s*")
_PART_OF_WORD = re.compile(r"[^\W\d_\u3005-\uffef][-_]?\Z|[\^_]\Z")  # scripts without spaces part words otherwise


@dataclass(frozen=True)
class _Found:
    """A number at start <= i < stop of a text, with all that belongs to it. `text` is its value, None where the digits
    are no number by themselves."""

    start: int
    stop: int
    text: str | None
    unit: str | None
    is_code: bool  # 007


def last_number(text: str, mark: DecimalMark = ".") -> str | None:
    """The answer's number as plain text (`-1234.5`, `3/4`), which `number_value` takes; None without one.

    It is the first number after the last `####`, else the first in the last `\\boxed{}` (after its last `=`),
    else the last one of the text. It is read whole or not at all: `3-5`, `14:30`, `1.2.3`, `12/25/2024`, `3 to 5`,
    `12A` and `2^3` are none, and the digits of a word (`GPT-4`) are passed over. Decimals stand behind `mark`; the
    other of point and comma, an apostrophe, `_` or a space part thousands. `1 1/2` is 3/2, `5 million` 5000000,
    `1.5 × 10^3` 1.5e3; `500-`, and `(500)` where nothing else stands, are -500; 50 % is 50.
    A number of more than 1000 characters is none.

    Source: `#### ` ends the answers of GSM8K (Cobbe et al. 2021, arXiv 2110.14168), `\\boxed{}` those of
    MATH (Hendrycks et al. 2021, arXiv 2103.03874).
    """
    found = _answer(text, mark)
    return found.text if found else None


def last_quantity(text: str, mark: DecimalMark = ".") -> str | None:
    """The same with its unit behind a space (`12.50 usd`, `-5 celsius`), or the word that stands in the place of one
    (`72 clips`, `5 nautical`)."""
    found = _answer(text, mark)
    if found is None or found.text is None:
        return None
    return f"{found.text} {found.unit}" if found.unit else found.text


def same_quantity(first: str, second: str) -> bool:
    """Whether two texts of `last_quantity` have one value and not two units. A unit that only one names is no
    difference, and neither are two words of which none is a unit (5 pens, 5 items); nothing is converted."""
    value, _, unit = first.partition(" ")
    other_value, _, other_unit = second.partition(" ")
    return number_value(value) == number_value(other_value) and not are_two_units(unit, other_unit)


def first_number(text: str, mark: DecimalMark = ".") -> str | None:
    """The first number of the text, as `last_number` gives it."""
    found = _first(plain_numbers(text), mark)
    return found.text if found else None


def number_value(number: str) -> Fraction:
    """The exact value of what `last_number` gives."""
    return Fraction(number)


def answer_part(text: str) -> str:
    """Where a text gives its number: what follows the last `####`, or what the last box holds, or all of it."""
    return next(_marked_parts(text), text)


def is_one_number(text: str, mark: DecimalMark = ".") -> bool:
    """Whether the answer part of `text` is one number and nothing else: a sign, a currency, a known unit and a full
    stop may stand with it. A code like 007 is none, and neither is a time like 5 pm."""
    part = plain_numbers(answer_part(text))
    found = _first(part, mark)
    if found is None or found.text is None or found.is_code or found.unit in ("am", "pm"):
        return False
    before, after = part[: found.start].strip(" \t\n$*"), part[found.stop :].strip(" \t\n$*").removesuffix(".")
    return (before, after) in (("", ""), ("(", ")"))


def _answer(text: str, mark: DecimalMark) -> _Found | None:
    for marked in _marked_parts(text):
        part = plain_numbers(marked)
        if found := _first(part, mark):
            return _accounted(part, found)
    part = plain_numbers(text)
    last = _last(part, mark)
    return last and _accounted(part, last)


def _marked_parts(text: str) -> Iterator[str]:
    text = half_width(text)
    _, marker, after = text.rpartition("####")
    if marker:
        yield after
    if (box := boxed(text)) is not None:
        yield box.rpartition("=")[2]


def _first(text: str, mark: DecimalMark) -> _Found | None:
    matches = _matches(text, mark)
    first = next(matches, None)
    if first is None:
        return None
    found = _found(text, first)
    following = next(matches, None)
    return _without_value(found) if following and _are_joined(text, found, following.start()) else found


def _last(text: str, mark: DecimalMark) -> _Found | None:
    before = last = None
    for match in _matches(text, mark):
        before, last = last, match
    if last is None:
        return None
    found = _found(text, last)
    return _without_value(found) if before and _are_joined(text, _found(text, before), found.start) else found


def _matches(text: str, mark: DecimalMark) -> Iterator[re.Match[str]]:
    """All that begins like a number, but for the digits of words."""
    for match in _PATTERNS[mark].finditer(text):
        if not _PART_OF_WORD.search(text[max(match.start() - 2, 0) : match.start()]):
            yield match


def _are_joined(text: str, first: _Found, start: int) -> bool:
    return (
        start - first.stop <= _LONGEST_JOINT and _JOINT.fullmatch(text, first.stop, max(start, first.stop)) is not None
    )


def _found(text: str, match: re.Match[str]) -> _Found:
    after = amount_after(text, match.end())
    stop, sign = after.stop, "-" if {match["sign"], match["inner_sign"]} & {"-", "–"} else ""
    if stop == match.end() and _TRAILING_MINUS.match(text, stop):  # 500- of account books
        sign, stop = "-", stop + 1
    value = None
    is_bound = _BOUND.search(text[max(match.start() - 14, 0) : match.start()]) is not None
    if not after.is_glued and not is_bound and not _may_be_factorial(text, match):
        value = _value(match, sign, after.scale)
    whole = match["whole"] or "0"
    unit = meaning_of(match["currency"]) or _other_currency(text, match.start()) or after.unit
    return _Found(match.start(), stop, value, unit, is_code=len(whole) > 1 and whole[0] == "0")


def _other_currency(text: str, start: int) -> str | None:
    """A sign of a currency before a number that is none of `CURRENCY`: ₦5."""
    before = text[max(start - 2, 0) : start].rstrip(" ")[-1:]
    is_currency = before not in ("", "$") and unicodedata.category(before) == "Sc"
    return before if is_currency else None


def _may_be_factorial(text: str, match: re.Match[str]) -> bool:
    digits = match["whole"] or ""
    return (
        text.startswith("!", match.end())
        and digits.isdigit()
        and len(digits) <= 2
        and int(digits) <= _LONGEST_FACTORIAL
        and not any(map(str.isalpha, text))
    )


def _value(match: re.Match[str], sign: str, scale: int) -> str | None:
    if match.end() - match.start() > _MOST_DIGITS:
        return None
    if match["tens"]:
        text = f"{sign}1e{match['tens']}"
    else:
        whole = re.sub("[^0-9]", "", match["whole"]) or "0"
        power = match["power"] or match["power_of_ten"]
        if below := match["below"] or match["under"]:
            if not int(below):
                return None
            above = int(whole) * int(below) + int(match["above"]) if match["under"] else whole
            text = f"{sign}{above}/{below}"
        else:
            decimals = "." + match["decimals"][1:] if match["decimals"] else ""
            text = sign + whole + decimals + (f"e{power}" if power else "")
    return text if scale == 1 else str(Fraction(text) * scale)


def _without_value(found: _Found) -> _Found:
    return _Found(found.start, found.stop, None, None, found.is_code)


def _accounted(part: str, found: _Found) -> _Found:
    """A number alone in parentheses is negative, as in account books, with its currency or percent sign beside them,
    too; one with a sign of its own is what it says."""
    if found.text is None or found.text.startswith("-"):
        return found
    before = _IN_BRACKETS.fullmatch(part, 0, found.start)
    after = part[found.stop :].strip()
    if before is None or not after.startswith(")"):
        return found
    beside = amount_after(after, 1)
    if after[beside.stop :].strip(" .") or (before["currency"] == "$" and "$" in after):
        return found
    unit = meaning_of(before["currency"]) or found.unit or beside.unit
    return _Found(found.start, found.stop, f"-{found.text}", unit, found.is_code)
