"""A grid of learning rates and numbers of epochs, a tuning for each: how sensitive the gain is (the paper's 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.trials import Cell, Trials, choose_cell, try_cell
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
    stage: Callable[[str, int], None] = lambda words, steps: None,
    watch: Watch = Watch(),
) -> Trials:
    """Tune at each of `rates` ("0.5rms" or "0.01") for each of `epochs`: a Cell each, rates in the order given, epochs
    from few to many. (The rate falls at the end of every tuning, so that a short one is no beginning of a long one.)

    setup      made with `options`, those of `swept`
    folder     where each cell's checkpoint is kept; with those that are there it goes on
    stage      told of each cell in words, and how many steps it takes at most, before it begins

    Raises what `Setup.run` raises; a rate whose loss becomes NaN or infinite only fails its own cells, unless all fail.
    """
    model = setup.model
    cells: list[Cell] = []
    seconds = 0.0
    for number, rate in enumerate(rates):
        absolute = resolve_learning_rate(rate, model.parameters, model.table_rms, options.optimizer)
        for count in sorted(epochs):
            now = options.model_copy(update={"epochs": count})
            stage(f"{rate}, epochs {count:.3g}", now.total_steps(len(setup.layouts)))
            checkpoint = None if folder is None else folder / f"rate-{number + 1}-epochs-{count:g}.safetensors"
            end, cell = try_cell(setup, now, absolute, checkpoint=checkpoint, watch=watch)
            cells.append(cell)
            seconds += end.seconds
    return Trials(tuple(cells), choose_cell(cells), len(setup.judge.rows), model.table_rms, seconds)
