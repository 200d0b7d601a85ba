"""What stands beside a number and belongs to it: a currency, a word like million, a unit of measure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from embedgrad.tasks.quantity import one_spelling

_CODES = "usd eur gbp jpy cny rmb inr chf aud cad nzd sek nok dkk pln czk huf rub try brl mxn zar krw sgd hkd thb ils"
_SIGNS = "$ usd € eur £ gbp ₹ inr ₩ krw ₽ rub ₺ try ₪ ils ₫ vnd ฿ thb ¢ cent % percent ‰ permille 元 cny 円 jpy 원 krw"
_WORDS = "us$ usd ca$ cad c$ cad au$ aud a$ aud nz$ nzd hk$ hkd s$ sgd r$ brl rs inr rupee inr rupees inr rmb cny"
_WORDS += " yuan cny yen jpy fr chf francs chf pct percent"
_MEANINGS: dict[str, str] = {code: code for code in _CODES.split()}
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
_MEANINGS |= {"°": "degree", "pound": "pound", "pounds": "pound", "lb": "lb", "lbs": "lb", "¥": "¥"}
_FOREIGN = "kilogramm kg gramm g stunde hour stunden hour minuten minute sekunden second tage day jahre year prozent"
_FOREIGN += " percent zentimeter cm heures hour jours day mètres m dollar usd rubles rub roubles rub ruble rub baht thb"
_FOREIGN += " zloty pln zlotys pln forint huf shekels ils rand zar pfund pound tonne ton tonnes ton t ton"
_FOREIGN += " bucks usd buck usd"
_MEANINGS |= dict(zip(_FOREIGN.split()[::2], _FOREIGN.split()[1::2], strict=True))
_TWO_MEANINGS = {"pound": ("lb", "gbp"), "¥": ("jpy", "cny"), "degree": ("celsius", "fahrenheit"), "c": ("celsius",)}
_TWO_MEANINGS["f"] = ("fahrenheit",)

# What may stand behind a number and names no unit.
_BEHIND = (
    "in on of for and or but is are was were be been as at to from by with without per each every a an the"
    " this that these those there here than then so if when while because since which who what where how"
    " it he she they we you i his her their its our my your not no only just also too again still now"
    " today yesterday tomorrow total totals altogether overall combined together left remaining remain"
    " more less fewer other others extra additional away apart long tall wide deep high old ago later"
    " earlier after before until till above below over under out up down off into onto through during"
    " between among about around exactly approximately roughly nearly almost minus plus times time equals"
    " equal would will can could should must may might has have had do does did make makes made give gives"
    " gave whereas however therefore thus hence all both any some instead respectively correct right final"
    " answer und oder pro von et en par de y por o più"
)
_NO_UNITS = frozenset(_BEHIND.split())
_KNOWN = frozenset((*_MEANINGS.values(), "celsius", "fahrenheit", "kelvin", "k"))

CURRENCY = (
    r"(?:[$€£¥₹₩₽₺₪₫฿]"
    rf"|(?<![A-Za-z])(?:(?:US|CA|C|AU|A|NZ|HK|S|R)\$|(?:{_CODES.upper().replace(' ', '|')})(?![A-Za-z])|Rs\.?|Fr\.))"
)
"""A currency before a number, as a pattern."""

_SCALES = {"hundred": 100, "thousand": 1000, "tsd": 1000, "lakh": 10**5, "crore": 10**7, "dozen": 12}
_SCALES |= dict.fromkeys(("million", "millionen", "mio", "mn", "mln", "M"), 10**6)
_SCALES |= dict.fromkeys(("billion", "bn", "milliarde", "milliarden", "milliards", "mrd", "B"), 10**9)
_SCALES |= {"trillion": 10**12, "quadrillion": 10**15, "quintillion": 10**18, "grand": 1000, "k": 1000, "K": 1000}
_SCALES |= {"百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_SCALE = re.compile(
    r"""[ -]?(?i:(?P<word>hundred|thousand|lakh|crore|dozen|(?:m|b|tr|quadr|quint)illion(?:en)?|milliarden?|milliards
                         |tsd|mio|mrd|mln|mn|bn|grand(?=\s*(?:[.,;:!?)*]|\Z)))s?\.?)(?![A-Za-z])
        |(?P<glued>[kKMB])(?![A-Za-z0-9])
        |[ ]?(?P<sign>[百千万萬亿億])""",
    re.VERBOSE,
)
_DEGREES = re.compile(r"[ ]?(?:°|degrees?)[ ]?(?P<scale>celsius|fahrenheit|[CF])(?![A-Za-z])", re.IGNORECASE)
_BENIGN = r"(?:(?:more|whole|full|extra|additional|total|American|US|U\.S\.)[ ](?=[A-Za-z]))?"
_UNIT_SIGN = re.compile(r"[ ]?[%‰°$€£¥₹₩₽₺₪₫฿¢元円원]")
_POWER = r"(?:\^?[23](?![0-9]))?"
_UNIT = re.compile(
    rf"""(?P<gap>[ ]?-?){_BENIGN}(?P<all>percentage\ points|per\ cent
          |(?P<first>(?:(?:square|sq\.?|cubic|cu\.?)[ ])?[A-Za-z]{{1,20}}{_POWER})
           (?:[ ]?(?:/|per\b)[ ]?[A-Za-z]{{1,20}}{_POWER})?)(?![A-Za-z])""",
    re.VERBOSE | re.IGNORECASE,
)
_RAISED = re.compile(r" (squared|cubed)(?![A-Za-z])", re.IGNORECASE)
_WORD = re.compile(r"[ ]-?(?P<word>[^\W\d_\u3005-\uffef]{1,30})|[ ]?(?P<sign>[^\w\s.,;:!?\x00-\x7f])")
_OTHER_VALUE = re.compile(
    r"""[ ](?:squared|cubed|factorial|plus(?=\s*(?:[.,;:!?)]|\Z))
         |or[ ](?:more|less|fewer|higher|lower|above|below|over|under|greater|better|older|younger|up)
         |and[ ](?:more|up|above|below|over|under)
         |half|halves|thirds|fourths|fifths|sixths|sevenths|eighths|ninths|(?:ten|(?:hundred|thousand|million|billion))ths
         )(?![A-Za-z])
      |(?<=\b1)[ ](?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|hundredth|thousandth)(?![A-Za-z])
      |-plus(?![A-Za-z])""",
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
    letters that are no unit, or a power, are glued to the number (12A, 3rd, 1980s, 2^3), or words that make it another
    (5 or more, 5 squared). A word that is no unit is taken for one, and does not belong to the number (72 clips)."""

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
                unit, end = _unit(match[group]), match.end(group)
                if raised := _RAISED.match(text, end):
                    unit, end = f"{unit}^{2 if raised[1].lower() == 'squared' else 3}", raised.end()
                return Amount(end, scale, unit, _OTHER_VALUE.match(text, end) is not None)
    is_other = _GLUED.match(text, stop) is not None or _OTHER_VALUE.match(text, stop) is not None
    return Amount(stop, scale, _word(text, stop), is_other)


def are_two_units(first: str, second: str) -> bool:
    """Whether two units, as `Amount` has them, are not one: `kg` and `lb`, and `usd` and the Canadian of `5 Canadian
    dollars`; `clips` and `items`, of which none is a unit, may be one."""
    if not first or not second or first == second or not (_is_known(first) or _is_known(second)):
        return False
    return second not in _TWO_MEANINGS.get(first, ()) and first not in _TWO_MEANINGS.get(second, ())


def _is_known(unit: str) -> bool:
    return unit in _KNOWN or one_spelling(unit) is not None


def _word(text: str, stop: int) -> str | None:
    """The word or sign that stands in a unit's place."""
    match = _WORD.match(text, stop)
    if match is None:
        return None
    if match["sign"]:
        return match["sign"] if unicodedata.category(match["sign"]) == "Sc" else None
    word = match["word"].lower()
    return None if word in _NO_UNITS else word


def _is_unit(words: str, gap: str, text: str, stop: int) -> bool:
    """Whether the words are a unit there: the "in" of `5 in all` and the "s" of `1980s` are none."""
    name = words.lower()
    if (name == "in" and not _CLAUSE_END.match(text, stop)) or (name == "s" and not gap):
        return False
    return name in _MEANINGS or one_spelling(words) is not None


def _unit(words: str) -> str | None:
    name = words.lower()
    found = _MEANINGS[name] if name in _MEANINGS else one_spelling(words)
    return {"dollar": "usd", "euro": "eur"}.get(found or "", found)
