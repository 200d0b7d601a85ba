r"""The base and the unit that a mathematical answer names: 8 in `2516_8`, cm^2 in `15\text{ cm}^2`.

Only units of measure are told, in their usual English spellings; no other word (18 ways, 9 integers, 100 units) is a
unit here. Reading takes linear time.
"""

from __future__ import annotations

import re

_SPELLINGS = {
    "mm": "millimeter millimetre",
    "cm": "centimeter centimetre",
    "m": "meter metre",
    "km": "kilometer kilometre",
    "inch": "in inches",
    "foot": "ft feet",
    "yard": "yd",
    "mile": "mi",
    "mg": "milligram",
    "g": "gram gm",
    "kg": "kilogram kilo",
    "ounce": "oz",
    "pound": "lb",
    "ton": "",
    "ml": "milliliter millilitre",
    "liter": "l litre",
    "gallon": "gal",
    "second": "s sec",
    "minute": "min",
    "hour": "h hr",
    "day": "",
    "week": "",
    "month": "",
    "year": "yr",
    "dollar": "usd",
    "cent": "",
    "euro": "",
    "percent": "",
    "degree": "deg",
    "radian": "rad",
    "am": "",
    "pm": "",
    "mile/hour": "mph",
    "km/hour": "kph kmh",
}
_UNITS = {form: unit for unit, forms in _SPELLINGS.items() for form in (unit, *forms.split())}
_POWERS = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3"}

_BASED = re.compile(r"[-−]?\(?[0-9A-Z][0-9A-Z., ]*\)?\s?_\s?(?:\{\s?\(?([0-9]{1,3})\)?\s?\}|([0-9]{1,3}))")
_DOLLARS = re.compile(r"[-−]?\\\$[^A-Za-z]+")
_SIGN = re.compile(r"(?:(?P<degree>\^\{?\\circ\}?|\\degrees?|°)|\\?%)\Z")
_IN_TEXT = re.compile(
    r"(?<=.)\\(?:text|mbox|mathrm|textrm|textbf|textit)\s?\{(?P<name>(?:[^{}]|\{[0-9]\})*)\}(?P<power>\^\{?[0-9]\}?)?\Z",
    re.DOTALL,
)
_TYPED = re.compile(r"[-−]?[0-9][0-9.,/]*\s?(?P<name>[A-Za-z][A-Za-z./ ]*)(?P<power>\^?\{?[0-9]\}?)?")


def differ_in_kind(answer: str, target: str) -> bool:
    """Whether both name a base or both a unit, and not the same. One that only one of them names is no difference."""
    pairs = ((base(answer), base(target)), (unit(answer), unit(target)))
    return any(first and second and first != second for first, second in pairs)


def base(answer: str) -> int | None:
    """The subscript of a number, in decimal; None where there is none, or the answer is more than one number."""
    number = _BASED.fullmatch(_trimmed(answer))
    return int(number[1] or number[2]) if number else None


def unit(answer: str) -> str | None:
    """The unit in one spelling (`cm`, `inch^2`, `mile/hour`, `dollar`); None where there is none.

    It stands at the end: in `\\text{}` or its like behind anything, typed plainly behind a number alone: the g of
    m + 2g is a variable. Before the number only `\\$` is read.
    """
    text = _trimmed(answer)
    if _DOLLARS.fullmatch(text):
        return "dollar"
    if sign := _SIGN.search(text):
        return "degree" if sign["degree"] else "percent"
    named = _IN_TEXT.search(text) or _TYPED.fullmatch(text)
    return one_spelling(named["name"] + (named["power"] or "")) if named else None


def one_spelling(name: str) -> str | None:
    """One name for each of a unit's usual English spellings (`cm^2`, `mile/hour`); None for other words."""
    parts, power = "", ""
    for word in re.findall(r"[a-z]+|[0-9]|/", name.lower().replace(".", "").replace("per cent", "percent")):
        if word in _POWERS:
            power = _POWERS[word]
        elif word in ("per", "/"):
            parts += "/"
        elif word in ("2", "3"):
            parts += f"^{word}"
        elif known := _UNITS.get(word) or _UNITS.get(word.removesuffix("s")):
            parts += known + power
            power = ""
        else:
            return None
    return parts or None


def _trimmed(answer: str) -> str:
    return re.sub(r"\\[,;:!]|~", "", answer).strip().rstrip(".,;").strip("$ ")
