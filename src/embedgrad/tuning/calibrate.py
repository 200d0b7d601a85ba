"""`learning_rate="auto"`: a few short runs choose the rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedgrad.errors import Interrupted
from embedgrad.events import Calibrating, Event, StepDone, Underway
from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.trials import Cell, Trials, choose_cell, try_cell
from embedgrad.units import counted, per_cent
from embedgrad.watch import Watch

FACTORS = (0.25, 0.5, 1.0, 2.0)
"""Rates that are tried, in units of the default for the optimizer and the model's size."""
SHARE = 4
"""A short run has this part of the whole run's steps: all of them together cost as much as the run."""


@dataclass(frozen=True)
class Calibration:
    """What the short runs found, and the learning rate to tune with."""

    trials: Trials
    learning_rate: float

    @property
    def chosen(self) -> dict[str, Any]:
        """The setting that repeats the run without a calibration."""
        return {"learning_rate": repr(self.learning_rate)}

    def sentence(self) -> str:
        """What was chosen and what it cost, for people."""
        trials, cell = self.trials, self.trials.best
        assert cell.kept is not None
        accuracy = "" if cell.kept.accuracy is None else f"accuracy {per_cent(cell.kept.accuracy)}, "
        still = sum(not one.moved for one in trials.cells)
        unmoved = f"; {still} of them kept the start" if still else ""
        return (
            f"calibration: learning rate {self.learning_rate / trials.table_rms:.2g}rms "
            f"({accuracy}loss {cell.kept.loss:.3f} on {counted(trials.validation_rows, 'validation row')} after "
            f"{counted(cell.steps, 'step')}), chosen in {len(FACTORS)} short runs that took {trials.seconds:.0f} s"
            f"{unmoved}"
        )


def calibrate(
    setup: Setup,
    options: TuningSettings,
    *,
    folder: Path | None = None,
    watch: Watch = Watch(),
) -> Calibration:
    """The learning rate to tune with: that of the best (`choose_cell`) of short tunings, a SHARE-th of the steps each,
    at FACTORS times the default rate, with validations in the middle and at the end.

    folder   where each rate's checkpoint is kept; with those that are there it goes on

    Not seen: what begins only later than a SHARE-th of the run. Raises what `tune_prompt` raises; a rate whose loss
    becomes NaN or infinite is passed over, unless all do.
    """
    rows, model = len(setup.layouts), setup.model
    half = max(options.total_steps(rows) // SHARE // 2, 1)
    short = options.model_copy(
        update={
            "learning_rate": None,
            "epochs": 2 * half * options.rows_per_step(rows) / rows,
            "min_steps": 0,
            "evaluate_every": half,
            "patience": 3,
        }
    )
    default = resolve_learning_rate(None, model.parameters, model.table_rms, options.optimizer)
    seconds = 0.0
    cells: list[Cell] = []
    for number, factor in enumerate(FACTORS):

        def heard(event: Event | Underway, done: int = number * 2 * half) -> None:
            if isinstance(event, StepDone):
                watch.event(Calibrating(done + event.step, len(FACTORS) * 2 * half))

        checkpoint = None if folder is None else folder / f"rate-{number + 1}.safetensors"
        try:
            end, cell = try_cell(setup, short, factor * default, checkpoint=checkpoint, watch=Watch(event=heard))
        except Interrupted as error:
            raise Interrupted(f"{error} That was short run {number + 1} of {len(FACTORS)} for the rate.") from None
        seconds += end.seconds
        cells.append(cell)
    trials = Trials(tuple(cells), choose_cell(cells), len(setup.judge.rows), model.table_rms, seconds)
    calibration = Calibration(trials, trials.best.learning_rate)
    watch.note(calibration.sentence())
    return calibration
