"""`learning_rate="auto"`: a few short runs choose the rate, and whether all the epochs are needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedgrad.errors import Interrupted
from embedgrad.events import Calibrating, Event, StepDone, Validating
from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State
from embedgrad.tuning.trials import Cell, Trials, choose_cell, try_rate
from embedgrad.units import counted, per_cent
from embedgrad.watch import Watch

FACTORS = (0.25, 0.5, 1.0, 2.0)
"""Rates that are tried, in units of the default for the model's size."""
SHARE = 4
"""A short run has this part of the whole run's steps: all of them together cost as much as the run."""


@dataclass(frozen=True)
class Calibration:
    """What the short runs found, and the numbers to tune with: `steps` at most, which are `epochs` of the rows unless
    `min_steps` are more; `asked_steps` is what was asked for."""

    trials: Trials
    learning_rate: float
    epochs: float
    min_steps: int
    steps: int
    asked_steps: int

    @property
    def chosen(self) -> dict[str, Any]:
        """The settings that repeat the run without a calibration."""
        return {"learning_rate": repr(self.learning_rate), "epochs": self.epochs, "min_steps": self.min_steps}

    def sentence(self) -> str:
        """What was chosen and what it cost, for people."""
        trials, cell = self.trials, self.trials.best
        assert cell.kept is not None
        accuracy = "" if cell.kept.accuracy is None else f"accuracy {per_cent(cell.kept.accuracy)}, "
        length = f"up to {counted(self.steps, 'step')}"
        if self.steps < self.asked_steps:
            length += f" instead of {self.asked_steps}, since the loss no longer fell"
        return (
            f"calibration: learning rate {self.learning_rate / trials.table_rms:.2g}rms and {length} "
            f"({accuracy}loss {cell.kept.loss:.3f} on {counted(trials.validation_rows, 'validation row')} after "
            f"{counted(cell.steps, 'step')}), chosen in {len(FACTORS)} short runs that took {trials.seconds:.0f} s"
        )


def calibrate(
    setup: Setup,
    options: TuningSettings,
    *,
    folder: Path | None = None,
    watch: Watch = Watch(),
) -> Calibration:
    """The learning rate and the length to tune with.

    Each of FACTORS times the default rate is tried for a SHARE-th of the steps, with validations in the middle and at
    the end. The rate is that of the best cell at the end (`choose_cell`). `epochs` and `min_steps` stay as they are set
    if that rate's validation loss still fell in the second half of its short run, else both become the short run's.

    folder   where each rate's checkpoint is kept; with those that are there it goes on

    Not seen: what begins only later than a SHARE-th of the run. Raises what `tune_prompt` raises; a rate whose loss
    becomes NaN or infinite is passed over, unless all do.
    """
    rows = len(setup.layouts)
    asked = options.total_steps(rows)
    half = max(asked // SHARE // 2, 1)
    lengths = [steps * options.rows_per_step(rows) / rows for steps in (half, 2 * half)]
    short = options.model_copy(update={"learning_rate": None, "min_steps": 0, "evaluate_every": half, "patience": 3})
    default = resolve_learning_rate(None, setup.model.parameters, setup.model.table_rms)
    ends: list[State] = []
    cells: list[Cell] = []
    for number, factor in enumerate(FACTORS):
        rate = factor * default

        def heard(event: Event | Validating | Calibrating, done: int = number * 2 * half) -> None:
            if isinstance(event, StepDone):
                watch.event(Calibrating(done + event.step, len(FACTORS) * 2 * half))

        checkpoint = None if folder is None else folder / f"rate-{number + 1}.safetensors"
        try:
            end, found = try_rate(setup, short, rate, lengths, checkpoint=checkpoint, watch=Watch(event=heard))
        except Interrupted as error:
            raise Interrupted(f"{error} That was short run {number + 1} of {len(FACTORS)} for the rate.") from None
        ends.append(end)
        cells.extend(found)
    total = len(setup.judge.rows)
    best = choose_cell(cells[1::2], total)  # a rate has two cells: in the middle and at the end
    seconds = sum(end.seconds for end in ends)
    trials = Trials(tuple(cells), 2 * best + 1, total, setup.model.table_rms, seconds)
    _, (_, middle), (_, last) = ends[best].validations
    epochs, min_steps, steps = options.epochs, options.min_steps, asked
    if not last.loss < middle.loss and 2 * half < asked:
        epochs, min_steps, steps = lengths[-1], min(min_steps, 2 * half), 2 * half
    calibration = Calibration(trials, trials.best.learning_rate, epochs, min_steps, steps, asked)
    watch.note(calibration.sentence())
    return calibration
