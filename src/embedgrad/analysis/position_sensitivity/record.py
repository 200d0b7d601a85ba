"""What each position is worth."""

from __future__ import annotations

from embedgrad.analysis.analysis import Record
from embedgrad.json_shape import Interval, Shape


class PositionReturned(Shape):
    """The loss when this one position returns to its text row, minus the tuned prompt's loss."""

    position: int
    token: str
    drift: float
    loss_change: float
    interval: Interval


class PositionSensitivity(Record):
    """`analysis/position_sensitivity.json`."""

    rows: int
    text_loss: float
    tuned_loss: float
    positions: tuple[PositionReturned, ...]
