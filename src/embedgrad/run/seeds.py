"""`seeds.json`: tunings that differ in their seed alone, judged on the same rows, and what they have in the mean."""

from __future__ import annotations

from pathlib import Path

from embedgrad.json_shape import Interval, Shape
from embedgrad.run.json_files import Stored, broken, read_if_any
from embedgrad.run.score import Baselines, Comparison, Score


class SeedRun(Shape):
    """One tuning: what chose its prompt on the validation rows, and that prompt on the test rows; `comparison` as in
    its `result.json`."""

    seed: int
    folder: str
    validation_accuracy: float | None
    validation_loss: float
    after: Score
    comparison: Comparison | None
    loss_comparison: Comparison


class Mean(Shape):
    """A mean over seeds and rows, its interval over both, and the standard deviation over seeds."""

    value: float
    interval: Interval
    spread: float


class Seeds(Stored):
    """`chosen` counts in `runs`: whose prompt is kept, the best on the validation rows. `accuracy` and `difference` (to
    `before`) are strict, in fractions, None where the task has no metric. `loss` and `loss_difference` are means over
    rows of their nats per target token: each row counts alike, however long its target."""

    before: Score
    runs: tuple[SeedRun, ...]
    chosen: int
    accuracy: Mean | None
    difference: Mean | None
    loss: Mean
    loss_difference: Mean
    baselines: Baselines | None
    prompt_file: str
    seconds: float


def read_seeds(path: Path) -> Seeds | None:
    """A `seeds.json`, None where there is no such file. Raises EmbedgradError."""
    found = read_if_any(path, Seeds)
    if found is not None and not 0 <= found.chosen < len(found.runs):
        raise broken(str(path), f"chosen: there is no run {found.chosen} among {len(found.runs)}")
    return found
