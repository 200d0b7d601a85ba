"""`restarts`: several runs begin, of seeds that follow one another, and the best goes on exactly where it was.

They differ in the order of their batches and, where the start is drawn, in the start. What they find depends on that
more than one would like (docs/methods/few-rows.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from embedgrad.errors import Interrupted, NonFiniteLoss
from embedgrad.evaluation.statistics import wilson
from embedgrad.events import Event, Restarting, StepDone, Underway
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.restarts import RestartRecord, RestartsRecord
from embedgrad.settings import MOST_SEED
from embedgrad.tuning.choice import kept
from embedgrad.tuning.prepare import Setup
from embedgrad.tuning.recording import Recording
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import Candidate, State
from embedgrad.units import counted, per_cent
from embedgrad.watch import Watch

Starts = Callable[[int], SoftPrompt]
"""The start that belongs to a seed."""

SHARE = 4
"""A run begins with this part of its steps; of more runs, with so few that all together cost as much as one whole."""
FEW = 2
"""But with no fewer validations than this, the start's apart."""


@dataclass(frozen=True)
class Begun:
    """A run after its first steps; `state` is None where it `failed`."""

    seed: int
    setup: Setup
    recording: Recording
    state: State | None
    failed: str | None = None

    @property
    def best(self) -> Candidate | None:
        return None if self.state is None else self.state.best


@dataclass(frozen=True)
class Restarts:
    """Runs that began with `steps` steps each; `chosen`, which counts in them, goes on, unless they are `whole`."""

    runs: tuple[Begun, ...]
    chosen: int
    steps: int
    whole: bool = False

    @property
    def best(self) -> Begun:
        return self.runs[self.chosen]

    @property
    def settings(self) -> dict[str, Any]:
        """Those that repeat the run that goes on, by itself."""
        return {"restarts": 1, "run_seed": self.best.seed}

    @property
    def seconds(self) -> float:
        """Of those that did not go on."""
        states = (run.state for run in self.runs if run is not self.best)
        return sum(state.seconds for state in states if state is not None)

    def sentence(self) -> str:
        """Which goes on, and how they differed, for people."""
        found = self.best.best
        assert found is not None
        others = [run.best for run in self.runs if run is not self.best and run.best is not None]
        failed = sum(run.state is None for run in self.runs)
        accuracy = "" if found.accuracy is None else f"{per_cent(found.accuracy)}, "
        return (
            f"restarts: of {counted(len(self.runs), 'run')} of {counted(self.steps, 'step')} that of seed "
            f"{self.best.seed} {'is kept' if self.whole else 'goes on'} ({accuracy}loss {found.loss:.3f} on "
            f"{counted(found.found.rows, 'validation row')}{_others_words(others)})"
            + (f"; {failed} failed" if failed else "")
        )

    def record(self) -> RestartsRecord:
        """`restarts.json`: every run with its Wilson interval."""
        best = self.best.best
        assert best is not None
        return RestartsRecord(
            validation_rows=best.found.rows,
            steps=self.steps,
            runs=tuple(map(_record, self.runs)),
            chosen=self.chosen,
            seconds=round(self.seconds, 3),
        )


def restart(
    setup: Setup,
    options: TuningSettings,
    learning_rate: float,
    *,
    starts: Starts | None = None,
    folder: Path | None = None,
    watch: Watch = Watch(),
) -> Restarts:
    """Begin `options.restarts` runs; the best so far, by the rule that chooses a run's prompt (`choice.kept`), is the
    one to go on with. Each is the beginning of the run that its seed makes by itself, step for step.

    starts   where the start is drawn; else all begin at that of `setup`
    folder   where each keeps its checkpoint and what it tells; with those that are there it goes on

    Not seen: a run that begins to climb only later. Raises what `Setup.run` raises; a run whose loss becomes NaN or
    infinite is passed over, unless all do.
    """
    steps, total = short_steps(options, len(setup.layouts)), options.total_steps(len(setup.layouts))
    runs: list[Begun] = []
    for place, seed in enumerate(_seeds(options)):
        here = setup if starts is None or not place else setup.beginning_at(starts(seed))
        now = options.model_copy(update={"restarts": 1, "run_seed": seed})
        try:
            runs.append(
                _begun(here, now, learning_rate, steps, folder, _counted_from(place * steps, options, steps, watch))
            )
        except Interrupted as error:
            raise Interrupted(f"{error} That was restart {place + 1} of {options.restarts}.") from None
    found = [(index, run.best.found) for index, run in enumerate(runs) if run.best is not None]
    if not found:
        raise NonFiniteLoss(f"Every restart failed; the first with: {runs[0].failed}")
    restarts = Restarts(tuple(runs), found[kept([one for _, one in found])][0], steps, steps == total)
    watch.note(restarts.sentence())
    return restarts


def short_steps(options: TuningSettings, rows: int) -> int:
    """Steps of a short run on `rows` tuning rows: they end with a validation."""
    total, every = options.total_steps(rows), options.steps_between_validations(rows)
    validations = max(-(-total // (max(SHARE, options.restarts) * every)), FEW)
    return min(validations * every, total)


def _seeds(options: TuningSettings) -> Iterator[int]:
    return ((options.seed_of_run + place) % (MOST_SEED + 1) for place in range(options.restarts))


def _begun(
    setup: Setup, options: TuningSettings, learning_rate: float, steps: int, folder: Path | None, watch: Watch
) -> Begun:
    seed = options.seed_of_run
    checkpoint = None if folder is None else folder / f"restart-{seed}.safetensors"
    recording = Recording(None if folder is None else folder / f"restart-{seed}")
    with recording.listening(watch, checkpoint) as told:
        try:
            state = setup.run(options, learning_rate, until=steps, checkpoint=checkpoint, watch=told)
        except NonFiniteLoss as error:
            if not isinstance(error.state, State) or error.state.best is None:
                raise
            return Begun(seed, setup, recording, None, str(error))
    return Begun(seed, setup, recording, state)


def _counted_from(done: int, options: TuningSettings, steps: int, watch: Watch) -> Watch:
    """A Watch that hears of nothing but how far all of them have come."""

    def heard(event: Event | Underway) -> None:
        if isinstance(event, StepDone):
            watch.event(Restarting(done + event.step, options.restarts * steps))

    return replace(watch, event=heard)


def _others_words(others: list[Candidate]) -> str:
    if not others:
        return ""
    losses = sorted(one.loss for one in others)
    accuracies = sorted(one.accuracy for one in others if one.accuracy is not None)
    accuracy = f"{_range([per_cent(at) for at in accuracies])}, " if accuracies else ""
    return f"; the {'other' if len(others) == 1 else 'others'} {accuracy}loss {_range([f'{at:.3f}' for at in losses])}"


def _range(ordered: list[str]) -> str:
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"


def _record(run: Begun) -> RestartRecord:
    found = run.best
    accuracy = None if found is None else found.accuracy
    interval = None
    if found is not None and accuracy is not None:
        interval = wilson(round(accuracy * found.found.rows), found.found.rows)
    return RestartRecord(
        seed=run.seed,
        accuracy=accuracy,
        interval=interval,
        loss=None if found is None else found.loss,
        kept_step=None if found is None else found.step,
        failed=run.failed,
    )
