"""A real model for the benchmarks: SmolLM2-135M-Instruct, 30 layers, where `embedgrad fetch smollm2` has got it.

Random weights show neither how a deep model rounds nor how long its answers are. Where it is not there: random weights
of its shape.
"""

from __future__ import annotations

from embedgrad.errors import ModelNotFound
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import load_model
from models import random_model

PRESET = "smollm2-135m"


def smollm2(dtype: str, device: str = "cpu") -> FrozenModel:
    """The model; a random one of equal shape where it is not here. Its weights are those of a 4-bit file, so that its
    answers are a little worse than the original's."""
    try:
        return load_model("smollm2", dtype, device)
    except ModelNotFound:
        return random_model(PRESET, dtype, device)
