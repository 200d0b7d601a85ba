"""The prompt as its words, each with how far its vector moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.analysis.anchoring.record import AnchoredToken, Anchoring
from embedgrad.units import number
from embedgrad.words import cut, token_words

CLASSES = 5  # of drift, from hardly to most
_MOST_TEXT = 20_000  # tokens shown as text
_MOST_LINES = 12


@dataclass(frozen=True)
class DriftedToken:
    """One token as it stands in the text, after some space; `strength` 0 to 4 is its class of drift, `hint` says its
    numbers."""

    space: str
    text: str
    strength: int
    hint: str


@dataclass(frozen=True)
class DriftedPrompt:
    """Words in order, the bounds of the classes in words, and a table of the tokens that moved most."""

    words: tuple[DriftedToken, ...]
    legend: tuple[str, ...]
    table: list[list[str]]
    left_out: int


def drifted_prompt(found: Anchoring, text: str | None) -> DriftedPrompt:
    """The tokens of `found`, spaced as in the prompt's `text` where the tokens themselves have no spaces."""
    width = _round_up(max((token.drift for token in found.tokens), default=0.0) / CLASSES)
    words = tuple(
        DriftedToken(
            space=shown[: len(shown) - len(shown.lstrip())] if shown.strip() else "",
            text=shown.lstrip() or shown,
            strength=min(int(token.drift / width), CLASSES - 1),
            hint=f"position {token.position}, drift {number(token.drift, digits=2)}{_near(token)}",
        )
        for token, shown in zip(found.tokens[:_MOST_TEXT], _spaced(found.tokens, text), strict=False)
    )
    legend = tuple(f"{_short(width * step)} to {_short(width * (step + 1))}" for step in range(CLASSES))
    most = sorted(found.tokens, key=lambda token: -token.drift)[:_MOST_LINES]
    return DriftedPrompt(words, legend, _table(most), len(found.tokens) - len(most))


def _table(tokens: Sequence[AnchoredToken]) -> list[list[str]]:
    lines = [["token", "position", "drift", "cosine", "rank", "probability", "nearest now, by cosine"]]
    for token in tokens:
        frozen = "" if token.trainable else " (frozen)"
        ranks = (token.rank_inner, token.rank_cosine, token.rank_l2)
        near = ", ".join(f"{token_words(other.token)} {number(other.cosine, digits=2)}" for other in token.nearest[:5])
        lines.append(
            [
                token_words(token.token) + frozen,
                f"{token.position:,}",
                number(token.drift, digits=2),
                number(token.cosine, digits=2),
                " / ".join(f"{rank:,}" for rank in ranks),
                f"{token.probability[0]:.2f}, {token.probability[1]:.2f}",
                near,
            ]
        )
    return lines


def _near(token: AnchoredToken) -> str:
    near = ", ".join(token_words(other.token) for other in token.nearest[:3])
    return f"; nearest: {near}" if near else ""


def _spaced(tokens: Sequence[AnchoredToken], text: str | None) -> list[str]:
    """The tokens' texts. Some tokenizers drop a token's leading space: then the spaces are those of `text`, if the
    tokens are found in it one after the other."""
    plain = [cut(token.token, 200) for token in tokens]
    if text is None or any(token.token[:1].isspace() for token in tokens):
        return plain
    spaced, at = [], 0
    for token in tokens:
        bare = token.token.strip()
        gap = len(text[at:]) - len(text[at:].lstrip())
        if not text.startswith(bare, at + gap):
            return plain
        spaced.append(cut(text[at : at + gap] + bare, 200))
        at += gap + len(bare)
    return spaced


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 0.1
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 2.5, 5, 10) if value <= step * size * (1 + 1e-9))


def _short(value: float) -> str:
    return f"{value:.3g}"
