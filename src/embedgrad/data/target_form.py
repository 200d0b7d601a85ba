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
# Characters that no mark or letter before them changes: Latin without accents, Greek, Cyrillic, kana, Han, Hangul.
_BEGINS_ANEW = re.compile(
    "[\x00-\x7f\u0370-\u0373\u0375-\u037d\u0388-\u0481\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]"
)
_UNFINISHED = "\ufffd"  # what a part of a character decodes to
_NOT_FOLDED_IN_PIECES = 256  # see folding.in_form


def canonical(text: str) -> str:
    """`text` in Unicode's form NFC, in which an é is one character however it was typed, without characters that
    nobody sees (zero-width spaces, marks of direction, soft hyphens)."""
    return text if text.isascii() else in_form("NFC", _UNSEEN.sub("", text))


def target_form(target: str) -> str:
    """`target` so, without the whitespace around it: ` negative` and `negative` are one target, in tuning, in scoring
    by likelihood and in reading answers. Whitespace within it stays."""
    return canonical(target).strip()


def lasting(text: str) -> str:
    """What `canonical` makes of the beginning of `text`, as far as nothing that may follow changes it: every text that
    begins with `text` is canonical with this beginning. The last character may still get an accent, and is left out,
    as a part of one is; a text that never ends costs no more than 256 characters."""
    text = text[:_NOT_FOLDED_IN_PIECES].rstrip(_UNFINISHED)
    last = next((place for place in reversed(range(len(text))) if _BEGINS_ANEW.match(text, place)), 0)
    return in_form("NFC", _UNSEEN.sub("", text[: last + 1])[:-1])
