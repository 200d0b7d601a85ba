"""A tuned prompt read back into words: its nearest tokens as a text, what that text can do, and where words moved."""

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.read_back.record import ReadBack
from embedgrad.analysis.read_back.shown import section, sentences

READ_BACK = Analysis(__name__, ReadBack, sentences, section)
