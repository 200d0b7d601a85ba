"""Restarts: each is the beginning of the run that its seed makes by itself, and the best goes on where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.cli.main import main
from embedgrad.errors import EmbedgradError, Interrupted, NonFiniteLoss, SettingsError
from embedgrad.events import Event, Restarting, StepDone, Validated
from embedgrad.report.sentences import restarts_words
from embedgrad.run.record import read_run
from embedgrad.run.restarts import read_restarts
from embedgrad.strict_json import sealed_json
from embedgrad.tuning.restarts import short_steps
from embedgrad.tuning.settings import TuningSettings
from embedgrad.units import per_cent
from kept import kept_settings
from stopping import stopped_at

PROMPT = "Is it positive or negative?"
EXAMPLES = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(20)]
HELD_OUT = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(6, first=300)]
COMMON = {
    "validation": HELD_OUT,
    "max_new_tokens": 2,
    "batch_size": 4,
    "evaluate_every": 3,
    "min_steps": 24,
    "epochs": 1,
}
WITHOUT_SECONDS = {"seconds": 0.0}


def without_seconds(events) -> list[object]:
    return [replace(event, seconds=0.0) if isinstance(event, StepDone) else event for event in events]


@pytest.fixture(scope="module")
def restarted(tiny_model):
    events, said, snapshots = [], [], []
    run = eg.tune(
        tiny_model("qwen2"), PROMPT, EXAMPLES, restarts=3, seed=5, listen=events.append, say=said.append,
        snapshot=lambda step, at: snapshots.append((step, at.clone())), **COMMON,
    )  # fmt: skip
    return run, events, said, snapshots


def test_the_run_that_goes_on_is_that_of_its_seed(restarted, tiny_model):
    run, events, _, snapshots = restarted
    seed, alone_snapshots = run.restarts.best.seed, []
    alone = eg.tune(
        tiny_model("qwen2"), PROMPT, EXAMPLES, seed=5, run_seed=seed,
        snapshot=lambda step, at: alone_snapshots.append((step, at.clone())), **COMMON,
    )  # fmt: skip
    assert torch.equal(run.prompt.embeddings, alone.prompt.embeddings)
    assert without_seconds(run.events) == without_seconds(alone.events), "its whole course is told"
    assert [event for event in events if isinstance(event, Event)] == list(run.events)
    assert [step for step, _ in snapshots] == [step for step, _ in alone_snapshots]
    assert all(torch.equal(one, other) for (_, one), (_, other) in zip(snapshots, alone_snapshots, strict=True))
    assert (run.steps, run.best_step, run.stopped) == (alone.steps, alone.best_step, alone.stopped)
    chosen = {"restarts": 1, "run_seed": seed}
    assert {name: run.prompt.settings[name] for name in chosen} == chosen


def test_each_is_the_beginning_of_its_run(restarted, tiny_model):
    run, events, said, _ = restarted
    assert [one.seed for one in run.restarts.runs] == [5, 6, 7]
    assert run.restarts.steps == 6
    for begun in run.restarts.runs:
        alone = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, seed=5, run_seed=begun.seed, **COMMON)
        found = [(event.step, event.loss) for event in alone.events if isinstance(event, Validated) and event.step <= 6]
        assert [(step, one.loss) for step, one in begun.state.validations] == found
    losses = [one.best.loss for one in run.restarts.runs]
    assert losses[run.restarts.chosen] == min(losses)
    assert [event.done for event in events if isinstance(event, Restarting)] == list(range(1, 19))
    assert run.restarts.sentence() in said


def test_what_is_said_of_them(restarted):
    run, _, _, _ = restarted
    words = run.restarts.sentence()
    best = run.restarts.best
    low, high = sorted(f"{one.best.loss:.3f}" for one in run.restarts.runs if one is not best)
    assert words == (
        f"restarts: of 3 runs of 6 steps that of seed {best.seed} goes on (0.0 %, loss {best.best.loss:.3f} on "
        f"6 validation rows; the others 0.0 %, loss {low} to {high})"
    )


def test_runs_that_are_whole_do_not_go_on(restarted):
    run, _, _, _ = restarted
    found = run.restarts
    assert f"of seed {found.best.seed} is kept (" in replace(found, whole=True).sentence()


@pytest.mark.parametrize("count", [2, 8, 13, 18])
def test_stopped_among_the_restarts_and_resumed(restarted, tiny_model, tmp_path, count):
    run, path = restarted[0], tmp_path / "state.safetensors"

    def stop(event) -> None:
        if isinstance(event, Restarting) and event.done == count:
            raise KeyboardInterrupt

    asked = {"restarts": 3, "seed": 5, "checkpoint": path, **COMMON}
    with pytest.raises(Interrupted) as error:
        eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, listen=stop, **asked)
    assert str(error.value).endswith(f"That was restart {-(-count // 6)} of 3.")
    again = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, **asked)
    assert torch.equal(again.prompt.embeddings, run.prompt.embeddings)
    assert without_seconds(again.events) == without_seconds(run.events)
    assert again.restarts.chosen == run.restarts.chosen


def test_stopped_after_them_and_resumed(restarted, tiny_model, tmp_path):
    run, path = restarted[0], tmp_path / "state.safetensors"

    def stop(event) -> None:
        if isinstance(event, StepDone) and event.step == 10:
            raise KeyboardInterrupt

    asked = {"restarts": 3, "seed": 5, "checkpoint": path, **COMMON}
    with pytest.raises(Interrupted):
        eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, listen=stop, **asked)
    again = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, **asked)
    assert torch.equal(again.prompt.embeddings, run.prompt.embeddings)
    assert next(event.step for event in again.events if isinstance(event, StepDone)) == 10, "none is told twice"


@pytest.mark.parametrize(
    ("options", "rows_", "steps"),
    [
        ({}, 60, 60),  # of 200, validated every 20: a quarter, up to the next validation
        ({"restarts": 10}, 60, 40),  # two validations at least
        ({"min_steps": 2000, "restarts": 10}, 60, 200),
        ({"min_steps": 10, "epochs": 1}, 60, 10),  # never longer than the run
    ],
)  # fmt: skip
def test_how_long_they_are(options, rows_, steps):
    assert short_steps(TuningSettings(**({"restarts": 3} | options)), rows_) == steps


def test_calibration_comes_first(tiny_model):
    """The rate is chosen by the first seed's short runs, then the seed at that rate."""
    events, said = [], []
    asked = {**COMMON, "restarts": 2, "learning_rate": "auto"}
    run = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, listen=events.append, say=said.append, **asked)
    assert said[-2:] == [run.calibration.sentence(), run.restarts.sentence()]
    chosen = {"learning_rate": run.calibration.learning_rate, **run.restarts.settings}
    again = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, **(asked | chosen))
    assert torch.equal(again.prompt.embeddings, run.prompt.embeddings)


def test_a_run_that_breaks_is_passed_over(tiny_model, monkeypatch):
    from embedgrad.tuning.prepare import Setup

    run, broken = Setup.run, [1]

    def breaks(self, options, *arguments, **named):
        if options.run_seed in broken:
            failed = NonFiniteLoss("The loss became NaN.")
            failed.state = run(self, options, *arguments, **(named | {"until": 3}))
            raise failed
        return run(self, options, *arguments, **named)

    monkeypatch.setattr(Setup, "run", breaks)
    found = eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, restarts=3, **COMMON).restarts
    assert found.best.seed != 1
    assert [one.failed for one in found.record().runs] == [None, "The loss became NaN.", None]
    assert found.sentence().endswith("; 1 failed")
    broken.extend([0, 2])
    with pytest.raises(NonFiniteLoss) as error:
        eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, restarts=3, **COMMON)
    assert str(error.value) == "Every restart failed; the first with: The loss became NaN."


def test_how_many_there_can_be(tiny_model):
    with pytest.raises(SettingsError) as error:
        eg.tune(tiny_model("qwen2"), PROMPT, EXAMPLES, restarts=0)
    assert str(error.value) == "tune: restarts is 0: input should be greater than or equal to 1."


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_folder) -> list[str]:
    folder = tmp_path_factory.mktemp("restarts")
    return [
        *("tune", "--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--max-new-tokens", "2"),
        *rows.sentiment_files(folder, 32),
        *("--evaluate-every", "4"),
        *("--min-steps", "16", "--epochs", "1", "--restarts", "3", "--start", "random", "--quiet"),
    ]


@pytest.fixture(scope="module")
def folder(command, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run"
    assert main([*command, "--output", str(path)]) == 0
    return path


def test_the_settings_alone_repeat_the_run_that_went_on(folder, tmp_path):
    """Random starts, too: each restart has its own."""
    record = read_run(folder)
    assert record.restarts is not None
    losses = [one.loss for one in record.restarts.runs]
    assert len(set(losses)) == 3
    settings = kept_settings(folder)
    assert (settings["restarts"], settings["run_seed"]) == (1, record.restarts.runs[record.restarts.chosen].seed)
    again = tmp_path / "again"
    assert main(["tune", "--settings", str(folder / "settings.toml"), "--output", str(again), "--quiet"]) == 0
    assert (again / "predictions.jsonl").read_bytes() == (folder / "predictions.jsonl").read_bytes()
    assert not (again / "restarts.json").exists()
    assert sorted(path.name for path in (again / "trajectory").iterdir()) == sorted(
        path.name for path in (folder / "trajectory").iterdir()
    )
    for path in (folder / "trajectory").iterdir():
        assert (again / "trajectory" / path.name).read_bytes() == path.read_bytes()
    lines = [
        [{**json.loads(line), **WITHOUT_SECONDS} for line in (path / "metrics.jsonl").read_text().splitlines()]
        for path in (folder, again)
    ]
    assert lines[0] == lines[1]


def test_the_report_says_which_went_on(folder):
    found = read_run(folder).restarts
    losses = sorted(f"{run.loss:.3f}" for run in found.runs)
    accuracies = sorted(per_cent(run.accuracy) for run in found.runs)
    assert restarts_words(found, found.steps).endswith(" was kept")
    assert restarts_words(found, found.steps + 1) == (
        f"of 3 runs, loss {losses[0]} to {losses[-1]} and {accuracies[0]} to {accuracies[-1]} on 10 validation rows "
        f"after 8 steps, that of seed {found.runs[found.chosen].seed} went on"
    )
    assert restarts_words(found, read_run(folder).result.steps) in (folder / "report.html").read_text()


def test_a_record_that_names_no_run_is_refused(folder, tmp_path):
    path = tmp_path / "restarts.json"
    path.write_bytes(sealed_json(read_run(folder).restarts.model_dump(mode="json") | {"chosen": 3}))
    with pytest.raises(EmbedgradError) as error:
        read_restarts(path)
    assert str(error.value) == (
        f"{path} is not what embedgrad writes: chosen: there is no run 3 among 3. It was damaged or changed: "
        "restore it or repeat the run."
    )


@pytest.mark.parametrize("count", [3, 17, 27])
def test_a_stopped_command_goes_on(command, folder, tmp_path, monkeypatch, capsys, count):
    path = tmp_path / "run"
    stopped_at(monkeypatch, count)
    assert main([*command, "--output", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.endswith(f"The tuning so far is saved. Continue with: embedgrad tune --resume {path}\n")
    assert main(["tune", "--resume", str(path), "--quiet"]) == 0
    for name in ("settings.toml", "predictions.jsonl"):
        assert (path / name).read_bytes() == (folder / name).read_bytes()
    one, other = read_run(path), read_run(folder)
    assert [step.loss for step in one.steps] == [step.loss for step in other.steps]
    assert one.validations == other.validations
    assert one.restarts.runs == other.restarts.runs
