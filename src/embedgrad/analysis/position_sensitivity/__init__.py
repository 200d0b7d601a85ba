"""What each position of a tuned prompt does: the loss without what tuning has made of it."""

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.position_sensitivity.record import PositionSensitivity
from embedgrad.analysis.position_sensitivity.shown import section, sentences

POSITION_SENSITIVITY = Analysis(__name__, PositionSensitivity, sentences, section)
