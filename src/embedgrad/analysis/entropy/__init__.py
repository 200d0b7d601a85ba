"""Trajectory entropy: how undecided the model is while it answers, under the text prompt and under the tuned one."""

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.entropy.record import Entropy
from embedgrad.analysis.entropy.shown import problem, section, sentences

ENTROPY = Analysis(__name__, Entropy, sentences, section, problem)
