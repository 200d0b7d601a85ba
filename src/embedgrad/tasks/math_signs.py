r"""What tells two mathematical answers apart that math-verify takes for one: the case of letters, their order in AB, a
time, a date, `\text{ million}`, a false equation. Reading takes linear time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_SCALED = re.compile(
    r"""(?P<number>-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)
        (?:\\[,;: ]|[\s~])*(?P<text>\\(?:text|mbox|mathrm)\s?\{\s*)?
        (?P<scale>hundred|thousand|million|billion|trillion|dozen)s?(?![A-Za-z])(?P<rest>.*)""",
    re.VERBOSE | re.DOTALL,
)
_OTHER_VALUE = re.compile(
    r"(?<![A-Za-z])(?:squared|cubed|halves|thirds|fourths|fifths|sixths|eighths|(?:ten|hundred|thousand)ths?"
    r"|or more|or less|or fewer|at least|at most|less than|more than|factorial)(?![A-Za-z])"
)
_WORDS = re.compile(r"\\(?:text|mbox|mathrm|textrm|textbf|textit)\s?\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]{3,}")
_CLOCK = re.compile(r"(?<![0-9:])[0-9]+(?:\s?:\s?[0-9]+)+")
_DATE = re.compile(r"(?<![0-9-])[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9-])")
_POINTS = re.compile(r"(?P<either_way>\\(?:angle|overline)\s?\{?\s?)?(?<![A-Za-z\\])(?P<points>[A-Z]{2,})(?![A-Za-z])")


def scaled(answer: str) -> str:
    r"""`answer` with the number that `5\text{ million}` says; other words behind it stay."""
    match = _SCALED.fullmatch(answer.strip("$ "))
    if match is None:
        return answer
    value = Fraction(match["number"].replace(",", "")) * _SCALES[match["scale"]]
    rest = match["rest"].strip()
    if match["text"] and rest != "}":
        rest = r"\text{ " + rest
    return str(value) + ("" if rest == "}" else rest)


def differ_in_signs(answer: str, target: str) -> bool:
    """Whether two answers are different by what stands in them, whatever their values are."""
    pairs = ((_found(pattern, answer), _found(pattern, target)) for pattern in (_CLOCK, _DATE, _OTHER_VALUE))
    return any(first != second for first, second in pairs) or _differ_in_letters(answer, target)


def is_false_equation(sides: Sequence[Fraction | None]) -> bool:
    """Whether two sides of an equation are numbers, and not one."""
    return len({side for side in sides if side is not None}) > 1


def _found(pattern: re.Pattern[str], text: str) -> list[str]:
    return sorted(re.sub(r"\s", "", match[0]) for match in pattern.finditer(text))


def _differ_in_letters(answer: str, target: str) -> bool:
    first, second = (set(re.findall("[A-Za-z]", _WORDS.sub(" ", text))) for text in (answer, target))
    if first != second and {letter.lower() for letter in first} == {letter.lower() for letter in second}:
        return True
    points, others = _points(answer), _points(target)
    return points != others and sorted(map(sorted, points)) == sorted(map(sorted, others))


def _points(text: str) -> list[str]:
    r"""The runs of capitals; of \angle ABC and \overline{AB}, which are CBA and BA too, the first in the alphabet."""
    found = ((match["points"], match["either_way"]) for match in _POINTS.finditer(text))
    return sorted(min(points, points[::-1]) if either_way else points for points, either_way in found)
