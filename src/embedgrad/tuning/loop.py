"""The tuning loop: a batch, its loss and gradient, a step of the prompt, now and then a validation.

It knows rows as layouts and the prompt as [P, D]; texts, files and flags are others' business.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from embedgrad.data.batches import batch_rows
from embedgrad.engine.plan import Engine
from embedgrad.errors import Interrupted, NonFiniteLoss
from embedgrad.prompt.trust_region import TrustRegion, distance_penalty
from embedgrad.template.layout import Layout
from embedgrad.tuning.events import Event, StepDone, Validated
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State, Validation
from embedgrad.units import line_words

Validate = Callable[[Tensor, int], Validation]
Save = Callable[[State], None]
Snapshot = Callable[[int, Tensor], None]  # step, prompt [P, D]


def tune_prompt(
    engine: Engine,
    layouts: Sequence[Layout],
    validate: Validate,
    state: State,
    settings: TuningSettings,
    learning_rate: float,
    *,
    trainable: Tensor | None = None,
    region: TrustRegion | None = None,
    also_at: Collection[int] = (),
    listen: Callable[[Event], None] = lambda event: None,
    snapshot: Snapshot = lambda step, embeddings: None,
    save: Save = lambda state: None,
) -> State:
    """Tune from `state` to the end; returns the last State, whose `best` is the prompt to keep.

    layouts    the tuning rows, each with a target
    validate   ([P, D], step) -> Validation; also asked about the start, which is a candidate like any other
    trainable  [P] True where a row may move
    region     where the prompt may be: its penalty is part of the gradient, its bounds hold after every step
    also_at    further steps to validate after; these validations neither choose the best nor wear patience
    snapshot   called at every validation
    save       called with every State worth resuming from, and always with the last one

    Batch order is a function of seed and step, and a State is never changed in place: a resumed run continues bit
    for bit on a CPU. Raises NonFiniteLoss, and Interrupted after Ctrl-C, when the State at hand is saved.
    """
    total, every = settings.total_steps(len(layouts)), settings.steps_between_validations(len(layouts))
    saved_at = time.monotonic()
    try:
        if state.best is None:
            state = _validated(state, validate, listen, snapshot)
            save(state)
        while state.finished is None:
            # Trap: a State whose due validation was interrupted must never be the one that is saved.
            moved = _step(engine, layouts, state, settings, learning_rate, trainable, region, total, listen)
            is_due = moved.step % every == 0 or moved.step >= total
            if is_due or moved.step in also_at:
                moved = _validated(moved, validate, listen, snapshot, chooses=is_due)
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


def _step(
    engine: Engine,
    layouts: Sequence[Layout],
    state: State,
    settings: TuningSettings,
    learning_rate: float,
    trainable: Tensor | None,
    region: TrustRegion | None,
    total: int,
    listen: Callable[[Event], None],
) -> State:
    started = time.monotonic()
    numbers = batch_rows(len(layouts), settings.rows_per_step(len(layouts)), settings.seed, state.step)
    rows = [layouts[number] for number in numbers]
    found = engine.loss_and_gradient(state.embeddings, rows)
    _check_finite(found.row_nats, found.gradient, rows, state.step + 1)
    gradient, penalty = found.gradient, None
    if region is not None and region.penalty:
        penalty, outward = distance_penalty(state.embeddings, region.start, region.penalty)
        gradient = gradient + outward
    if trainable is not None:
        gradient = torch.where(trainable[:, None], gradient, 0.0)
    norm = float(gradient.norm())
    if norm > settings.clip_norm:
        gradient = gradient * (settings.clip_norm / norm)
    moved = adam_step(state, gradient, learning_rate)
    if region is not None:
        moved = replace(moved, embeddings=region.project(moved.embeddings))
    seconds = time.monotonic() - started
    listen(StepDone(moved.step, total, found.loss, learning_rate, norm, found.tokens, round(seconds, 6), penalty))
    return replace(moved, seconds=state.seconds + seconds)


def adam_step(state: State, gradient: Tensor, learning_rate: float) -> State:
    """The State after one step of torch's AdamW without weight decay (decay would pull towards zero, not towards
    the text). Rows with a gradient of zero from the start do not move at all."""
    parameter = state.embeddings.clone().requires_grad_()
    parameter.grad = gradient
    optimizer = torch.optim.AdamW([parameter], lr=learning_rate, weight_decay=0.0)
    optimizer.state[parameter] = {
        "step": torch.tensor(float(state.step), dtype=torch.float32),
        "exp_avg": state.mean.clone(),
        "exp_avg_sq": state.mean_square.clone(),
    }
    optimizer.step()
    moments = optimizer.state[parameter]
    return replace(
        state,
        step=state.step + 1,
        embeddings=parameter.detach(),
        mean=moments["exp_avg"],
        mean_square=moments["exp_avg_sq"],
    )


def _validated(
    state: State, validate: Validate, listen: Callable[[Event], None], snapshot: Snapshot, chooses: bool = True
) -> State:
    started = time.monotonic()
    try:
        found = validate(state.embeddings, state.step)
    except NonFiniteLoss as error:
        raise NonFiniteLoss(f"At the validation after step {state.step}: {error}") from error
    judged = state.judged(found) if chooses else state.noted(found)
    snapshot(state.step, state.embeddings)
    listen(Validated(state.step, found.loss, found.accuracy, chooses and judged.stale == 0))
    return replace(judged, seconds=judged.seconds + time.monotonic() - started)


def _ended(state: State, settings: TuningSettings, total: int) -> State:
    if state.stale >= settings.patience:
        return replace(state, finished=f"no better prompt in {state.stale} validations")
    if state.step >= total:
        return replace(state, finished="all steps done")
    return state


def _check_finite(row_nats: Tensor, gradient: Tensor, rows: Sequence[Layout], step: int) -> None:
    if bool(row_nats.isfinite().all()) and bool(gradient.isfinite().all()):
        return
    lines = [row.line for row, nats in zip(rows, row_nats.tolist(), strict=True) if not math.isfinite(nats)]
    where = (
        f"{'rows' if len(lines) > 1 else 'the row'} at {line_words(lines)}"
        if lines
        else "the gradient, not in any single row's loss"
    )
    raise NonFiniteLoss(
        f"The loss became NaN or infinite at step {step}, in {where}. Nothing of that step was kept. "
        "Try a smaller --learning-rate or --dtype float32, and look at these rows."
    )
