"""Sweeps and calibration: one tuning per rate stands for many, and what they choose is what they found."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.engine.plan import Engine
from embedgrad.errors import Interrupted, NonFiniteLoss
from embedgrad.evaluation.judging import Judging
from embedgrad.events import Calibrating, StepDone, Validated
from embedgrad.tuning.calibrate import FACTORS
from embedgrad.tuning.learning_rate import relative_rate
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.state import Validation
from embedgrad.tuning.sweep import sweep as sweep_rates
from embedgrad.tuning.sweep import swept
from embedgrad.tuning.trials import Cell, choose_cell
from embedgrad.units import counted
from embedgrad.watch import Watch

PROMPT = "Is it positive or negative?"
EXAMPLES = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(20)]
HELD_OUT = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(6, first=300)]
COMMON = {"validation": HELD_OUT, "max_new_tokens": 2, "batch_size": 4, "evaluate_every": 3}
RATES, EPOCHS = ("0.02rms", "0.5rms"), (0.8, 2, 3.2)  # 4, 10 and 16 steps; only the middle one is validated in turn


def sweep(model, rates, epochs, *, folder=None, listen=lambda event: None, **settings):
    """A sweep as the command makes one."""
    judging = Judging(max_new_tokens=settings.pop("max_new_tokens"))
    parts = tuning_parts(EXAMPLES, settings.pop("validation"), 0, ())
    options = swept(TuningSettings(**settings), epochs)
    setup = Setup.prepare(model, eg.start(model, PROMPT), parts, options, judging)
    return sweep_rates(setup, options, rates, epochs, folder=folder, watch=Watch(event=listen))


def without_seconds(trials):
    return trials.cells, trials.chosen, trials.validation_rows


@pytest.mark.parametrize("patience", [1, 5])
def test_a_sweep_is_as_many_separate_tunings(tiny_model, patience):
    model = tiny_model("qwen2")
    steps = []
    grid = sweep(
        model, RATES, EPOCHS, patience=patience, **COMMON,
        listen=lambda event: steps.append(event.step) if isinstance(event, StepDone) else None,
    )  # fmt: skip
    assert len(steps) <= 16 * len(RATES), "one tuning per rate"
    pairs = [(rate, epochs) for rate in RATES for epochs in EPOCHS]
    for cell, (rate, epochs) in zip(grid.cells, pairs, strict=True):
        settings = {"learning_rate": rate, "epochs": epochs, "min_steps": 0, "patience": patience}
        alone = eg.tune(model, PROMPT, EXAMPLES, **(COMMON | settings))
        metrics = alone.prompt.metrics
        assert cell.kept == Validation(metrics["validation_loss"], metrics["validation_accuracy"])
        assert (cell.steps, cell.epochs, cell.failed) == (alone.steps, epochs, None)
        assert cell.learning_rate == alone.prompt.settings["learning_rate"]
    assert grid.validation_rows == len(HELD_OUT)
    assert grid.chosen == choose_cell(grid.cells, len(HELD_OUT))


@pytest.fixture
def breaks_far_out(monkeypatch):
    """The loss is NaN once a number of the prompt is beyond 5,000. (These tiny models normalise whatever they are
    given: no rate breaks them by itself.)"""
    loss_and_gradient = Engine.loss_and_gradient

    def breaks(engine, prompt, layouts):
        found = loss_and_gradient(engine, prompt, layouts)
        if float(prompt.abs().max()) > 5000:
            found.row_nats[0] = math.nan
        return found

    monkeypatch.setattr(Engine, "loss_and_gradient", breaks)


def test_a_rate_that_breaks_the_loss_fails_where_it_does(tiny_model, breaks_far_out):
    grid = sweep(tiny_model("qwen2"), ("2000", "0.1rms"), (0.4, 2), **COMMON)
    reached, broken, *others = grid.cells
    assert (reached.steps, reached.failed) == (2, None)
    assert (broken.kept, 2 < broken.steps < 10) == (None, True)
    assert broken.failed.startswith(f"The loss became NaN or infinite at step {broken.steps + 1}, in the row at line ")
    assert not any(cell.failed for cell in others)
    assert grid.chosen != 1


def test_a_sweep_whose_rates_all_fail_says_so(tiny_model, breaks_far_out):
    with pytest.raises(NonFiniteLoss) as error:
        sweep(tiny_model("qwen2"), ("9000", "8000"), (2,), **COMMON)
    assert re.sub(r"line \d+", "line N", str(error.value)) == (
        "Every learning rate failed; the first with: The loss became NaN or infinite at step 2, in the row at line N. "
        'Nothing of that step was kept. Try a smaller learning_rate or eg.load_model(..., dtype="float32"), and look '
        "at these rows."
    )


def test_a_resumed_sweep_is_the_same(tiny_model, tmp_path):
    model = tiny_model("qwen2")
    whole = sweep(model, RATES, EPOCHS, **COMMON)
    steps: list[int] = []

    def count(event) -> None:
        if isinstance(event, StepDone):
            steps.append(event.step)
            if len(steps) == 22:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        sweep(model, RATES, EPOCHS, folder=tmp_path, listen=count, **COMMON)
    steps.clear()
    resumed = sweep(model, RATES, EPOCHS, folder=tmp_path, listen=count, **COMMON)
    assert without_seconds(resumed) == without_seconds(whole)
    assert steps == list(range(6, 17)), "what was done is not done again"


def found(accuracy: float | None, loss: float) -> Cell:
    return Cell(0.1, 1, 1, Validation(loss, accuracy))


def test_the_chosen_cell_is_of_the_lowest_loss_among_the_best():
    failed = Cell(0.1, 1, 1, None, "broken")
    error = math.sqrt(0.8 * 0.2 / 100)  # of the best, 0.04
    within, outside = 0.8 - error + 1e-9, 0.8 - error - 1e-9
    assert choose_cell([found(0.8, 3.0), found(within, 2.0), found(outside, 1.0), failed], 100) == 1
    assert choose_cell([failed, found(0.8, 3.0), found(0.2, 0.1)], 100) == 1
    assert choose_cell([found(None, 3.0), found(None, 2.0)], 100) == 1


@pytest.fixture(scope="module")
def calibrated(tiny_model):
    """A run of 48 steps whose rate is chosen in short runs of 12, with the calls that it made."""
    events: list[object] = []
    said: list[str] = []
    options = COMMON | {"epochs": 9.6, "min_steps": 0, "patience": 99, "evaluate_every": 8}
    run = eg.tune(
        tiny_model("qwen2"), PROMPT, EXAMPLES, learning_rate="auto", listen=events.append, say=said.append, **options
    )
    return run, options, events, said


def test_calibration_is_as_many_separate_tunings(calibrated, tiny_model):
    run, options, events, said = calibrated
    model, trials = tiny_model("qwen2"), run.calibration.trials
    assert [(cell.steps, cell.epochs) for cell in trials.cells] == [(6, 1.2), (12, 2.4)] * len(FACTORS)
    ends = []
    for number, factor in enumerate(FACTORS):
        rate = factor * relative_rate(model.parameters) * model.table_rms
        short = options | {"learning_rate": rate, "epochs": 2.4, "evaluate_every": 6}
        alone = eg.tune(model, PROMPT, EXAMPLES, **short)
        kept = Validation(alone.prompt.metrics["validation_loss"], alone.prompt.metrics["validation_accuracy"])
        assert trials.cells[2 * number + 1].kept == kept
        ends.append([event.loss for event in alone.events if isinstance(event, Validated)])
    assert trials.chosen == 2 * choose_cell(trials.cells[1::2], len(HELD_OUT)) + 1
    _, middle, last = ends[trials.chosen // 2]
    assert run.calibration.epochs == (9.6 if last < middle else 2.4)
    assert run.calibration.learning_rate == trials.best.learning_rate
    assert [e.done for e in events if isinstance(e, Calibrating)] == list(range(1, 49))
    assert said[-1] == run.calibration.sentence()
    assert "chosen in 4 short runs that took " in said[-1]


def test_the_run_is_that_of_the_chosen_numbers(calibrated, tiny_model):
    run, options, _, _ = calibrated
    chosen = {"learning_rate": run.calibration.learning_rate, "epochs": run.calibration.epochs, "min_steps": 0}
    again = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, **(options | chosen))
    assert torch.equal(again.prompt.embeddings, run.prompt.embeddings)
    assert again.calibration is None
    assert {name: run.prompt.settings[name] for name in chosen} == chosen


@pytest.fixture
def rising_loss(monkeypatch):
    """A validation loss that is higher each time."""
    from embedgrad.tuning import prepare

    verdicts_of, calls = prepare.verdicts_of, []

    def rising(*arguments):
        found = verdicts_of(*arguments)
        calls.append(found)
        return type(found)(tuple(replace(row, nats=(1.0 + len(calls)) * row.tokens) for row in found.rows))

    monkeypatch.setattr(prepare, "verdicts_of", rising)


@pytest.mark.parametrize(
    ("epochs", "min_steps", "steps", "shortened"),
    [(9.6, 0, 12, {"epochs": 2.4, "min_steps": 0}),
     (0.4, 48, 12, {"epochs": 2.4, "min_steps": 12}),
     (9.6, 8, 12, {"epochs": 2.4, "min_steps": 8}),
     (0.2, 0, 1, {"epochs": 0.2, "min_steps": 0})],
)  # fmt: skip
def test_steps_that_bring_nothing_are_left_out(tiny_model, rising_loss, epochs, min_steps, steps, shortened):
    """Whether the rows or `min_steps` make the run long; what is chosen makes the same run without a calibration."""
    model, said = tiny_model("qwen2"), []
    options = COMMON | {"epochs": epochs, "min_steps": min_steps, "patience": 99}
    run = eg.tune(model, PROMPT, EXAMPLES, learning_rate="auto", say=said.append, **options)
    assert run.steps == run.calibration.steps == steps
    chosen = run.calibration.chosen
    assert {name: chosen[name] for name in shortened} == pytest.approx(shortened)
    assert {name: run.prompt.settings[name] for name in shortened} == {name: chosen[name] for name in shortened}
    why = " instead of 48, since the loss no longer fell" if steps == 12 else ""
    assert f"rms and up to {counted(steps, 'step')}{why} (" in said[-1]
    again = eg.tune(model, PROMPT, EXAMPLES, **(options | chosen))
    assert again.steps == run.steps
    assert torch.equal(again.prompt.embeddings, run.prompt.embeddings)


def test_an_interrupted_calibration_goes_on(calibrated, tiny_model, tmp_path):
    run, options, _, _ = calibrated

    def stop(event) -> None:
        if isinstance(event, Calibrating) and event.done == 29:
            raise KeyboardInterrupt

    model, path = tiny_model("qwen2"), tmp_path / "state.safetensors"
    with pytest.raises(Interrupted) as error:
        eg.tune(model, PROMPT, EXAMPLES, learning_rate="auto", checkpoint=path, listen=stop, **options)
    assert str(error.value) == "Stopped after step 4 of 12. That was short run 3 of 4 for the rate."
    events: list[object] = []
    resumed = eg.tune(model, PROMPT, EXAMPLES, learning_rate="auto", checkpoint=path, listen=events.append, **options)
    assert [e.done for e in events if isinstance(e, Calibrating)] == list(range(29, 49))
    assert without_seconds(resumed.calibration.trials) == without_seconds(run.calibration.trials)
    assert torch.equal(resumed.prompt.embeddings, run.prompt.embeddings)
