"""How the learning rate goes, without a loop."""

from __future__ import annotations

import pytest

from embedgrad.tuning.schedule import Schedule
from embedgrad.tuning.settings import TuningSettings


def test_a_constant_rate_is_constant():
    schedule = Schedule(100)
    assert {schedule.factor(step, None) for step in range(100)} == {1.0}
    assert not any(schedule.is_decay_due(step) for step in range(100))
    assert schedule.end(None) == 100


@pytest.mark.parametrize("decay", [0.1, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("total", [1, 2, 7, 100])
def test_the_fall_is_the_last_share_and_ends_in_time(total: int, decay: float):
    schedule = Schedule(total, decay=decay)
    begin = next(step for step in range(total + 1) if schedule.is_decay_due(step))
    assert begin == pytest.approx((1 - decay) * total, abs=1)
    assert schedule.end(begin) == total
    factors = [schedule.factor(step, begin) for step in range(begin, total)]
    assert factors == sorted(factors, reverse=True)
    assert all(0 < factor <= 1 for factor in factors)


def test_an_early_fall_is_as_long_as_its_share_of_the_steps_so_far():
    schedule = Schedule(100, decay=0.25)
    assert schedule.end(30) == 40
    assert schedule.end(90) == 100, "never longer than the run"


def test_a_fall_within_the_rise_has_both():
    schedule = Schedule(10, warmup_steps=9, decay=0.5)
    assert schedule.factor(0, None) == pytest.approx(0.1)
    assert schedule.factor(5, 5) == pytest.approx(0.6)
    assert schedule.factor(9, 5) == pytest.approx(1.0 / 5)


def test_a_short_run_rises_over_a_tenth_of_its_steps():
    settings = TuningSettings(min_steps=40, epochs=1e-6)
    assert settings.schedule(20) == Schedule(40, 4, settings.decay)
    assert TuningSettings(min_steps=400, epochs=1e-6).schedule(20) == Schedule(400, 10, settings.decay)
