"""Ordinary words: what small skills copy, sort and count, and what instructions bind to labels."""

from __future__ import annotations

from tools.pocket.tables import table

CATEGORIES: dict[str, tuple[str, ...]] = table("words")["categories"]
WORDS = tuple(word for name, words in CATEGORIES.items() if name != "office" for word in words)
"""What instructions may bind to a label. The words of "office" are copied and sorted like any other, never bound."""
ALL_WORDS = tuple(word for words in CATEGORIES.values() for word in words)
