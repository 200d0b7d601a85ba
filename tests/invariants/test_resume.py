"""A tuning that is killed and resumed is the tuning that was never stopped, bit for bit on a CPU."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

import rows
import tiny

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> list[str]:
    """Arguments of a tuning of about three seconds: 150 steps, a validation every 15, a checkpoint every step."""
    folder = tmp_path_factory.mktemp("resume")
    model = tiny.make_model_folder(folder / "model", "qwen2")
    train = rows.write_jsonl(folder / "train.jsonl", rows.sentiment(120))
    test = rows.write_jsonl(folder / "test.jsonl", rows.sentiment(30, first=500))
    return [
        *("tune", "--model", str(model), "--prompt", "Is it positive or negative?", "--quiet"),
        *("--train", str(train), "--test", str(test), "--epochs", "1", "--min-steps", "150"),
        *("--evaluate-every", "15", "--patience", "20", "--checkpoint-seconds", "0", "--max-new-tokens", "4"),
    ]


@pytest.fixture(scope="module")
def uninterrupted(job, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    subprocess.run([sys.executable, "-m", "embedgrad", *job, "--output", str(folder)], check=True)
    return folder


def curve(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def assert_same_run(folder: Path, whole: Path) -> None:
    assert curve(folder) == curve(whole)
    for name in ("prompt.safetensors", "checkpoint/state.safetensors"):
        found, wanted = load_file(folder / name), load_file(whole / name)
        assert found.keys() == wanted.keys()
        for key in wanted:
            assert found[key].tobytes() == wanted[key].tobytes(), (name, key)
    assert (folder / "predictions.jsonl").read_bytes() == (whole / "predictions.jsonl").read_bytes()


def killed(job: list[str], folder: Path, kills: int, seed: int) -> int:
    command = [sys.executable, str(HERE / "killing.py"), str(seed), str(kills), str(folder)]
    done = subprocess.run([*command, *job, "--output", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_killed_and_resumed_is_the_same_run(job, uninterrupted, tmp_path):
    assert killed(job, tmp_path / "run", kills=4, seed=1) >= 4
    assert_same_run(tmp_path / "run", uninterrupted)
    assert not list((tmp_path / "run").rglob("*.part")), "a killed write must not stay behind once resumed"


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.stress)])
def test_killed_among_restarts(job, tmp_path, seed):
    """What the runs tell that do not go on is kept beside them, and never in the run's own course."""
    job = [*job, "--restarts", "3", "--start", "random"]
    subprocess.run([sys.executable, "-m", "embedgrad", *job, "--output", str(tmp_path / "whole")], check=True)
    assert killed(job, tmp_path / "run", kills=6, seed=seed) >= 6
    assert_same_run(tmp_path / "run", tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "run/trajectory").iterdir()) == sorted(
        path.name for path in (tmp_path / "whole/trajectory").iterdir()
    )


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.stress)])
def test_killed_among_seeds(job, tmp_path, seed):
    job = [*job, "--min-steps", "30", "--seeds", "3"]
    job.remove("150")
    job.remove("--min-steps")
    subprocess.run([sys.executable, "-m", "embedgrad", *job, "--output", str(tmp_path / "whole")], check=True)
    assert killed(job, tmp_path / "run", kills=6, seed=seed) >= 6
    for name in ("seed-0", "seed-1", "seed-2"):
        assert_same_run(tmp_path / "run" / name, tmp_path / "whole" / name)
    run, whole = (json.loads((tmp_path / name / "seeds.json").read_text()) for name in ("run", "whole"))
    for found in (run, whole):
        del found["content_sha256"], found["seconds"]
    assert run == whole


@pytest.mark.stress
def test_resumed_with_inputs_that_must_be_read_again(job, tmp_path):
    """With the prompt after the input, what a run has kept of the inputs is gone when it is resumed."""
    job = [*job, "--template", r"{input}\n\n{prompt}"]
    subprocess.run([sys.executable, "-m", "embedgrad", *job, "--output", str(tmp_path / "whole")], check=True)
    assert killed(job, tmp_path / "run", kills=2, seed=3) >= 2
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(10))
def test_killed_twenty_times(job, uninterrupted, tmp_path, seed):
    assert killed(job, tmp_path / "run", kills=20, seed=seed) >= 20
    assert_same_run(tmp_path / "run", uninterrupted)


def test_ctrl_c_saves_and_says_how_to_resume(job, uninterrupted, tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "embedgrad", *job, "--output", str(folder)]
    # Trap: a background job of a non-interactive shell ignores SIGINT, and its children inherit that.
    default = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=default)
    metrics = folder / "metrics.jsonl"
    while not metrics.exists() or metrics.read_text().count('"step"') < 40:
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    step = load_step(folder)
    assert errors.splitlines()[-1] == (
        f"embedgrad: Stopped after step {step} of 150. The tuning so far is saved. "
        f"Continue with: embedgrad tune --resume {folder}"
    )
    subprocess.run([sys.executable, "-m", "embedgrad", "tune", "--resume", str(folder), "--quiet"], check=True)
    assert_same_run(folder, uninterrupted)


def load_step(folder: Path) -> int:
    from embedgrad.tuning.state import saved_step

    return saved_step(folder / "checkpoint" / "state.safetensors")
