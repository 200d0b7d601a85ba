"""Text as a reader compares it: forms of letters, case and whitespace folded, in linear time."""

from __future__ import annotations

import re
import unicodedata

# Trap: NFKC sorts runs of combining marks in quadratic time, so a word is folded in pieces of 256 characters
# (test_reading_takes_linear_time).
_PIECE = re.compile(r"\s++|\S{1,256}+")


def folded(text: str) -> str:
    """`text` after NFKC and casefold, each run of whitespace as one space, none around it."""
    if not text.isascii():
        text = "".join(unicodedata.normalize("NFKC", piece) for piece in _PIECE.findall(text))
    return " ".join(text.casefold().split())
