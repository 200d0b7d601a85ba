"""Short answers in free words, compared as SQuAD does."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedgrad.data.target_form import target_form
from embedgrad.folding import folded
from embedgrad.tasks.boxed import boxed
from embedgrad.tasks.conclusion import (
    after_answer,
    after_thinking,
    first_sentence,
    half_width,
)
from embedgrad.tasks.kind import TaskKind

if TYPE_CHECKING:
    from embedgrad.tasks.task import Task

_ARTICLE = re.compile(r"\b(?:a|an|the)\b(?=\s+\S)")  # not the A of Vitamin A
_DASH = re.compile("[\u2010-\u2015\u2212]")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_COMPARISON = re.compile(r" ?((?<![-=])[<>]=?|[!=]=)(?: ?(?=[\w.-])|\Z)")
_AFTER_WORD = re.compile(r"(?<=[^\W_])(?:\++|#|-)(?![^\W_])")  # C++, C#, A-, Na+
_OF_NUMBER = re.compile(
    r"(?<![^\s($€£])[-.](?=[$€£]?\.?[0-9])|(?<=[0-9])[^\w\s](?=[0-9])|(?<=[0-9]e)-(?=[0-9])|\^(?=[-0-9])|(?<=\^)-"
)
_RAISED = re.compile("(?<=[^\\W_])[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207a\u207b]+")
_BASE = re.compile("(?<=[0-9])(?=[\u2080-\u2089])")
_VULGAR = re.compile("(?<=[0-9])(?=[\u00bc-\u00be\u2150-\u215e])")
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|mathrm|mbox)\{([^{}]*)\}")


class Short(TaskKind):
    """The output is the target in free words; by meaning, also a form that `accepted` names for the target. A form may
    be right for one target and for another."""

    name = "short"
    takes = frozenset({"accepted"})

    def has_meaning(self, task: Task) -> bool:
        """Always."""
        return True

    def read_strict(self, task: Task, output: str) -> str | None:
        """The output without whitespace around it."""
        return output.strip() or None

    def whole_outputs(self, task: Task, target: str) -> Sequence[str]:
        """The target."""
        return (target_form(target),)

    def read_by_meaning(self, task: Task, output: str) -> str | None:
        """See `said_answer`."""
        return said_answer(output)

    def same_by_meaning(self, task: Task, meant: str, target: str) -> bool:
        """The target or one of its forms, after `normalised`."""
        forms = (target_form(target), *task.accepted.get(target_form(target), ()))
        return normalised(meant) in map(normalised, forms)


def said_answer(output: str) -> str | None:
    """What the last `\\boxed{}` holds, else the sentence after the last "answer is" or "answer:", else the output
    without its thinking. None where that is empty."""
    text = half_width(after_thinking(output))
    answer = after_answer(text)
    said = text if answer is None else first_sentence(answer)
    box = boxed(text if answer is None else answer)
    if box is not None:
        said = _TEXT_COMMAND.sub(r"\1", box)
    return said.strip() or None


def normalised(answer: str) -> str:
    """`answer` in lower case, without punctuation, the words a, an and the, and surplus whitespace.

    Source: Rajpurkar et al. 2016, arXiv 1606.05250, Section 6.1 (exact match), as its evaluation script does it. We
    also fold forms of letters (NFKC), and drop the punctuation of all scripts, not only of ASCII. But we keep what
    makes it another answer: the signs in -5, -$5, 1e-5, 3.5, 3-5, 14:30 (not the comma of 1,000), powers (10⁵ is 10^5)
    and mixed fractions (1½ is 1 1/2), comparisons (>5, !=), what ends C++, C#, A- and Na+, and an article that nothing
    follows (the A of Vitamin A).
    """
    if not answer.isascii():
        answer = _RAISED.sub(r"^\g<0>", _BASE.sub("base", _VULGAR.sub(" ", answer))).replace("‰", "permille")
    text = _THOUSANDS.sub("", _DASH.sub("-", folded(answer).replace("\u2044", "/")))
    text = _COMPARISON.sub(r"\1", text)
    signs = (_OF_NUMBER, _COMPARISON, _AFTER_WORD)
    kept = {place for sign in signs for match in sign.finditer(text) for place in range(*match.span())}
    text = "".join(c for place, c in enumerate(text) if place in kept or not _is_punctuation(c))
    return " ".join(_ARTICLE.sub(" ", text).split())


def _is_punctuation(character: str) -> bool:
    return character in "$+<=>^`|~" or unicodedata.category(character).startswith("P")
