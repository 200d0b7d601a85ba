"""Numbers in words: the same rounding and the same plurals wherever a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal


def number(value: float, *, digits: int = 1, sign: bool = False) -> str:
    """`value` rounded, thousands separated, never `-0.0`; with `sign`, a plus before what is above zero.

    Halves go away from zero, as one rounds by hand: 50.75 is 50.8. Trap: 12 digits are looked at, since 100 * 0.5075
    is 50.74999999999999 in binary.
    """
    if not abs(value) < 1e15:  # no float has digits behind the point there; NaN
        return f"{value:,.{digits}f}"
    exact = Decimal(f"{value:.12g}")
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    if rounded == 0:
        return f"{0:.{digits}f}"
    return f"{rounded:+,f}" if sign else f"{rounded:,f}"


def points(fraction: float, *, sign: bool = False) -> str:
    """A fraction in hundredths without the sign: `71.3`; 203 of 400 is `50.8`."""
    return number(100 * fraction, sign=sign)


def per_cent(fraction: float) -> str:
    """A fraction as `71.3 %`."""
    return f"{points(fraction)} %"


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """`1 row`, `1,240 rows`; `nouns` is the plural where that is not the noun and an s."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def line_words(lines: Sequence[int], most: int = 10) -> str:
    """`line 5`, `lines 5, 7, 9`, and `lines 1, 2, ...` of many."""
    return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:most]))}{', ...' * (len(lines) > most)}"


def bytes_words(count: int) -> str:
    """Decimal units: `512 bytes`, `48.2 kB`, `3.1 GB`."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 999.95:
            return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def flops_words(count: float) -> str:
    """Multiplications and additions, two digits: `85 MFLOP`, `0.41 TFLOP`."""
    for size, unit in ((1e12, "TFLOP"), (1e9, "GFLOP")):
        if count >= size / 10:
            return f"{count / size:.2g} {unit}" if count < 99 * size else f"{count / size:,.0f} {unit}"
    return f"{count / 1e6:.2g} MFLOP"
