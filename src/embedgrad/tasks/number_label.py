"""Labels that hold a number (`4`, `-1`, `$10`, `1 star`): where signs or words beside them make it another number."""

from __future__ import annotations

import re
from collections.abc import Collection

_DASH = "[-–—]"
_IS_NUMBER = re.compile(r"[-+]?[0-9]+")
_HOLDS_NUMBER = re.compile(r"[-+]?[$€£¥]?[-+]?\.?[0-9]")
_PERCENT = re.compile(r"(?<=[0-9]) ?(?:per ?cent|pct)\b", re.IGNORECASE)

# `- 1` at a beginning is -1, and `score -1` and `minus 1` are; `score - 1` may be either.
_MINUS = re.compile(rf"(?<![\w)\]])(?:(?<!\w ){_DASH} ?|{_DASH}|(?:minus|negative) )(?=[0-9])")
_MINUS_OR_DASH = re.compile(rf"(?<=\w) {_DASH} (?=[0-9])")

_OTHER_BEFORE = re.compile(
    r"""(?:[≤≥±√∛]|<=?|(?<![-=>])>=?|[0-9][ ]?[-–—+*×x÷/^]|[0-9][ ](?:to|times|plus|minus)|(?<![\w*])[–—](?=\Z))
         [ ]?[$€£]?\Z
      |\b(?:minus|negative|than|at\ least|at\ most|under|below|above|over|beyond|up\ to|half\ of|root\ of|log|ln)
         [ ]["'“*_`]{0,3}\Z""",
    re.VERBOSE,
)
_TAG = re.compile(r"<[^<>]{1,40}>[ ]?\Z")
_OTHER_AFTER = re.compile(
    r"""[ ]?(?:[%‰°^×÷′″€£¥¢$]|[+*x=<>][ ]?[0-9]|<=|>=|[-–—][ ]?[$€£]?[0-9]|[ap]\.?m\b)
      |[ ](?:and\ (?:a|one|three)[ -](?:half|third|quarter)s?
         |or\ (?:more|less|fewer|higher|lower|above|below|over|under|better|worse|greater|older|younger|up)
         |and\ (?:more|above|below|over|under|up)|plus|minus|per\ ?cent|pct|hundred|thousand|million|[bt]rillion|lakh
         |crore|dozen|squared|cubed|(?:ten|hundred|thousand)ths?|halves|thirds|quarters|divided|times\ [0-9]
         |to\ [$€£]?[0-9])\b""",
    re.VERBOSE,
)
_OTHER_UNIT_AFTER = re.compile(r" ?[/^·²³]| per\b| (?:squared|cubed|or (?:more|less|fewer)|[0-9])")


def with_signs(labels: Collection[str], text: str) -> str:
    """`text` with percent as %, where a label ends in that sign; and where labels are negative numbers, with one minus
    for `- 1`, `–1` and `minus 1`, and with ± where `score - 1` may say 1 or -1."""
    if any(label.endswith("%") for label in labels):
        text = _PERCENT.sub("%", text)
    if "-" in labels:
        text = text.replace("–", "-").replace("—", "-")
    if any(label[:1] == "-" and _IS_NUMBER.fullmatch(label) for label in labels):
        text = _MINUS_OR_DASH.sub(" ±", _MINUS.sub("-", text))
    return text


def is_other_number(match: re.Match[str], line: str) -> bool:
    """Whether the number of a label that stands in `line` is part of another: `> 4`, `2+2`, `4 million`, `4 or more`,
    `4'`, `$10 million`, `5 m/s`, `4:30 pm`."""
    if not _HOLDS_NUMBER.match(match[0]):
        return False
    before = line[max(match.start() - 42, 0) : match.start()]
    if _OTHER_BEFORE.search(before) and not _TAG.search(before):
        return True
    if match[0][-1].isalpha() or match[0][-1] == "%":
        return _OTHER_UNIT_AFTER.match(line, match.end()) is not None
    return _OTHER_AFTER.match(line, match.end()) is not None or _is_foot(match, line)


def _is_foot(match: re.Match[str], line: str) -> bool:
    """Whether a quotation mark after the number closes nothing."""
    sign = line[match.end() : match.end() + 1]
    if sign not in ("'", '"', "’", "”"):
        return False
    opened = {"'": "'‘`", '"': '"“', "’": "‘'", "”": "“"}[sign]
    return not any(mark in line[max(match.start() - 400, 0) : match.start()] for mark in opened)
