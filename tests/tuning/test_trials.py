"""Sweeps and calibration: as many tunings, and what they choose is what they found."""

from __future__ import annotations

import math
import re

import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.engine.plan import Engine
from embedgrad.errors import Interrupted, NonFiniteLoss
from embedgrad.evaluation.judging import Judging
from embedgrad.events import Calibrating, StepDone
from embedgrad.tuning.calibrate import FACTORS, Calibration
from embedgrad.tuning.choice import Validation, kept
from embedgrad.tuning.learning_rate import default_rate
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.sweep import sweep as sweep_rates
from embedgrad.tuning.sweep import swept
from embedgrad.tuning.trials import Cell, Trials, choose_cell
from embedgrad.watch import Watch

PROMPT = "Is it positive or negative?"
EXAMPLES = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(20)]
HELD_OUT = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(6, first=300)]
COMMON = {"validation": HELD_OUT, "max_new_tokens": 2, "batch_size": 4, "evaluate_every": 3}
RATES, EPOCHS = ("0.02rms", "0.5rms"), (0.8, 2, 3.2)  # 4, 10 and 16 steps


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
    assert len(steps) <= (4 + 10 + 16) * len(RATES)
    pairs = [(rate, epochs) for rate in RATES for epochs in EPOCHS]
    for cell, (rate, epochs) in zip(grid.cells, pairs, strict=True):
        settings = {"learning_rate": rate, "epochs": epochs, "min_steps": 0, "patience": patience}
        alone = eg.tune(model, PROMPT, EXAMPLES, **(COMMON | settings))
        metrics = alone.prompt.metrics
        assert cell.kept == Validation(metrics["validation_loss"], metrics["validation_accuracy"], len(HELD_OUT))
        assert (cell.steps, cell.epochs, cell.failed) == (alone.steps, epochs, None)
        assert (cell.kept_step, cell.moved) == (alone.best_step, alone.best_step > 0)
        assert cell.learning_rate == alone.prompt.settings["learning_rate"]
    assert grid.validation_rows == len(HELD_OUT)
    assert grid.chosen == choose_cell(grid.cells)


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
    grid = sweep(tiny_model("qwen2"), ("700", "0.1rms"), (0.4, 2), **COMMON)
    reached, broken, *others = grid.cells
    assert (reached.steps, reached.failed) == (2, None)
    assert (broken.kept, 2 < broken.steps < 10) == (None, True)
    assert broken.failed.startswith(f"The loss became NaN or infinite at step {broken.steps + 1}, in the row at line ")
    assert not any(cell.failed for cell in others)
    assert grid.chosen != 1


def test_a_sweep_whose_rates_all_fail_says_so(tiny_model, breaks_far_out):
    with pytest.raises(NonFiniteLoss) as error:
        sweep(tiny_model("qwen2"), ("99000", "88000"), (2,), **COMMON)
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
            if len(steps) == 22 and steps[0] == 1:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        sweep(model, RATES, EPOCHS, folder=tmp_path, listen=count, **COMMON)
    steps.clear()
    resumed = sweep(model, RATES, EPOCHS, folder=tmp_path, listen=count, **COMMON)
    assert without_seconds(resumed) == without_seconds(whole)
    assert steps == [*range(8, 17), *range(1, 5), *range(1, 11), *range(1, 17)], "what was done is not done again"


def test_the_chosen_cell_is_chosen_as_a_runs_prompt_is():
    found = [Validation(3.0, 0.8, 100), Validation(2.0, 0.77, 100), Validation(1.0, 0.5, 100)]
    cells = [Cell(0.1, 1, 1, None, "broken"), *(Cell(0.1, 1, 1, one) for one in found)]
    assert choose_cell(cells) == 1 + kept(found) == 2


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
    assert [(cell.steps, cell.epochs) for cell in trials.cells] == [(12, 2.4)] * len(FACTORS)
    for cell, factor in zip(trials.cells, FACTORS, strict=True):
        rate = factor * default_rate(model.parameters, "muon") * model.table_rms
        short = options | {"learning_rate": rate, "epochs": 2.4, "evaluate_every": 6}
        alone = eg.tune(model, PROMPT, EXAMPLES, **short)
        metrics = alone.prompt.metrics
        assert cell.kept == Validation(metrics["validation_loss"], metrics["validation_accuracy"], len(HELD_OUT))
    assert trials.chosen == choose_cell(trials.cells)
    assert run.calibration.learning_rate == trials.best.learning_rate
    assert [e.done for e in events if isinstance(e, Calibrating)] == list(range(1, 49))
    assert said[-1] == run.calibration.sentence()
    assert "chosen in 4 short runs that took " in said[-1]


def test_the_run_is_that_of_the_chosen_numbers(calibrated, tiny_model):
    run, options, _, _ = calibrated
    chosen = {"learning_rate": run.calibration.learning_rate}
    again = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, **(options | chosen))
    assert torch.equal(again.prompt.embeddings, run.prompt.embeddings)
    assert again.calibration is None
    assert {name: run.prompt.settings[name] for name in chosen} == chosen


@pytest.mark.parametrize(
    ("moved", "words"), [((True,) * 4, ""), ((True, False, False, True), "; 2 of them kept the start")]
)
def test_short_runs_that_found_nothing_are_told(moved, words):
    cells = tuple(
        Cell(0.01 * number, 2.4, 12, Validation(1.5, 0.5, 40), kept_step=12 * is_moved)
        for number, is_moved in enumerate(moved)
    )
    trials = Trials(cells, chosen=0, validation_rows=40, table_rms=0.1, seconds=7.4)
    assert Calibration(trials, 0.015).sentence() == (
        "calibration: learning rate 0.15rms (accuracy 50.0 %, loss 1.500 on 40 validation rows after 12 steps), chosen "
        f"in 4 short runs that took 7 s{words}"
    )


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
