r"""Mathematical answers: compared as mathematics. `written_math` finds them in an output.

A pair is compared as texts and as exact numbers first; only what that leaves open goes to math-verify, in its own
process (`math_process`). Nothing is evaluated here, and reading takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from embedgrad.folding import folded
from embedgrad.tasks.boxed import boxed, closed_box
from embedgrad.tasks.conclusion import half_width, outside_thoughts
from embedgrad.tasks.kind import TaskKind
from embedgrad.tasks.math_process import MATH
from embedgrad.tasks.math_signs import differ_in_signs, is_false_equation, scaled
from embedgrad.tasks.quantity import differ_in_kind
from embedgrad.tasks.written_math import IN_TEXT, written_answer

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

MOST_CHARACTERS = 500  # the longest answer of MATH-500 has 53

_UNIT = re.compile(rf"(?<=[0-9}}])(?:{IN_TEXT.pattern}(?:\^\{{?[0-9]\}}?)?|\^\{{?\\circ\}}?|\\degrees?|\\?%)$")
_INVISIBLE = re.compile(r"\\(?:left|right|[Bb]ig[lr]?|displaystyle|q?quad)(?![A-Za-z])|\\[,;:!]|\\(?=\s)|~")
_SPACE = re.compile(r"\s+(?![0-9])|(?<![0-9])\s+")
_SINGLE = re.compile(r"([_^])\{([A-Za-z0-9])\}")
_ASSIGNED = re.compile(r"^[\s$]*[A-Za-z](?:_[A-Za-z0-9])?\s*=(?=[^=]*$)")
_INTEGER = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)")
_NUMBER = re.compile(
    r"""(?P<whole>-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]+)?(?:(?<=[0-9])[eE][-+]?[0-9]{1,2})?)
      | (?P<sign>-?)(?:(?P<above>[0-9]+)/(?P<below>[0-9]+)
          | \\frac(?:\{(?P<above_braced>-?[0-9]+)\}|(?P<above_bare>[0-9]))
                  (?:\{(?P<below_braced>-?[0-9]+)\}|(?P<below_bare>[0-9])))""",
    re.VERBOSE,
)
_FRACTION_SIGN = re.compile(r"/|frac|½")
_PERCENT_SIGN = re.compile("%")
_SIGNS = str.maketrans(
    {
        "−": "-",
        "π": r"\pi ",
        "∞": r"\infty ",
        "∪": r"\cup ",
        "≤": r"\le ",
        "≥": r"\ge ",
        "×": r"\times ",
        "·": r"\cdot ",
    }
    | {"²": "^2", "³": "^3", "√": "sqrt", "°": r"^\circ", "½": r"\frac{1}{2}"}
)
_TYPED = (
    (re.compile(r"(?<![\\A-Za-z])sqrt\s?\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<![\\A-Za-z])sqrt\s?([0-9]+)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<![\\A-Za-z])pi(?![A-Za-z])"), r"\\pi "),
)


class Math(TaskKind):
    """The last `\\boxed{}` of the output is, as mathematics, that of the target, or the target. Fits where every target
    has a box."""

    name = "math"

    def has_meaning(self, task: Task) -> bool:
        """Always."""
        return True

    def read_strict(self, task: Task, output: str) -> str | None:
        """What the last box outside of thoughts holds, if it is closed."""
        return (closed_box(outside_thoughts(output)) or "").strip() or None

    def read_by_meaning(self, task: Task, output: str) -> str | None:
        """See `written_answer`."""
        return written_answer(output)

    def same(self, task: Task, read: str, target: str) -> bool:
        """See `same_math`."""
        return same_math(read, wanted_answer(target))

    def is_undecided(self, task: Task, read: str | None, target: str, output: str | None) -> bool:
        """Whether the two could not be compared in time."""
        return read is not None and compare_math(read, wanted_answer(target)) is None

    def told_by(self, targets: Sequence[str]) -> dict[str, Any] | None:
        """Nothing more than the kind."""
        return {} if all(closed_box(target) is not None for target in set(targets)) else None


def wanted_answer(target: str) -> str:
    """The answer of a target: what its last `\\boxed{}` holds, or all of it."""
    box = boxed(target)
    return (target if box is None else box).strip()


def same_math(answer: str, target: str) -> bool:
    """Whether `compare_math` finds two answers the same. What it leaves open counts as different."""
    return bool(compare_math(answer, target))


def compare_math(answer: str, target: str) -> bool | None:
    """Whether two answers in LaTeX or plain text are the same: 1/2, 0.5 and \\frac12; x^2-1 and (x-1)(x+1); 90^\\circ
    and 90; 50\\% and 50; (1,2) and \\left(1, 2\\right). A target that is all `\\text{}` is compared as words.
    Numbers in two bases, or of two units, are never the same (`differ_in_kind`).

    Where either has more than 500 characters, both must be alike to the letter. Otherwise texts that differ only in
    what is to look at and numbers of the same value are the same; numbers of other values in one notation, and answers
    that differ in their signs (`differ_in_signs`), are not. The rest is asked of math-verify
    (https://github.com/huggingface/Math-Verify 0.9.0; it compares decimals to six places): None where that takes too
    long or ends its process.
    """
    if max(len(answer), len(target)) > MOST_CHARACTERS:
        return answer.strip() == target.strip()
    if "=" not in target:
        answer = _ASSIGNED.sub("", answer)
    answer, target = scaled(answer), scaled(target)
    if differ_in_kind(answer, target) or differ_in_signs(_bare(answer), _bare(target)):
        return False
    given, wanted = _plain(answer), _plain(target)
    if given == wanted or not given or not wanted:
        return given == wanted != ""
    if IN_TEXT.fullmatch(target.strip("$. \n")):
        return folded(given).strip("(). ") == folded(wanted).strip("(). ")
    first, second = _value(given), _value(wanted)
    if first is not None and second is not None and (first == second or _are_alike(answer, target)):
        return first == second
    if "=" not in target and is_false_equation([_value(side) for side in given.split("=")]):
        return False
    return _verified(_bare(answer), _bare(target))


def _bare(answer: str) -> str:
    """`answer` without what stands around it, in LaTeX where it is typed without: √2, x**2, sqrt(2), 2pi."""
    text = half_width(answer).strip().rstrip(".,;").strip("$ ")
    text = text.replace("**", "^").replace("\\$", "").replace("{,}", ",").translate(_SIGNS)
    for typed, command in _TYPED:
        text = typed.sub(command, text)
    return text


def _plain(answer: str) -> str:
    """`answer` without what is only to look at: spaces, sizes of brackets, a unit at the end."""
    text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", _bare(answer))
    text = _SPACE.sub("", _INVISIBLE.sub("", text))
    text = _SINGLE.sub(r"\1\2", _UNIT.sub("", text))
    return IN_TEXT.sub(r"\1", text)


def _value(plain: str) -> Fraction | None:
    """The exact value of a number, decimal (1.5e3 too) or fraction of numbers."""
    number = _NUMBER.fullmatch(plain)
    if number is None or not re.search("[0-9]", plain):
        return None
    if number["whole"] is not None:
        return Fraction(number["whole"].replace(",", ""))
    above = number["above"] or number["above_braced"] or number["above_bare"]
    below = int(number["below"] or number["below_braced"] or number["below_bare"])
    return Fraction(int(number["sign"] + "1") * int(above), below) if below else None


def _are_alike(answer: str, target: str) -> bool:
    """Whether two numbers are written in one way, so that they must be equal: 0.333333 may be 1/3, and 50% be 0.5."""
    return all(bool(sign.search(answer)) == bool(sign.search(target)) for sign in (_FRACTION_SIGN, _PERCENT_SIGN))


@lru_cache(maxsize=1024)  # what is read strictly and by meaning from a row is mostly the same
def _verified(answer: str, target: str) -> bool | None:
    return MATH.are_equal(answer, target)
