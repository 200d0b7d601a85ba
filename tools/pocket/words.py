"""Ordinary words: what small skills copy, sort and count, and what instructions bind to labels."""

from __future__ import annotations

CATEGORIES: dict[str, tuple[str, ...]] = {
    "animal": ("horse", "cat", "dog", "bird", "fish", "sheep", "goat", "lion", "mouse", "duck", "bear", "snake"),
    "fruit": ("apple", "pear", "plum", "lemon", "grape", "cherry", "peach", "melon", "orange", "banana"),
    "color": ("red", "blue", "green", "yellow", "black", "white", "brown", "pink", "gray", "purple"),
    "tool": ("hammer", "saw", "drill", "knife", "spoon", "brush", "needle", "shovel", "rope", "ladder"),
    "place": ("kitchen", "garden", "office", "market", "bridge", "station", "harbor", "village", "museum", "forest"),
    "clothes": ("shirt", "coat", "hat", "shoe", "scarf", "dress", "glove", "sock", "belt", "jacket"),
    "weather": ("rain", "snow", "wind", "storm", "sun", "fog", "cloud", "ice", "heat", "thunder"),
    "job": ("teacher", "doctor", "nurse", "driver", "farmer", "baker", "pilot", "singer", "writer", "guard"),
    "office": (
        "billing", "care", "thanks", "info", "praise", "refund", "staff", "repair", "deliberate", "accident",
        "unrelated", "total", "order", "ticket", "archive", "review", "report", "claim", "team", "desk",
    ),
}  # fmt: skip

WORDS: tuple[str, ...] = tuple(word for name, words in CATEGORIES.items() if name != "office" for word in words)
"""What instructions may bind to a label. The words of "office" are copied and sorted like any other, never bound."""

ALL_WORDS: tuple[str, ...] = tuple(word for words in CATEGORIES.values() for word in words)
