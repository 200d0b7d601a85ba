"""The settings of a sweep: those of a tuning, with several learning rates and numbers of epochs."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field

from embedgrad.errors import SettingsError
from embedgrad.faces import setting
from embedgrad.jobs.tune_settings import TuneSettings
from embedgrad.tuning.learning_rate import parse_learning_rate


def _parts(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _checked_rates(text: str) -> str:
    if not _parts(text):
        raise ValueError('expected rates like "0.1rms,0.5rms"')
    for part in _parts(text):
        parse_learning_rate(part)
    return text


def _checked_epochs(text: str) -> str:
    try:
        found = [float(part) for part in _parts(text)]
    except ValueError:
        found = []
    if not found or not all(0 < count <= 1e6 for count in found):
        raise ValueError('expected positive numbers up to a million like "2,5,10"')
    return text


class SweepSettings(TuneSettings):
    """A tuning's settings, with several rates and numbers of epochs."""

    rates: Annotated[str, AfterValidator(_checked_rates)] = Field(
        "0.02rms,0.04rms,0.08rms,0.16rms", description="Learning rates to try, comma-separated."
    )
    epochs_grid: Annotated[str, AfterValidator(_checked_epochs)] = Field(
        "2,5,10", description="Numbers of epochs to try, comma-separated; a tuning for each, at each rate."
    )

    @property
    def rate_texts(self) -> list[str]:
        """As they were written; of those that say the same, such as 0.5rms and 0.50rms, the first."""
        found: dict[tuple[float, bool], str] = {}
        for text in _parts(self.rates):
            found.setdefault(parse_learning_rate(text), text)
        return list(found.values())

    @property
    def epoch_counts(self) -> list[float]:
        return sorted({float(part) for part in _parts(self.epochs_grid)})

    def resolved(self) -> Self:
        """As of a tuning. The grid takes the place of `learning_rate` and `epochs`, and nothing but `min_steps` that is
        given makes few epochs longer than they are."""
        if self.tuning.restarts > 1:
            raise SettingsError(
                f"{setting('restarts')} belongs to tune: a sweep makes one tuning for each of its cells. Leave it out."
            )
        grid: dict[str, Any] = {"learning_rate": None, "epochs": max(self.epoch_counts)}
        if "min_steps" not in self.given:
            grid["min_steps"] = 0
        return super().resolved().changed(**grid)
