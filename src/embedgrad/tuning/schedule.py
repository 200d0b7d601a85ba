"""How the learning rate goes over a run: up in a few steps, constant, and down to zero at the end.

The rate stays up while the run still climbs; it falls once nothing gets better, or when just as many steps are left as
the fall takes. Source: the trapezoid, or warm-up-stable-decay, of Zhai et al. 2022 (arXiv 2106.04560, appendix B) and
Hägele et al. 2024 (arXiv 2405.18392), whose decay takes a fixed share of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Of a run of at most `total` steps.

    warmup_steps  over which the rate rises to its full height
    decay         share of a run's steps over which it falls to zero, 0 to 1; 0: it never falls
    """

    total: int
    warmup_steps: int = 0
    decay: float = 0.0

    def is_decay_due(self, step: int) -> bool:
        """Whether the rate has to fall from `step` steps on for the run to end in time."""
        return self.decay > 0 and step + self._decay_steps(step) >= self.total

    def end(self, decay_from: int | None) -> int:
        """After how many steps the run ends; `decay_from` is the step from which the rate falls, None while it does
        not."""
        return self.total if decay_from is None else min(self.total, decay_from + self._decay_steps(decay_from))

    def factor(self, step: int, decay_from: int | None) -> float:
        """Of the full rate, in (0, 1], for the step after `step` steps."""
        rising = min(1.0, (step + 1) / (self.warmup_steps + 1))
        if decay_from is None:
            return rising
        end = self.end(decay_from)
        return rising * (end - step) / max(end - decay_from, 1)

    def _decay_steps(self, step: int) -> int:
        """How many steps the fall takes that begins after `step` steps."""
        if self.decay >= 1:
            return self.total
        return max(1, round(step * self.decay / (1 - self.decay)))
