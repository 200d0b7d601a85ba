"""Figures of a run and of several, one function each: what was counted in, an inline `<svg>` element out. Those of
analyses are with them (`analysis.NAME.shown`).

Each element has role `img`, its finding as the label, units on the axes and `currentColor` as ink; the same data give
the same bytes. Importing these does not import matplotlib, calling them does.
"""

from embedgrad.report.figures.curve import learning_curve
from embedgrad.report.figures.grid import heat_map
from embedgrad.report.figures.labels import confusion
from embedgrad.report.figures.rows import accuracy_by_rows
from embedgrad.report.figures.shares import gains, group_bars

__all__ = [
    "accuracy_by_rows",
    "confusion",
    "gains",
    "group_bars",
    "heat_map",
    "learning_curve",
]
