"""`eg.tune` spells its settings out, for whoever completes names; they are those of TuningSettings."""

from __future__ import annotations

from inspect import signature

import pytest

import embedgrad as eg
from embedgrad.tuning.settings import TuningSettings


@pytest.mark.parametrize("name", TuningSettings.model_fields)
def test_a_default_of_tune_is_the_settings_own(name):
    default = signature(eg.tune).parameters[name].default
    wanted = TuningSettings.model_fields[name].default
    assert (default, type(default)) == (wanted, type(wanted))
