"""The settings of several tunings that differ in their seed alone."""

from __future__ import annotations

from pydantic import Field

from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.settings import MOST_SEED, checked

MOST_SEEDS = 1000


class SeedsSettings(TuneSettings):
    """A tuning's settings, and with how many seeds to tune."""

    seeds: int = Field(
        1,
        ge=1,
        le=MOST_SEEDS,
        description="Tune so many times, on the same rows with seeds that follow one another, and report the mean.",
    )

    def of_run(self, place: int, **changes: object) -> TuneSettings:
        """Those of the tuning with the seed at `place`, from 0; of a single one its own."""
        values = {name: value for name, value in self.given.items() if name in TuneSettings.places()}
        if self.seeds > 1:
            values["run_seed"] = self.seed_at(place)
        return checked(TuneSettings, values | changes, "settings")

    def seed_at(self, place: int) -> int:
        """Of the tuning at `place`. With restarts, no two tunings begin alike."""
        return (self.tuning.seed_of_run + place * self.tuning.restarts) % (MOST_SEED + 1)
