from __future__ import annotations

import pytest

from embedgrad.errors import SettingsError
from embedgrad.settings import checked
from embedgrad.tuning.learning_rate import default_rate, parse_learning_rate, resolve_learning_rate
from embedgrad.tuning.settings import TuningSettings


def test_the_papers_rates_come_out_on_tables_like_its():
    assert resolve_learning_rate(None, int(1.5e9), 0.02, "adamw") == pytest.approx(0.01)
    assert resolve_learning_rate(None, int(7.6e9), 0.02, "adamw") == pytest.approx(0.001)
    assert resolve_learning_rate(None, int(14e9), 0.02, "adamw") == pytest.approx(0.001)


def test_muons_is_the_same_share_of_a_tokens_length_for_all_sizes():
    assert {default_rate(size, "muon") for size in (10**6, 10**9, 10**11)} == {0.08}


def test_between_3b_and_7b_it_falls_evenly_in_the_logarithm():
    assert default_rate(int(3e9), "adamw") == 0.5
    middle = (3e9 * 7e9) ** 0.5
    assert default_rate(int(middle), "adamw") == pytest.approx((0.5 * 0.05) ** 0.5, rel=1e-6)
    rates = [default_rate(n * 10**9, "adamw") for n in range(1, 12)]
    assert rates == sorted(rates, reverse=True)


def test_written_forms():
    assert parse_learning_rate("0.5rms") == (0.5, True)
    assert parse_learning_rate("1e-3") == (0.001, False)
    assert resolve_learning_rate("0.2rms", 10**9, 0.05, "muon") == pytest.approx(0.01)
    assert resolve_learning_rate("0.003", 10**9, 0.05, "adamw") == 0.003
    assert checked(TuningSettings, {"learning_rate": 0.003}, "here").learning_rate == "0.003"
    assert checked(TuningSettings, {"learning_rate": "auto"}, "here").learning_rate == "auto"


@pytest.mark.parametrize("text", ["fast", "-1", "0", "nan", "inf", "rms", "0rms", "1e400"])
def test_other_forms_are_refused(text):
    with pytest.raises(SettingsError) as error:
        checked(TuningSettings, {"learning_rate": text}, "tune")
    assert str(error.value) == (
        f'tune: learning_rate is {text!r}: expected a positive number below 1e+30 like "0.01", or '
        'one relative to the table like "0.5rms", or "auto", which chooses it in short runs.'
    )


@pytest.mark.parametrize(
    ("rows", "steps", "between"),
    [(1000, 625, 63), (16, 200, 20), (320, 200, 20), (3200, 2000, 200), (1, 200, 20)],
)
def test_steps_and_validations(rows, steps, between):
    settings = TuningSettings()
    assert settings.total_steps(rows) == steps
    assert settings.steps_between_validations(rows) == between
