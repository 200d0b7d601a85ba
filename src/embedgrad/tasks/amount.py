"""What stands beside a number and belongs to it: a currency, a word like million, a unit of measure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from embedgrad.tasks.quantity import one_spelling

_CODES = "usd eur gbp jpy cny rmb inr chf aud cad nzd sek nok dkk pln czk huf rub try brl mxn zar krw sgd hkd thb ils"
_SIGNS = "$ usd € eur £ gbp ₹ inr ₩ krw ₽ rub ₺ try ₪ ils ₫ vnd ฿ thb ¢ cent % percent ‰ permille 元 cny 円 jpy 원 krw"
_WORDS = "us$ usd ca$ cad c$ cad au$ aud a$ aud nz$ nzd hk$ hkd s$ sgd r$ brl rs inr rupee inr rupees inr rmb cny"
_WORDS += " yuan cny yen jpy fr chf francs chf pct percent"
_MEANINGS: dict[str, str | None] = {code: code for code in _CODES.split()}
for _words in (_SIGNS.split(), _WORDS.split()):
    _MEANINGS |= dict(zip(_words[::2], _words[1::2], strict=True))
_MEANINGS |= {
    "per cent": "percent",
    "ct": "cent",
    "cts": "cent",
    "percentage points": "percentage point",
    "dollar": "usd",
    "euro": "eur",
}
_MEANINGS |= {"¥": None, "°": None, "pound": None, "pounds": None}  # of two meanings

CURRENCY = (
    r"(?:[$€£¥₹₩₽₺₪₫฿]"
    rf"|(?<![A-Za-z])(?:(?:US|CA|C|AU|A|NZ|HK|S|R)\$|(?:{_CODES.upper().replace(' ', '|')})(?![A-Za-z])|Rs\.?|Fr\.))"
)
"""A currency before a number, as a pattern."""

_SCALES = {"hundred": 100, "thousand": 1000, "tsd": 1000, "lakh": 10**5, "crore": 10**7, "dozen": 12}
_SCALES |= dict.fromkeys(("million", "millionen", "mio", "mn", "mln", "M"), 10**6)
_SCALES |= dict.fromkeys(("billion", "bn", "milliarde", "milliarden", "milliards", "mrd", "B"), 10**9)
_SCALES |= {"trillion": 10**12, "k": 1000, "K": 1000}
_SCALES |= {"百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_SCALE = re.compile(
    r"""[ -]?(?i:(?P<word>hundred|thousand|lakh|crore|dozen|(?:m|b|tr)illion(?:en)?|milliarden?|milliards
                         |tsd|mio|mrd|mln|mn|bn)s?\.?)(?![A-Za-z])
        |(?P<glued>[kKMB])(?![A-Za-z0-9])
        |[ ]?(?P<sign>[百千万萬亿億])""",
    re.VERBOSE,
)
_DEGREES = re.compile(r"[ ]?(?:°|degrees?)[ ]?(?P<scale>celsius|fahrenheit|[CF])(?![A-Za-z])", re.IGNORECASE)
_UNIT_SIGN = re.compile(r"[ ]?[%‰°$€£¥₹₩₽₺₪₫฿¢元円원]")
_POWER = r"(?:\^?[23](?![0-9]))?"
_UNIT = re.compile(
    rf"""(?P<gap>[ ]?-?)(?P<all>percentage\ points|per\ cent
          |(?P<first>(?:(?:square|sq\.?|cubic|cu\.?)[ ])?[A-Za-z]{{1,20}}{_POWER})
           (?:[ ]?(?:/|per\b)[ ]?[A-Za-z]{{1,20}}{_POWER})?)(?![A-Za-z])""",
    re.VERBOSE | re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"\s*(?:[.,;:!?)\]}\"'*|]|\Z)")
_GLUED = re.compile(
    r"[ ]and[ ]a[ ](?:half|third|quarter)"
    r"|[^\W\d_\u3005-\uffef]|\^|\*\*[0-9({]|\+(?![ ]?[0-9])|-(?![a-z]{2})[^\W\d_\u3005-\uffef]"
)


@dataclass(frozen=True)
class Amount:
    """Where what belongs to a number ends, what it multiplies the number with, its unit in one spelling; and whether
    letters that are no unit, or a power, are glued to the number (12A, 3rd, 1980s, 2^3)."""

    stop: int
    scale: int
    unit: str | None
    is_glued: bool


def meaning_of(currency: str | None) -> str | None:
    """One name for a currency as CURRENCY matches it; None for none and for a sign of two meanings."""
    if not currency:
        return None
    name = currency.lower().rstrip(".")
    return _MEANINGS.get(name, name)


def amount_after(text: str, stop: int) -> Amount:
    """What follows the number that ends at `stop` and belongs to it."""
    scale = 1
    for _ in range(3):  # 5 hundred thousand
        match = _SCALE.match(text, stop)
        if match is None:
            break
        name = next(filter(None, match.groups()))
        scale *= _SCALES[name if match["glued"] else name.lower()]
        stop = match.end()
    if match := _DEGREES.match(text, stop):
        return Amount(match.end(), scale, "celsius" if match["scale"][0] in "cC" else "fahrenheit", False)
    if match := _UNIT_SIGN.match(text, stop):
        return Amount(match.end(), scale, _MEANINGS[match[0].strip()], False)
    if match := _UNIT.match(text, stop):
        for group in ("all", "first"):
            if match[group] and _is_unit(match[group], match["gap"], text, match.end(group)):
                return Amount(match.end(group), scale, _unit(match[group]), False)
    return Amount(stop, scale, None, _GLUED.match(text, stop) is not None)


def _is_unit(words: str, gap: str, text: str, stop: int) -> bool:
    """Whether the words are a unit there: the "in" of `5 in all` and the "s" of `1980s` are none."""
    name = words.lower()
    if (name == "in" and not _CLAUSE_END.match(text, stop)) or (name == "s" and not gap):
        return False
    return name in _MEANINGS or one_spelling(words) is not None


def _unit(words: str) -> str | None:
    name = words.lower()
    found = _MEANINGS[name] if name in _MEANINGS else one_spelling(words)
    return {"dollar": "usd", "euro": "eur", "degree": None}.get(found or "", found)
