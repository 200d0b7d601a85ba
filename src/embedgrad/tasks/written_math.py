r"""The mathematical answer that an output gives. Nothing is evaluated, and reading takes linear time."""

from __future__ import annotations

import re

from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.conclusion import (
    after_answer,
    after_thinking,
    first_sentence,
    half_width,
)
from embedgrad.tasks.numbers import first_number, last_number

IN_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textrm|textbf|textit)\s?\{([^{}]*)\}")
_FORMULA = re.compile(
    r"""\$\$([^$]{1,500})\$\$ | \$([^$\n]{1,500})\$
      | \\\[((?:[^\\]|\\[^\]\[]){1,500}?)\\\] | \\\(((?:[^\\\n]|\\[^()\n]){1,500}?)\\\)""",
    re.VERBOSE,
)
_BOLD = re.compile(r"\*\*([^*\n]{1,500})\*\*")
_WORD = re.compile(r"(?<![\\A-Za-z])(?!(?:sin|cos|tan|cot|sec|csc|log|exp|sqrt|max|min|gcd|lcm)\b)[A-Za-z]{3,}")
_EQUALS = re.compile(r"(?<![<>!:])=|\\approx(?![A-Za-z])|≈")


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


def _stated(answer: str) -> str | None:
    line = answer.partition("\n")[0]
    formula = _FORMULA.search(answer)
    if formula and formula.start() <= len(line) and not re.search("[0-9]", line[: formula.start()]):
        inside = _inside(formula)
        if inside:
            return inside
    bold = _BOLD.search(line)
    sentence = first_sentence(bold[1] if bold else line).strip(" *_$")
    if _WORD.search(IN_TEXT.sub("", sentence)):
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
    return "" if _WORD.search(IN_TEXT.sub("", inside)) else inside
