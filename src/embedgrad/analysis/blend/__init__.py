"""The straight line between two prompts: whether they lie in one valley or a ridge is between them."""

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.blend.record import Blend
from embedgrad.analysis.blend.shown import section, sentences

BLEND = Analysis(__name__, Blend, sentences, section)
