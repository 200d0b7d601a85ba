"""The tuning loop: a batch, a step of the prompt, now and then a validation.

It knows rows as layouts and the prompt as [P, D]; texts, files and flags are others' business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from torch import Tensor

from embedgrad.data.batches import batch_rows
from embedgrad.errors import Interrupted, NonFiniteLoss
from embedgrad.events import StepDone, Validated
from embedgrad.template.layout import Layout
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State, Validation
from embedgrad.tuning.step import GradientStep
from embedgrad.watch import Watch

Validate = Callable[[Tensor, int], Validation]
Save = Callable[[State], None]


def tune_prompt(
    method: GradientStep,
    layouts: Sequence[Layout],
    validate: Validate,
    state: State,
    settings: TuningSettings,
    *,
    also_at: Collection[int] = (),
    watch: Watch = Watch(),
    save: Save = lambda state: None,
) -> State:
    """Tune from `state` to the end; returns the last State, whose `best` is the prompt to keep.

    layouts    the tuning rows, each with a target
    validate   ([P, D], step) -> Validation; also asked about the start, which is a candidate like any other
    also_at    further steps to validate after; these validations neither choose the best nor wear patience
    watch      told of every step and validation; its snapshot is called at every validation
    save       called with every State worth resuming from, and always with the last one

    Batch order is a function of seed and step, and a State is never changed in place: a resumed run continues bit
    for bit on a CPU. Raises NonFiniteLoss, and Interrupted after Ctrl-C, when the State at hand is saved.
    """
    total, every = settings.total_steps(len(layouts)), settings.steps_between_validations(len(layouts))
    saved_at = time.monotonic()
    try:
        if state.best is None:
            state = _validated(state, validate, watch)
            save(state)
        while state.finished is None:
            # Trap: a State whose due validation was interrupted must never be the one that is saved.
            moved = _stepped(method, layouts, state, settings, watch)
            is_due = moved.step % every == 0 or moved.step >= total
            if is_due or moved.step in also_at:
                moved = _validated(moved, validate, watch, chooses=is_due)
            state = _ended(moved, settings, total)
            if state.finished or time.monotonic() - saved_at >= settings.checkpoint_seconds:
                save(state)
                saved_at = time.monotonic()
    except NonFiniteLoss as error:
        error.state = state
        raise
    except KeyboardInterrupt:
        stopped = Interrupted(f"Stopped after step {state.step} of {total}.")
        if state.best is not None:
            save(state)
            stopped.state = state
        raise stopped from None
    return state


def _stepped(
    method: GradientStep, layouts: Sequence[Layout], state: State, settings: TuningSettings, watch: Watch
) -> State:
    started = time.monotonic()
    numbers = batch_rows(len(layouts), settings.rows_per_step(len(layouts)), settings.seed, state.step)
    done = method.step(state, [layouts[number] for number in numbers])
    seconds = time.monotonic() - started
    watch.event(
        StepDone(
            step=done.state.step,
            total_steps=settings.total_steps(len(layouts)),
            loss=done.loss,
            learning_rate=method.learning_rate,
            gradient_norm=done.gradient_norm,
            tokens=done.tokens,
            seconds=round(seconds, 6),
            penalty=done.penalty,
        )
    )
    return replace(done.state, seconds=state.seconds + seconds)


def _validated(state: State, validate: Validate, watch: Watch, chooses: bool = True) -> State:
    started = time.monotonic()
    try:
        found = validate(state.embeddings, state.step)
    except NonFiniteLoss as error:
        raise NonFiniteLoss(f"At the validation after step {state.step}: {error}") from error
    judged = state.judged(found) if chooses else state.noted(found)
    watch.snapshot(state.step, state.embeddings)
    watch.event(Validated(state.step, found.loss, found.accuracy, chooses and judged.stale == 0))
    return replace(judged, seconds=judged.seconds + time.monotonic() - started)


def _ended(state: State, settings: TuningSettings, total: int) -> State:
    if state.stale >= settings.patience:
        return replace(state, finished=f"no better prompt in {state.stale} validations")
    if state.step >= total:
        return replace(state, finished="all steps done")
    return state
