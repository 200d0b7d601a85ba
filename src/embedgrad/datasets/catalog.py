"""The data sets by name: a new one is a file of this room and its line here. docs/data-sets.md describes them."""

from __future__ import annotations

from embedgrad.datasets.causal_judgement import CAUSAL_JUDGEMENT
from embedgrad.datasets.data_set import DataSet
from embedgrad.datasets.gsm8k import GSM8K
from embedgrad.datasets.imdb import IMDB
from embedgrad.datasets.math500 import MATH500
from embedgrad.datasets.medd import MEDD
from embedgrad.errors import SettingsError, did_you_mean
from embedgrad.faces import setting

DATA_SETS = {found.name: found for found in (MATH500, GSM8K, IMDB, MEDD, CAUSAL_JUDGEMENT)}


def data_set(name: str) -> DataSet:
    """The data set of that name. Raises SettingsError."""
    known = list(DATA_SETS)
    if name not in known:
        raise SettingsError(
            f"There is no data set {name!r}; {setting('dataset')} takes {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return DATA_SETS[name]
