"""How the learning rate goes, without a loop."""

from __future__ import annotations

import pytest

from embedgrad.tuning.schedule import Schedule
from embedgrad.tuning.settings import TuningSettings


def test_a_constant_rate_is_constant():
    assert {Schedule(100).factor(step) for step in range(100)} == {1.0}


def test_up_constant_and_down():
    schedule = Schedule(40, warmup_steps=4, decay=0.25)
    factors = [schedule.factor(step) for step in range(40)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[4:31] == [1.0] * 27
    assert factors[30:] == pytest.approx([(10 - step) / 10 for step in range(10)])


@pytest.mark.parametrize("decay", [0.01, 0.1, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("total", [1, 2, 7, 100])
def test_every_step_moves_and_the_last_moves_least(total: int, decay: float):
    schedule = Schedule(total, decay=decay)
    factors = [schedule.factor(step) for step in range(total)]
    assert factors == sorted(factors, reverse=True)
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[0] == 1


def test_a_fall_within_the_rise_is_the_lower_of_both():
    schedule = Schedule(10, warmup_steps=9, decay=1.0)
    assert [schedule.factor(step) for step in (0, 4, 5, 9)] == pytest.approx([0.1, 0.5, 0.5, 0.1])


def test_a_short_run_rises_over_a_tenth_of_its_steps():
    settings = TuningSettings(min_steps=40, epochs=1e-6)
    assert settings.schedule(20) == Schedule(40, 4, settings.decay)
    assert TuningSettings(min_steps=400, epochs=1e-6).schedule(20) == Schedule(400, 10, settings.decay)
