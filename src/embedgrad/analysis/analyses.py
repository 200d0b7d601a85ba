"""All analyses by name, in the order in which they are done and shown. A new one is a folder and its line here."""

from __future__ import annotations

from typing import Any

from embedgrad.analysis.analysis import Analysis
from embedgrad.analysis.anchoring import ANCHORING
from embedgrad.analysis.blend import BLEND
from embedgrad.analysis.diagnosis import DIAGNOSIS
from embedgrad.analysis.entropy import ENTROPY
from embedgrad.analysis.position_sensitivity import POSITION_SENSITIVITY
from embedgrad.analysis.read_back import READ_BACK
from embedgrad.analysis.reading import READING

_ALL: tuple[Analysis[Any], ...] = (
    ANCHORING,
    ENTROPY,
    READING,
    POSITION_SENSITIVITY,
    BLEND,
    READ_BACK,
    DIAGNOSIS,
)
ANALYSES = {analysis.name: analysis for analysis in _ALL}
