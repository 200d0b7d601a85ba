"""A grid of learning rates and numbers of epochs, one tuning per rate: how sensitive the gain is (the paper's 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.trials import Cell, Trials, choose_cell, try_rate
from embedgrad.watch import Watch


def swept(options: TuningSettings, epochs: Sequence[float]) -> TuningSettings:
    """`options` for a sweep over `epochs`, in which few epochs are few steps: `min_steps` is 0 unless it was given."""
    given = options.model_dump(include=options.model_fields_set)
    return TuningSettings(**{"min_steps": 0, **given, "epochs": max(epochs), "learning_rate": None})


def sweep(
    setup: Setup,
    options: TuningSettings,
    rates: Sequence[str],
    epochs: Sequence[float],
    *,
    folder: Path | None = None,
    stage: Callable[[int, str], None] = lambda number, rate: None,
    watch: Watch = Watch(),
) -> Trials:
    """Tune at each of `rates` ("0.5rms" or "0.01") for the most of `epochs`; a Cell for each rate and each number of
    epochs, rates in the order given, epochs from few to many. See `try_rate` for why one tuning per rate will do.

    setup      made with `options`, those of `swept`
    folder     where each rate's checkpoint is kept; with those that are there it goes on
    stage      told the number of each rate, from 0, before it begins

    Raises what `Setup.run` raises; a rate whose loss becomes NaN or infinite only fails its own cells, unless all fail.
    """
    model = setup.model
    cells: list[Cell] = []
    seconds = 0.0
    for number, rate in enumerate(rates):
        stage(number, rate)
        absolute = resolve_learning_rate(rate, model.parameters, model.table_rms)
        checkpoint = None if folder is None else folder / f"rate-{number + 1}.safetensors"
        end, found = try_rate(setup, options, absolute, sorted(epochs), checkpoint=checkpoint, watch=watch)
        cells.extend(found)
        seconds += end.seconds
    total = len(setup.judge.rows)
    return Trials(tuple(cells), choose_cell(cells, total), total, model.table_rms, seconds)
