"""`sweep.json` and `calibration.json`: tunings of several learning rates and lengths side by side."""

from __future__ import annotations

from pathlib import Path

from embedgrad.json_shape import Interval, Shape
from embedgrad.run.json_files import Stored, broken, read_if_any


class GridCell(Shape):
    """A tuning of so many epochs at one rate, on the validation rows: the prompt that it keeps."""

    learning_rate: float
    relative_rate: float  # in units of the table's RMS
    epochs: float
    steps: int
    accuracy: float | None
    interval: Interval | None
    loss: float | None
    failed: str | None = None  # why there is no figure (the loss became NaN): accuracy and loss None
    kept_step: int | None = None  # after which step that prompt is, 0: the start; older grids do not say

    @property
    def kept_start(self) -> bool:
        """Whether nothing better than the start was found."""
        return self.kept_step == 0 and self.failed is None


class Grid(Stored):
    """`sweep.json` of a sweep, `calibration.json` of a run with `learning_rate="auto"`; `chosen` counts in `cells`."""

    validation_rows: int
    cells: tuple[GridCell, ...]
    chosen: int
    seconds: float


def read_grid(path: Path) -> Grid | None:
    """A `calibration.json` or `sweep.json`, None where there is no such file. Raises EmbedgradError."""
    advice = "Delete it, or repeat what wrote it."
    grid = read_if_any(path, Grid, advice)
    if grid is not None and not 0 <= grid.chosen < len(grid.cells):
        raise broken(str(path), f"chosen: there is no cell {grid.chosen} among {len(grid.cells)}", advice)
    return grid
