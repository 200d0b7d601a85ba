"""Ratings among labels that are whole numbers: `4/5`, `4 out of 5`, `4 on a scale of 1 to 5`, `04` and `4.0` are the
label 4 where 5 is the highest."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

_PADDED = re.compile(r"(?<![\w.,/:⁄$€£#-])0(?=[1-9](?![\w.,/:⁄]?[0-9]))")  # 04


def without_scale(labels: Collection[str], text: str) -> str:
    """`text` in which a rating on the labels' own scale is the number alone. `4/6`, `4/5/2024` and `4.05` stay."""
    if not all(label.isascii() and label.isdigit() and len(label) <= 4 for label in labels):
        return text
    if not any(label[0] == "0" and label != "0" for label in labels):
        text = _PADDED.sub("", text)
    values = sorted(map(int, labels))
    named, on_scale, rounded = _patterns(values[0], values[-1])
    return rounded.sub(r"\1", on_scale.sub(r"\1", named.sub(" ", text)))


@lru_cache(maxsize=32)
def _patterns(lowest: int, highest: int) -> tuple[re.Pattern[str], ...]:
    named = (
        rf" ?\(?\b(?:on|in) (?:a|the) scale (?:of|from)? ?{lowest} ?(?:to|[-–—/]|through) ?{highest}(?![\w.,]\d|\d)\)?"
    )
    number = r"(?<![\w.,/:⁄$€£-])([0-9]{1,4})(?:\.0{1,2}|,0)?"
    after = r"(?![\w⁄]|[.,/:][0-9]| ?/)"
    scale = rf"(?: (?:stars?|points?))? ?(?:/|⁄|out of|of) ?(?:the )?{highest}(?:\.0{{1,2}}|,0)?"
    rounded = r"(?<![\w.,/:⁄$€£-])([0-9]{1,4})(?:\.0{1,2}|,0)(?![\w⁄%]|[.,/:][0-9])"
    return re.compile(named), re.compile(number + scale + after), re.compile(rounded)
