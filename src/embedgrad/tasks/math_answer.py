r"""Mathematical answers: found in an output, compared as mathematics.

A pair is compared as texts and as exact numbers first; only what that leaves open goes to math-verify, in its own
process (`math_process`). Nothing is evaluated here, and reading takes linear time.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from embedgrad.folding import folded
from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.math_process import MATH
from embedgrad.tasks.math_signs import differ_in_signs, is_false_equation, scaled
from embedgrad.tasks.numbers import first_number, last_number
from embedgrad.tasks.quantity import differ_in_kind
from embedgrad.tasks.said import after_answer, after_thinking, first_sentence, half_width

MOST_CHARACTERS = 500  # the longest answer of MATH-500 has 53
_FORMULA = re.compile(
    r"""\$\$([^$]{1,500})\$\$ | \$([^$\n]{1,500})\$
      | \\\[((?:[^\\]|\\[^\]\[]){1,500}?)\\\] | \\\(((?:[^\\\n]|\\[^()\n]){1,500}?)\\\)""",
    re.VERBOSE,
)
_BOLD = re.compile(r"\*\*([^*\n]{1,500})\*\*")
_WORD = re.compile(r"(?<![\\A-Za-z])(?!(?:sin|cos|tan|cot|sec|csc|log|exp|sqrt|max|min|gcd|lcm)\b)[A-Za-z]{3,}")
_EQUALS = re.compile(r"(?<![<>!:])=|\\approx(?![A-Za-z])|≈")

_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textrm|textbf|textit)\s?\{([^{}]*)\}")
_UNIT = re.compile(rf"(?<=[0-9}}])(?:{_TEXT.pattern}(?:\^\{{?[0-9]\}}?)?|\^\{{?\\circ\}}?|\\degrees?|\\?%)$")
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


def wanted_answer(target: str) -> str:
    """The answer of a target: what its last `\\boxed{}` holds, or all of it."""
    box = boxed(target)
    return (target if box is None else box).strip()


def written_answer(output: str) -> str | None:
    """The answer as a person finds it, after the thinking; the first of

    1. what the last `\\boxed{}` holds, closed or not
    2. behind the last "answer is", "answer:", 答案是: the first formula, or what stands in bold, or the sentence, and
       of a sentence with words and numbers the first number
    3. the last number, or the last formula where no number follows it, and of an equation its right side
    """
    text = half_width(after_thinking(output))
    box = boxed(text)
    if box is not None:
        return box.strip().partition("\n")[0].strip("$ ") or None
    answer = after_answer(text)
    stated = None if answer is None else _stated(answer)
    return stated or _last_formula_or_number(text)


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
    if _TEXT.fullmatch(target.strip("$. \n")):
        return folded(given).strip("(). ") == folded(wanted).strip("(). ")
    first, second = _value(given), _value(wanted)
    if first is not None and second is not None and (first == second or _are_alike(answer, target)):
        return first == second
    if "=" not in target and is_false_equation([_value(side) for side in given.split("=")]):
        return False
    return _verified(_bare(answer), _bare(target))


def _stated(answer: str) -> str | None:
    line = answer.partition("\n")[0]
    formula = _FORMULA.search(answer)
    if formula and formula.start() <= len(line) and not re.search("[0-9]", line[: formula.start()]):
        inside = _inside(formula)
        if inside:
            return inside
    bold = _BOLD.search(line)
    sentence = first_sentence(bold[1] if bold else line).strip(" *_$")
    if _WORD.search(_TEXT.sub("", sentence)):
        return first_number(sentence) or sentence
    return sentence or None


def _last_formula_or_number(text: str) -> str | None:
    last, end = None, 0
    for formula in _FORMULA.finditer(text):
        inside = _inside(formula)
        if inside:
            last, end = inside, formula.end()
    if last is None or first_number(text[end:]) is not None:
        return last_number(text[end:])
    return _EQUALS.split(last)[-1].strip() or last


def _inside(formula: re.Match[str]) -> str:
    """What a formula holds; nothing where that are words between two dollar signs."""
    inside = next(filter(None, formula.groups()), "").strip()
    return "" if _WORD.search(_TEXT.sub("", inside)) else inside


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
    return _TEXT.sub(r"\1", text)


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
