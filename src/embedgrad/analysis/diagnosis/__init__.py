"""Whether a start is good enough for tuning to help, from labeled rows alone (section 5.5)."""

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.diagnosis.record import Diagnosis
from embedgrad.analysis.diagnosis.shown import section, sentences

DIAGNOSIS = Analysis(__name__, Diagnosis, sentences, section)
