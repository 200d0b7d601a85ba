"""The tuning loop: a batch, a step of the method, now and then a validation.

It knows a method by its protocol and rows as layouts; what is tuned, how, texts, files and flags are others' business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from embedgrad.errors import Interrupted, NonFiniteLoss
from embedgrad.events import StepDone, Validated
from embedgrad.methods.method import Method, Tensors
from embedgrad.tuning.batches import Batches
from embedgrad.tuning.choice import Validation
from embedgrad.tuning.schedule import Schedule
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State, check_point
from embedgrad.watch import Watch

Validate = Callable[[Tensors, int], Validation]
Save = Callable[[State], None]


def tune_prompt(
    method: Method,
    batches: Batches,
    validate: Validate,
    state: State,
    settings: TuningSettings,
    *,
    until: int | None = None,
    watch: Watch = Watch(),
    save: Save = lambda state: None,
) -> State:
    """Tune from `state` to the end; returns the last State, whose `best` is what to keep.

    validate   (a point's tensors, step) -> Validation; also asked about the start, which is a candidate like any other
    until      after so many steps the State is returned as it is, to go on from
    watch      told of every step and validation
    save       called with every State worth resuming from, and always with the last one

    Batch order is a function of seed and step, and a State is never changed in place: a resumed run continues bit
    for bit on a CPU. Raises NonFiniteLoss, and Interrupted after Ctrl-C, when the State at hand is saved.
    """
    schedule, every = settings.schedule(batches.rows), settings.steps_between_validations(batches.rows)
    saved_at = time.monotonic()
    try:
        if state.best is None:
            state = _validated(state, validate, watch)
            save(state)
        while state.finished is None and (until is None or state.step < until):
            # Trap: a State whose due validation was interrupted must never be the one that is saved.
            moved = _stepped(method, batches, state, schedule, watch)
            if moved.step % every == 0 or moved.step >= schedule.total:
                moved = _validated(moved, validate, watch)
            state = _ended(moved, settings, schedule.total)
            if state.finished or state.step == until or time.monotonic() - saved_at >= settings.checkpoint_seconds:
                save(state)
                saved_at = time.monotonic()
    except NonFiniteLoss as error:
        error.state = state
        raise
    except KeyboardInterrupt:
        stopped = Interrupted(f"Stopped after step {state.step} of {schedule.total}.")
        if state.best is not None:
            save(state)
            stopped.state = state
        raise stopped from None
    return state


def _stepped(method: Method, batches: Batches, state: State, schedule: Schedule, watch: Watch) -> State:
    started = time.monotonic()
    batch = batches.at(state.step, schedule.factor(state.step))
    done = method.propose(state, batch)
    check_point(done.point, state)
    moved = state.moved(done.point)
    seconds = time.monotonic() - started
    watch.event(
        StepDone(
            step=moved.step,
            total_steps=schedule.total,
            loss=done.loss,
            learning_rate=batch.learning_rate,
            gradient_norm=done.gradient_norm,
            tokens=done.tokens,
            seconds=round(seconds, 6),
            penalty=done.penalty,
        )
    )
    return replace(moved, seconds=state.seconds + seconds)


def _validated(state: State, validate: Validate, watch: Watch) -> State:
    started = time.monotonic()
    try:
        found = validate(state.tensors, state.step)
    except NonFiniteLoss as error:
        raise NonFiniteLoss(f"At the validation after step {state.step}: {error}") from error
    judged = state.judged(found)
    is_best = judged.best is not None and judged.best.step == judged.step
    watch.event(Validated(state.step, found.loss, found.accuracy, is_best))
    return replace(judged, seconds=judged.seconds + time.monotonic() - started)


def _ended(state: State, settings: TuningSettings, total: int) -> State:
    if state.step >= total:
        return replace(state, finished="all steps done")
    if state.stale >= settings.patience:
        return replace(state, finished=f"no better prompt in {state.stale} validations")
    return state
