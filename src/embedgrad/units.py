"""Large numbers in words."""

from __future__ import annotations


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
