"""The prompt along the run: a file per validation, the same whether the run was stopped or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import rows
from embedgrad.cli.main import main
from embedgrad.errors import EmbedgradError, OutputError
from embedgrad.run.names import TRAJECTORY
from embedgrad.tuning.trajectory import read_trajectory, write_snapshot


@pytest.fixture(scope="module")
def job(tmp_path_factory, tiny_folder) -> list[str]:
    folder = tmp_path_factory.mktemp("trajectory")
    train = rows.write_jsonl(folder / "train.jsonl", rows.sentiment(100))
    test = rows.write_jsonl(folder / "test.jsonl", rows.sentiment(20, first=500))
    return [
        *("tune", "--model", str(tiny_folder("qwen2")), "--prompt", "Is it good?", "--quiet"),
        *("--train", str(train), "--test", str(test), "--epochs", "0.1", "--min-steps", "10"),
        *("--evaluate-every", "4", "--max-new-tokens", "1", "--checkpoint-seconds", "0"),
    ]


def stopped_at(monkeypatch, step: int) -> None:
    """Ctrl-C in the optimizer of this step."""
    from embedgrad.methods.optimizers import Muon

    muon_step = Muon.step

    def stops(optimizer, at, *arguments):
        if at.step + 1 == step:
            raise KeyboardInterrupt
        return muon_step(optimizer, at, *arguments)

    monkeypatch.setattr(Muon, "step", stops)


def test_a_stopped_run_ends_with_the_same_files(job, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main([*job, "--output", str(whole)]) == 0
    with monkeypatch.context() as patch:
        stopped_at(patch, 7)
        assert main([*job, "--output", str(stopped)]) == 1
    assert main(["tune", "--resume", str(stopped), "--quiet"]) == 0
    names = ["step-000000.safetensors", "step-000004.safetensors", "step-000008.safetensors", "step-000010.safetensors"]
    for folder in (whole, stopped):
        assert sorted(path.name for path in (folder / TRAJECTORY).iterdir()) == names
    for name in names:
        assert (stopped / TRAJECTORY / name).read_bytes() == (whole / TRAJECTORY / name).read_bytes()

    best = json.loads((whole / "result.json").read_text())["best_step"]
    prompt = load_file(whole / "prompt.safetensors")["prompt_embeddings"]
    assert torch.equal(dict(read_trajectory(whole / TRAJECTORY))[best], prompt)


def test_what_is_written_is_read_in_order(tmp_path: Path):
    for step in (1_000_000, 40, 0):
        write_snapshot(tmp_path / "new", step, torch.full((2, 3), float(step), dtype=torch.float64))
    found = read_trajectory(tmp_path / "new")
    assert [step for step, _ in found] == [0, 40, 1_000_000]
    assert all(rows.dtype == torch.float32 and rows[0, 0] == step for step, rows in found)
    assert list(load_file(tmp_path / "new" / "step-000040.safetensors")) == ["prompt_embeddings"]
    assert read_trajectory(tmp_path / "none") == []


def test_damaged_and_unwritable_snapshots_are_told(tmp_path: Path):
    path = tmp_path / "step-000001.safetensors"
    path.write_bytes(b"no tensors")
    with pytest.raises(EmbedgradError) as error:
        read_trajectory(tmp_path)
    assert str(error.value).startswith(f"{path} is not what embedgrad writes: ")
    assert str(error.value).endswith(". It was damaged or changed: restore it or take it out.")
    with pytest.raises(OutputError, match=r"^Could not write "):
        write_snapshot(path / "below", 1, torch.zeros(1, 1))
