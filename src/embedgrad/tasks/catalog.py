"""The data sets by name. docs/data-sets.md describes them."""

from __future__ import annotations

from embedgrad.errors import SettingsError, did_you_mean
from embedgrad.tasks.causal_judgement import CAUSAL_JUDGEMENT
from embedgrad.tasks.data_set import DataSet
from embedgrad.tasks.gsm8k import GSM8K
from embedgrad.tasks.imdb import IMDB
from embedgrad.tasks.math500 import MATH500
from embedgrad.tasks.medd import MEDD

DATA_SETS = {found.name: found for found in (MATH500, GSM8K, IMDB, MEDD, CAUSAL_JUDGEMENT)}


def data_set(name: str) -> DataSet:
    """The data set of that name. Raises SettingsError."""
    known = list(DATA_SETS)
    if name not in known:
        raise SettingsError(
            f"There is no data set {name!r}; --dataset takes {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return DATA_SETS[name]
