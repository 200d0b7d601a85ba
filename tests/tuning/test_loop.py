"""The loop itself, with an engine whose loss is known: the squared distance to a goal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from embedgrad.data.batches import batch_rows
from embedgrad.engine.padded_rows import LossAndGradient
from embedgrad.errors import CannotResume, Interrupted, NonFiniteLoss
from embedgrad.events import StepDone, Validated
from embedgrad.methods.descent import Descent
from embedgrad.methods.embeddings import Embeddings
from embedgrad.methods.method import Tensors
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.template.layout import Layout, Span
from embedgrad.tuning.batches import Batches
from embedgrad.tuning.choice import Validation
from embedgrad.tuning.loop import tune_prompt
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import State, load_state, save_state
from embedgrad.watch import Watch

P, D = 3, 4
GOAL = torch.linspace(-1, 1, P * D).reshape(P, D)
ROWS = [Layout((1, 2), Span(0, 1), Span(1, 2), Span(2, 2), line=number + 1) for number in range(20)]


@dataclass
class Quadratic:
    """Stands in for an Engine; remembers which rows each step saw, and breaks at the steps it is told to."""

    broken_at: int | None = None
    stopped_at: int | None = None
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def loss_and_gradient(self, prompt: Tensor, rows: list[Layout]) -> LossAndGradient:
        self.seen.append(tuple(row.line - 1 for row in rows))
        nats = torch.full((len(rows),), float((prompt - GOAL).square().sum()), dtype=torch.float64)
        if len(self.seen) == self.broken_at:
            nats[2] = math.nan
        if len(self.seen) == self.stopped_at:
            raise KeyboardInterrupt
        return LossAndGradient(float(nats.mean()), 2 * (prompt - GOAL), nats, len(rows))


def distance(tensors: Tensors, step: int) -> Validation:
    return Validation(float((tensors["embeddings"] - GOAL).square().sum()), None)


def method(start: Tensor | None = None, clip_norm: float = 1.0, trainable=None) -> Embeddings:
    rows = torch.zeros(P, D) if start is None else start
    return Embeddings(SoftPrompt(rows, trainable=trainable), Descent(clip_norm))


def batches(engine=None, settings: TuningSettings | None = None) -> Batches:
    settings = settings or TuningSettings()
    return Batches(ROWS, engine or Quadratic(), 0.05, settings.rows_per_step(len(ROWS)), settings.seed)


def first() -> State:
    return State.start(method().begin())


def few(**options) -> TuningSettings:
    """40 steps of 6 rows, at a constant rate unless told."""
    constant = {"optimizer": "adamw", "warmup_steps": 0, "decay": 0.0}
    return TuningSettings(**constant | {"epochs": 1, "min_steps": 40, "batch_size": 6, "evaluate_every": 10} | options)


def tuned(engine=None, validate=distance, state=None, listen=lambda event: None, **options):
    settings = few(**options)
    ours, rows = method(clip_norm=settings.clip_norm), batches(engine, settings)
    return tune_prompt(ours, rows, validate, state or first(), settings, watch=Watch(event=listen))


def test_it_reaches_the_goal_and_keeps_the_best():
    end = tuned(min_steps=400, patience=100)
    assert end.finished == "all steps done"
    assert end.best.loss < 1e-3


def test_events_tell_every_step_and_validation():
    events = []
    tuned(listen=events.append)
    assert [e.step for e in events if isinstance(e, StepDone)] == list(range(1, 41))
    assert [e.step for e in events if isinstance(e, Validated)] == [0, 10, 20, 30, 40]
    assert {e.learning_rate for e in events if isinstance(e, StepDone)} == {0.05}


def test_batches_are_a_function_of_seed_and_step():
    engine = Quadratic()
    tuned(engine, seed=7)
    assert engine.seen == [batch_rows(len(ROWS), 6, 7, step) for step in range(40)]


def test_step_zero_is_a_candidate():
    scores = iter([0.9, 0.5, 0.6, 0.5, 0.4])
    end = tuned(validate=lambda prompt, step: Validation(1.0, next(scores), 100))
    assert end.best.step == 0
    assert torch.equal(end.best.tensors["embeddings"], torch.zeros(P, D))


def test_the_lowest_loss_of_the_best_by_the_metric_is_kept():
    found = iter([(0.5, 1.0), (0.6, 3.0), (0.56, 2.0), (0.56, 2.5), (0.4, 0.1)])  # standard error at 0.6: 0.049
    end = tuned(validate=lambda prompt, step: Validation(*reversed(next(found)), 100))
    assert (end.best.step, end.best.accuracy, end.best.loss) == (20, 0.56, 2.0)
    assert [one.step for one in end.candidates] == [10, 20]


def test_without_a_metric_the_loss_chooses():
    found = iter([3.0, 2.0, 1.0, 1.5, 1.0])
    assert tuned(validate=lambda prompt, step: Validation(next(found), None)).best.step == 20


def test_patience_stops_early():
    end = tuned(validate=lambda prompt, step: Validation(float(step), None), patience=2)
    assert (end.step, end.best.step) == (20, 0)
    assert end.finished == "no better prompt in 2 validations"


@pytest.mark.parametrize("better", ["loss", "accuracy"])
def test_patience_holds_while_either_gets_better(better):
    """A run whose loss fell from 13 to 3.4 was stopped, since its accuracy had not moved yet."""

    def validate(tensors: Tensors, step: int) -> Validation:
        falling, rising = 10.0 - step / 10, step / 100
        return Validation(falling, 0.2, 100) if better == "loss" else Validation(1.0, rising, 100)

    end = tuned(validate=validate, patience=1)
    assert (end.step, end.best.step, end.finished) == (40, 40, "all steps done")


def rates(events) -> list[float]:
    return [e.learning_rate for e in events if isinstance(e, StepDone)]


def test_the_rate_rises_stays_and_falls():
    events = []
    end = tuned(listen=events.append, warmup_steps=4, decay=0.25)
    found = rates(events)
    assert found[:5] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05])
    assert found[4:30] == pytest.approx([0.05] * 26)
    assert found[30:] == pytest.approx([0.05 * (10 - step) / 10 for step in range(10)])
    assert (end.step, end.finished) == (40, "all steps done")


@pytest.mark.parametrize("stopped_at", [3, 25, 33])
def test_a_falling_rate_is_resumed(stopped_at):
    options = {"warmup_steps": 4, "decay": 0.25, "seed": 3}
    whole, saved = tuned(**options), []
    settings = few(**options)
    with pytest.raises(Interrupted, match=rf"^Stopped after step {stopped_at - 1} of 40\.$"):
        tune_prompt(
            method(),
            batches(Quadratic(stopped_at=stopped_at), settings),
            distance,
            first(),
            settings,
            save=saved.append,
        )
    assert_equal(tuned(state=saved[-1], **options), whole)


def test_the_gradient_is_clipped_by_its_norm():
    norms = []
    tuned(listen=lambda e: norms.append(e.gradient_norm) if isinstance(e, StepDone) else None, clip_norm=0.1)
    assert norms[0] > 1.0, "told as it was before clipping"
    end = tuned(clip_norm=0.1, epochs=0.1, min_steps=1)
    mean = end.moments["embeddings.mean"]  # after one step 0.1 of the gradient that was used
    assert float(mean.norm()) == pytest.approx(0.1 * 0.1, rel=1e-4)


def test_adam_is_torchs():
    end = tuned(min_steps=25, clip_norm=0.5, evaluate_every=5)
    parameter = torch.zeros(P, D, requires_grad=True)
    optimizer = torch.optim.AdamW([parameter], lr=0.05, weight_decay=0.0)
    for _ in range(25):
        parameter.grad = 2 * (parameter.detach() - GOAL)
        torch.nn.utils.clip_grad_norm_([parameter], 0.5)
        optimizer.step()
    torch.testing.assert_close(end.tensors["embeddings"], parameter.detach(), rtol=1e-4, atol=1e-6)


def test_a_non_finite_loss_stops_with_step_and_rows():
    engine = Quadratic(broken_at=5)
    saved = []
    settings = TuningSettings(min_steps=9, batch_size=6)
    with pytest.raises(NonFiniteLoss) as error:
        tune_prompt(method(), batches(engine, settings), distance, first(), settings, save=saved.append)
    line = engine.seen[4][2] + 1
    assert str(error.value) == (
        f"The loss became NaN or infinite at step 5, in the row at line {line}. Nothing of that step was kept. "
        'Try a smaller learning_rate or eg.load_model(..., dtype="float32"), and look at these rows.'
    )
    assert all(bool(state.tensors["embeddings"].isfinite().all()) for state in saved)


def test_interrupted_and_resumed_is_uninterrupted():
    whole = tuned(seed=3)
    saved = []
    settings = few(seed=3)
    stopped = batches(Quadratic(stopped_at=17), settings)
    with pytest.raises(Interrupted, match=r"^Stopped after step 16 of 40\.$"):
        tune_prompt(method(), stopped, distance, first(), settings, save=saved.append)
    assert saved[-1].step == 16
    end = tuned(state=saved[-1], seed=3)
    assert_equal(end, whole)


@pytest.mark.parametrize("stopped_in", [20, 40])
def test_interrupted_in_a_validation_and_resumed_is_uninterrupted(stopped_in):
    whole, events = [], []
    tuned(listen=whole.append)
    saved = []

    def interrupted(tensors: Tensors, step: int) -> Validation:
        if step == stopped_in:
            raise KeyboardInterrupt
        return distance(tensors, step)

    settings = few()
    watch, rows = Watch(event=events.append), batches(settings=settings)
    with pytest.raises(Interrupted):
        tune_prompt(method(), rows, interrupted, first(), settings, watch=watch, save=saved.append)
    assert saved[-1].step == stopped_in - 1, "the last State whose validations are all done"
    end = tuned(state=saved[-1], listen=events.append)
    assert end.step == 40
    assert [e.step for e in events if isinstance(e, Validated)] == [e.step for e in whole if isinstance(e, Validated)]


def test_interrupted_before_the_first_validation_saves_nothing():
    def interrupted(tensors: Tensors, step: int) -> Validation:
        raise KeyboardInterrupt

    def save(state: State) -> None:
        pytest.fail("there is nothing to resume from")

    with pytest.raises(Interrupted):
        tune_prompt(method(), batches(), interrupted, first(), TuningSettings(), save=save)


def test_a_state_is_never_changed_in_place():
    state = first()
    before = {name: tensor.clone() for name, tensor in {**state.tensors, **state.moments}.items()}
    tuned(state=state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in {**state.tensors, **state.moments}.items())
    assert state.step == 0


def test_frozen_rows_do_not_move():
    ours = method(torch.ones(P, D), trainable=(False, True, False))
    end = tune_prompt(ours, batches(), distance, State.start(ours.begin()), few(min_steps=30))
    assert torch.equal(end.tensors["embeddings"][[0, 2]], torch.ones(2, D))
    assert not torch.equal(end.tensors["embeddings"][1], torch.ones(D))


def assert_equal(first: State, second: State) -> None:
    """In all their tensors."""
    pairs = [
        (first.tensors, second.tensors),
        (first.moments, second.moments),
        (first.best.tensors, second.best.tensors),
    ]
    for one, other in pairs:
        assert one.keys() == other.keys()
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


class TestState:
    def test_what_is_saved_is_loaded(self, tmp_path):
        state = tuned(min_steps=15)
        save_state(tmp_path / "c" / "s.safetensors", state, "a" * 64)
        found = load_state(tmp_path / "c" / "s.safetensors", "a" * 64, torch.device("cpu"))
        assert_equal(found, state)
        for name in ("step", "stale", "seconds", "finished", "validations"):
            assert getattr(found, name) == getattr(state, name)
        assert (found.best.step, found.best.loss, found.best.accuracy) == (
            state.best.step,
            state.best.loss,
            state.best.accuracy,
        )

    def test_other_inputs_are_refused(self, tmp_path):
        save_state(tmp_path / "s.safetensors", tuned(), "a" * 64)
        with pytest.raises(CannotResume, match="belongs to other rows, another model or other settings"):
            load_state(tmp_path / "s.safetensors", "b" * 64, torch.device("cpu"))

    @pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 100])
    def test_a_damaged_checkpoint_is_told(self, tmp_path, damage):
        (tmp_path / "s.safetensors").write_bytes(damage)
        with pytest.raises(CannotResume, match=r"cannot be used: .*\. Start the run anew\.$"):
            load_state(tmp_path / "s.safetensors", "a" * 64, torch.device("cpu"))
