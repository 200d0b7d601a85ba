"""Figures of the report, one function each: records in, an inline `<svg>` element out.

Each element has role `img`, its finding as the label, units on the axes and `currentColor` as ink; the same data give
the same bytes. Importing these does not import matplotlib, calling them does.
"""

from embedgrad.report.figures.anchors import anchoring_figure
from embedgrad.report.figures.bits import entropy_figure
from embedgrad.report.figures.curve import learning_curve
from embedgrad.report.figures.drawing import with_own_ids
from embedgrad.report.figures.grid import heat_map
from embedgrad.report.figures.labels import confusion
from embedgrad.report.figures.layers import reading_figure
from embedgrad.report.figures.line import blend_figure
from embedgrad.report.figures.positions import position_figure
from embedgrad.report.figures.shares import gains, group_bars, read_back_figure

__all__ = [
    "anchoring_figure",
    "blend_figure",
    "confusion",
    "entropy_figure",
    "gains",
    "group_bars",
    "heat_map",
    "learning_curve",
    "position_figure",
    "read_back_figure",
    "reading_figure",
    "with_own_ids",
]
