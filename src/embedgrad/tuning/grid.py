"""Trials as the JSON that is kept of them."""

from __future__ import annotations

from embedgrad.evaluation.statistics import wilson
from embedgrad.run.grid import Grid, GridCell
from embedgrad.tuning.trials import Cell, Trials


def as_grid(trials: Trials) -> Grid:
    """`sweep.json`, `calibration.json`: every cell with its Wilson interval."""
    return Grid(
        validation_rows=trials.validation_rows,
        cells=tuple(_cell(cell, trials) for cell in trials.cells),
        chosen=trials.chosen,
        seconds=round(trials.seconds, 3),
    )


def _cell(cell: Cell, trials: Trials) -> GridCell:
    accuracy = None if cell.kept is None else cell.kept.accuracy
    rows = trials.validation_rows
    return GridCell(
        learning_rate=cell.learning_rate,
        relative_rate=cell.learning_rate / trials.table_rms,
        epochs=cell.epochs,
        steps=cell.steps,
        accuracy=accuracy,
        interval=None if accuracy is None else wilson(round(accuracy * rows), rows),
        loss=None if cell.kept is None else cell.kept.loss,
        failed=cell.failed,
        kept_step=None if cell.kept is None else cell.kept_step,
    )
