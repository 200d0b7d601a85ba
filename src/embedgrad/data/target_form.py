"""The one form in which a target is trained, scored and compared."""

from __future__ import annotations

import re

from embedgrad.folding import in_form

# Marks of direction, soft hyphens and spaces without width. Joiners shape emoji, Persian and Indic words: they stay
# between two characters beyond ASCII.
_UNSEEN = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])"
)


def canonical(text: str) -> str:
    """`text` in Unicode's form NFC, in which an é is one character however it was typed, without characters that
    nobody sees (zero-width spaces, marks of direction, soft hyphens)."""
    return text if text.isascii() else in_form("NFC", _UNSEEN.sub("", text))


def target_form(target: str) -> str:
    """`target` so, without the whitespace around it: ` negative` and `negative` are one target, in tuning, in scoring
    by likelihood and in reading answers. Whitespace within it stays."""
    return canonical(target).strip()
