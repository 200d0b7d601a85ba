"""Learning rates relative to the embedding table, which transfer between models; absolute ones do not.

A rate of 0.08rms moves a token by about 0.08 times a usual token's length a step, with either optimizer: AdamW moves
each of its D coordinates by about the rate, Muon the token by sqrt(D) times the rate; and a usual token is sqrt(D)
times the table's RMS long. Embedding rows differ in scale by 10x between models.
Source of AdamW's defaults: the paper's 0.01 (about 1.5B parameters) and 0.001 (from 7B), section 4.1, on tables whose
RMS is about 0.02, are 0.5 and 0.05 of the RMS. Of Muon's: experiments (docs/methods/learning.md).
"""

from __future__ import annotations

import math
from typing import Literal

OptimizerName = Literal["muon", "adamw"]

AUTO = "auto"  # chosen in short runs: `calibrate`
MOST = 1e30  # what a float32 holds, and a step by it
_MUON = 0.08
_SMALL, _LARGE = 3e9, 7e9
_SMALL_RATE, _LARGE_RATE = 0.5, 0.05


def parse_learning_rate(text: str) -> tuple[float, bool]:
    """(number, whether it is relative to the table's RMS) from "0.5rms" or "0.01". Raises ValueError."""
    number, relative = (text[:-3], True) if text.endswith("rms") else (text, False)
    try:
        rate = float(number)
    except ValueError:
        rate = math.nan
    if not 0 < rate < MOST:
        raise ValueError(
            f'expected a positive number below {MOST:g} like "0.01", or one relative to the table like "0.5rms"'
        )
    return rate, relative


def default_rate(parameters: int, optimizer: OptimizerName) -> float:
    """Learning rate in units of the table's RMS. Muon: the same for all sizes. AdamW: 0.5 below 3B parameters, 0.05
    from 7B, in between interpolated in the logarithm of both."""
    if optimizer == "muon":
        return _MUON
    if parameters <= _SMALL:
        return _SMALL_RATE
    if parameters >= _LARGE:
        return _LARGE_RATE
    share = math.log(parameters / _SMALL) / math.log(_LARGE / _SMALL)
    return _SMALL_RATE * math.pow(_LARGE_RATE / _SMALL_RATE, share)


def resolve_learning_rate(text: str | None, parameters: int, table_rms: float, optimizer: OptimizerName) -> float:
    """The absolute learning rate for a model with `parameters` weights and a table of RMS `table_rms`."""
    if text is None:
        return default_rate(parameters, optimizer) * table_rms
    rate, relative = parse_learning_rate(text)
    return rate * table_rms if relative else rate
