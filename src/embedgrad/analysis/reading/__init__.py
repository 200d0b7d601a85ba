"""Reading by linear artificial tomography (LAT): how strongly a concept shows in the hidden states, layer by layer."""

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.reading.record import Readings
from embedgrad.analysis.reading.shown import section, sentences

READING = Analysis(__name__, Readings, sentences, section)
