"""Whatever stands in a run folder under the name of one of its files, it is told, and nothing waits or is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rows
from embedgrad.cli.main import main
from embedgrad.durable import write_file
from embedgrad.errors import CannotResume
from embedgrad.named_file import read_named
from embedgrad.run.metrics import MetricsFile

RUN = "It was damaged or changed: restore it or repeat the run."
ANEW = "Restore it, or start the run anew."


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """A read that waits for ever fails here instead."""
    signal.alarm(300)
    yield
    signal.alarm(0)


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_folder) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("done")
    train, test = (
        rows.write_jsonl(folder / name, rows.sentiment(24, first=at)) for name, at in (("a.jsonl", 0), ("b.jsonl", 500))
    )
    job = ["tune", "--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--train", str(train)]
    limits = ["--test", str(test), "--min-steps", "2", "--epochs", "1", "--max-new-tokens", "2"]
    assert main([*job, *limits, "--output", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


@pytest.fixture
def run(done, tmp_path, monkeypatch) -> Path:
    shutil.copytree(done, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return Path("run")


def unfinished(run: Path) -> None:
    (run / "result.json").unlink()


def told(capsys, *arguments: str | Path) -> str:
    """The error, behind whatever notes came before it."""
    assert main([*map(str, arguments), "--quiet"]) != 0
    return capsys.readouterr().err


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("verb", [("report",), ("recipes", "report")], ids=" ".join)
@pytest.mark.parametrize(
    "name", ["result.json", "metrics.jsonl", "predictions.jsonl", "prompt.safetensors", "settings.toml"]
)
def test_a_pipe_in_a_run_is_not_waited_for(name: str, verb: tuple[str, ...], run: Path, capsys) -> None:
    pipe(run / name)
    assert told(capsys, *verb, run) == f"embedgrad: Could not read run/{name}: it is a pipe, not a file. {RUN}\n"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("calibration.json", "Delete it, or repeat what wrote it."),
        ("sweep.json", "Delete it, or repeat what wrote it."),
        ("restarts.json", RUN),
        ("seeds.json", RUN),
        ("learning_curve.json", RUN),
        ("demo.json", "Repeat the demo."),
        ("analysis/entropy.json", "Delete it, or write it anew: `embedgrad analyze run --only entropy`"),
    ],
)
def test_a_pipe_beside_a_run_is_not_waited_for(name: str, advice: str, run: Path, capsys) -> None:
    pipe(run / name)
    assert told(capsys, "report", run) == f"embedgrad: Could not read run/{name}: it is a pipe, not a file. {advice}\n"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("metrics.jsonl", f"run/metrics.jsonl cannot be read: it is a pipe, not a file. {ANEW}"),
        ("settings.toml", "The settings file run/settings.toml cannot be read: it is a pipe, not a file."),
        ("split.json", "run/split.json cannot be read: it was damaged or changed. Start the run anew."),
        ("train.jsonl", "{0}/run/train.jsonl cannot be read: it is a pipe, not a file."),
        (
            "checkpoint/state.safetensors",
            "The checkpoint run/checkpoint/state.safetensors cannot be used: it is a pipe, not a file. Start the run "
            "anew.",
        ),
    ],
)
def test_a_pipe_is_not_waited_for_on_resuming(name: str, says: str, run: Path, tmp_path, capsys) -> None:
    unfinished(run)
    if name == "train.jsonl":  # as of a run whose rows came through stdin
        settings = run / "settings.toml"
        settings.write_text(settings.read_text().replace("a.jsonl", "train.jsonl"))
    pipe(run / name)
    assert told(capsys, "tune", "--resume", run) == f"embedgrad: {says.format(tmp_path)}\n"


def test_a_pipe_as_a_sweeps_settings_is_not_waited_for(run: Path, capsys) -> None:
    pipe(run / "settings.toml")
    says = "embedgrad: The settings file run/settings.toml cannot be read: it is a pipe, not a file.\n"
    assert told(capsys, "sweep", "--resume", run) == says
    assert (
        told(capsys, "analyze", run)
        == f"embedgrad: Could not read run/settings.toml: it is a pipe, not a file. {RUN}\n"
    )


def test_a_pipe_as_a_prompt_is_not_waited_for(run: Path, tmp_path, capsys) -> None:
    run = tmp_path / run
    pipe(run / "prompt.safetensors")
    says = f"embedgrad: {run}/prompt.safetensors cannot be read: it is a pipe, not a file. Name the file itself.\n"
    assert told(capsys, "generate", "--model", "pocket", "--prompt", run, "x") == says
    assert main(["inspect", str(run)]) == 1
    assert capsys.readouterr().err == says


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("/dev/zero", "it is a device, not a file"),
        ("/proc/kmsg", "it is one of the system's own, not a file"),
        ("/proc/self/mem", "it is one of the system's own, not a file"),
    ],
)
def test_a_link_out_of_the_folder_is_looked_at(place: str, says: str, run: Path, capsys) -> None:
    (run / "result.json").unlink()
    (run / "result.json").symlink_to(place)
    assert told(capsys, "report", run) == f"embedgrad: Could not read run/result.json: {says}. {RUN}\n"


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2_000_000_001)
    with pytest.raises(OSError, match="it has 2,000,000,001 bytes; at most 2,000,000,000 are read"):
        read_named(tmp_path / "large")


@pytest.mark.parametrize("verb", [("report",), ("recipes", "report"), ("analyze",)], ids=" ".join)
def test_a_deep_nest_of_settings_is_told(verb: tuple[str, ...], run: Path, capsys) -> None:
    (run / "settings.toml").write_text(f"a = {'[' * 100_000}{']' * 100_000}\n")
    says = f"embedgrad: run/settings.toml is not what embedgrad writes: it is nested too deep. {RUN}\n"
    assert told(capsys, *verb, run) == says


@pytest.mark.parametrize(
    "rest", [b"\xff\xfe garbage\n", b"[" * 100_000, b'{"event": "step", "st'], ids=["bytes", "nest", "cut"]
)
def test_what_a_crash_left_behind_the_checkpoint_is_removed(rest: bytes, run: Path) -> None:
    unfinished(run)
    whole = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(whole + rest)
    assert main(["tune", "--resume", str(run), "--quiet"]) == 0
    assert (run / "metrics.jsonl").read_bytes() == whole


def without_line(number: int) -> Callable[[bytes], bytes]:
    return lambda data: b"".join(line for at, line in enumerate(data.splitlines(True), start=1) if at != number)


def spoiled(number: int) -> Callable[[bytes], bytes]:
    lines_of = bytes.splitlines
    return lambda data: b"".join(
        b"\xff\xfe\n" if at == number else line for at, line in enumerate(lines_of(data, True), start=1)
    )


GONE = "run/metrics.jsonl has no line of {}, and the checkpoint is of step 2: it was damaged or changed. " + ANEW


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: b"", GONE.format("step 1")),
        (without_line(1), GONE.format("the validation after step 0")),
        (without_line(3), GONE.format("step 2")),
        (spoiled(4), GONE.format("the validation after step 2")),
        (
            spoiled(2),
            "run/metrics.jsonl has a line 2 that embedgrad does not write, before others that it does: it was damaged "
            "or changed. " + ANEW,
        ),
    ],
    ids=["empty", "validation", "step", "spoiled at the end", "spoiled"],
)
def test_no_line_before_the_checkpoint_is_lost(change: Callable[[bytes], bytes], says: str, run: Path, capsys) -> None:
    unfinished(run)
    damaged = change((run / "metrics.jsonl").read_bytes())
    (run / "metrics.jsonl").write_bytes(damaged)
    assert told(capsys, "tune", "--resume", run) == f"embedgrad: {says}\n"
    assert (run / "metrics.jsonl").read_bytes() == damaged, "it is left as it was"


def test_a_missing_file_of_metrics_is_told(run: Path, capsys) -> None:
    unfinished(run)
    (run / "metrics.jsonl").unlink()
    assert told(capsys, "tune", "--resume", run) == f"embedgrad: {GONE.format('step 1')}\n"


def test_later_lines_are_written_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"event": "step", "step": step}).encode() + b"\n" for step in (1, 2, 3)]
    write_file(path, b"".join([*lines, b'{"step": 1e999, "event": "step"}\n']))
    with MetricsFile(path, 2):
        assert path.read_bytes() == b"".join(lines[:2])
    with pytest.raises(CannotResume, match="has no line of step 3, and the checkpoint is of step 3"):
        MetricsFile(path, 3)
