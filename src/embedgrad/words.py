"""Numbers, differences and texts from outside in plain words, the same on the terminal and on the page.

Fractions come in, per cent and points come out; nothing here knows of runs, colours, tables or HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.json_shape import Interval
from embedgrad.run.score import Comparison
from embedgrad.units import counted, number, per_cent, points

_SHOWN = 3


def difference_words(comparison: Comparison) -> str:
    """A difference of two fractions: `+29.2 points, 95 % interval 26.4 to 32.0, p < 0.001`."""
    low, high = map(points, comparison.interval)
    change = points(comparison.difference, sign=True)
    return f"{change} points, 95 % interval {low} to {high}, {p_words(comparison.p_value)}"


def loss_difference_words(comparison: Comparison) -> str:
    """A difference of two losses: `-0.247, 95 % interval -0.300 to -0.190, p < 0.001`."""
    low, high = (number(bound, digits=3) for bound in comparison.interval)
    change = number(comparison.difference, digits=3, sign=True)
    return f"{change}, 95 % interval {low} to {high}, {p_words(comparison.p_value)}"


def p_words(p: float) -> str:
    """`p < 0.001`, `p = 0.012`, `p = 0.41`."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def per_cent_interval(interval: Interval) -> str:
    """An interval of fractions, without the sign: `68.7 to 73.8`."""
    low, high = interval
    return f"{points(low)} to {points(high)}"


def duration_words(seconds: float) -> str:
    """`0.4 s`, `42 s`, `3 min 5 s`, `2 h 7 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min"


def cut(text: str, limit: int) -> str:
    """`text`, or its first `limit` characters and a mark that says how many were cut.

    Control characters other than tab and line feed are shown as their pictures, U+2400 and following.
    """
    shown = text[:limit].translate(_PICTURES)
    left = len(text) - limit
    return f"{shown} … [{counted(left, 'more character')}]" if left > 0 else shown


_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {127: 0x2421}


def token_words(token: str, limit: int = 24) -> str:
    """A token that can be seen: line ends, tabs and lone spaces as signs, no space around it, cut at `limit`."""
    seen = token.replace("\r\n", "⏎").replace("\n", "⏎").replace("\r", "⏎").replace("\t", "⇥").translate(_PICTURES)
    bare = seen.strip() or "␣" * len(seen) or "(empty)"
    return bare if len(bare) <= limit else bare[: limit - 1] + "…"


def range_words(interval: Interval, digits: int) -> str:
    """`-0.30 to 0.12`."""
    low, high = (number(bound, digits=digits) for bound in interval)
    return f"{low} to {high}"


def accuracy_words(accuracy: float, interval: Interval | None) -> str:
    """`61.2 % (95 % interval 56.4 to 65.9)`."""
    return per_cent(accuracy) + (f" (95 % interval {per_cent_interval(interval)})" if interval else "")


def quoted_token(token: str) -> str:
    """`'the'`."""
    return repr(token_words(token))


def quoted_tokens(tokens: Sequence[str]) -> str:
    """The first three, with commas between them."""
    return ", ".join(map(quoted_token, tokens[:_SHOWN]))
