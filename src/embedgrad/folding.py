"""Text as a reader compares it: forms of letters, case and whitespace folded, in linear time."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# Trap: NFKC sorts runs of combining marks in quadratic time, so a word is folded in pieces of 256 characters
# (test_reading_takes_linear_time).
_PIECE = re.compile(r"\s++|\S{1,256}+")


_STACK = 30  # combining marks on one letter: no writing has more (Unicode's stream-safe text, UAX 15)


def in_form(form: Literal["NFC", "NFKC"], text: str) -> str:
    """`text` in a normal form of Unicode, in linear time; letters under more than 30 marks in pieces."""
    if text.isascii():
        return text
    stack = 0
    for character in text:
        stack = stack + 1 if unicodedata.combining(character) else 0
        if stack > _STACK:
            return "".join(unicodedata.normalize(form, piece) for piece in _PIECE.findall(text))
    return unicodedata.normalize(form, text)


def folded(text: str) -> str:
    """`text` after NFKC and casefold, each run of whitespace as one space, none around it."""
    if not text.isascii():
        text = "".join(unicodedata.normalize("NFKC", piece) for piece in _PIECE.findall(text))
    return " ".join(text.casefold().split())
