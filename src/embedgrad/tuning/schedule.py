"""How the learning rate goes over a run: up in a few steps, constant, and down to zero at the end.

Source: the trapezoid, or warm-up, stable, decay, of Zhai et al. 2022 (arXiv 2106.04560, appendix B) and Hägele et al.
2024 (arXiv 2405.18392).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Of a run of `total` steps.

    warmup_steps  over which the rate rises to its full height
    decay         the last share of the steps, 0 to 1, over which it falls linearly to zero; 0: it never falls
    """

    total: int
    warmup_steps: int = 0
    decay: float = 0.0

    def factor(self, step: int) -> float:
        """Of the full rate, in (0, 1], for the step after `step` steps."""
        rising = (step + 1) / (self.warmup_steps + 1)
        falling = (self.total - step) / (self.decay * self.total) if self.decay else 1.0
        return min(1.0, rising, max(falling, 0.0))
