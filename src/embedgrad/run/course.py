"""How a tuning went, by its validations: it learned, found nothing, diverged, answers always the same, or was not done.

Needs no torch; a run folder has all of it in `metrics.jsonl`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from embedgrad.run.metrics import ValidationMetrics
from embedgrad.units import per_cent

Kind = Literal["learned", "still falling", "majority label", "diverged", "nothing better"]

_ROSE = 1.5  # times the loss of the start: not noise
_FELL = 0.9  # times the lowest loss before: it gets somewhere


@dataclass(frozen=True)
class Course:
    """What became of a run, and a sentence that shows it."""

    kind: Kind
    sentence: str

    @classmethod
    def of(
        cls,
        validations: Sequence[ValidationMetrics],
        best_step: int,
        majority: float | None = None,
        rows: int = 0,
    ) -> Self | None:
        """None where nothing was validated but the start. `majority` is how often the most frequent label is right,
        `rows` how many validation rows there are."""
        if len(validations) < 2:
            return None
        first, last = validations[0], validations[-1]
        lowest = min(validations, key=lambda at: at.loss)
        best = next((at for at in validations if at.step == best_step), lowest)
        fell = f"validation loss {first.loss:.3f} at the start, {lowest.loss:.3f} at step {lowest.step:,}"
        if best.accuracy is not None and first.accuracy is not None:
            fell += f"; accuracy {per_cent(first.accuracy)} and, at step {best.step:,}, {per_cent(best.accuracy)}"
        if last.loss > _ROSE * first.loss:
            return cls(
                "diverged",
                f"The validation loss rose from {first.loss:.3f} to {last.loss:.3f}: the learning rate is too high.",
            )
        if best.accuracy is not None and majority is not None and best_step > 0:
            error = math.sqrt(majority * (1 - majority) / max(rows, 1))
            if best.accuracy <= majority + error and lowest.loss < first.loss:
                return cls(
                    "majority label",
                    f"The answers do not follow the input yet: {per_cent(best.accuracy)} on the validation rows, where "
                    f"always the most frequent label is right on {per_cent(majority)} ({fell}).",
                )
        if best_step == 0:
            return cls("nothing better", f"No step beat the start on the validation rows ({fell}).")
        if _was_falling(validations):
            return cls("still falling", f"It was still learning when its steps ran out ({fell}).")
        return cls("learned", f"It learned ({fell}).")


def _was_falling(validations: Sequence[ValidationMetrics]) -> bool:
    """Whether the loss fell by much in the last quarter of the steps, where the learning rate is low already."""
    last = validations[-1]
    early = [at.loss for at in validations if at.step <= 0.75 * last.step]
    return last.loss < _FELL * min(early)
