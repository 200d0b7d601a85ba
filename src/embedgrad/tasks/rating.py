"""Ratings among labels that are whole numbers: `4/5`, `4 out of 5` and `4.0` are the label 4 where 5 is the highest."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache


def without_scale(labels: Collection[str], text: str) -> str:
    """`text` in which a rating on the labels' own scale is the number alone. `4/6`, `4/5/2024` and `4.05` stay."""
    if not all(label.isascii() and label.isdigit() and len(label) <= 4 for label in labels):
        return text
    on_scale, rounded = _patterns(max(map(int, labels)))
    return rounded.sub(r"\1", on_scale.sub(r"\1", text))


@lru_cache(maxsize=32)
def _patterns(highest: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
    number = r"(?<![\w.,/:⁄$€£-])([0-9]{1,4})(?:\.0{1,2}|,0)?"
    after = r"(?![\w⁄]|[.,/:][0-9]| ?/)"
    scale = rf"(?: (?:stars?|points?))? ?(?:/|⁄|out of|of) ?(?:the )?{highest}(?:\.0{{1,2}}|,0)?"
    return re.compile(number + scale + after), re.compile(
        r"(?<![\w.,/:⁄$€£-])([0-9]{1,4})(?:\.0{1,2}|,0)(?![\w⁄%]|[.,/:][0-9])"
    )
