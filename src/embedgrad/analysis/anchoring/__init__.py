"""How near a tuned prompt stays to the words that it started from (section 5.1, Eq. 10), and along the run."""

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.anchoring.record import Anchoring
from embedgrad.analysis.anchoring.shown import section, sentences

ANCHORING = Analysis(__name__, Anchoring, sentences, section)
