"""`evaluate` on rows that a prompt was tuned on says so."""

from __future__ import annotations

import pytest

import rows
from embedgrad.cli.main import main


@pytest.fixture(scope="module")
def job(tmp_path_factory, tiny_folder) -> dict[str, str]:
    folder, model = tmp_path_factory.mktemp("seen"), str(tiny_folder("qwen2"))
    train = rows.write_jsonl(folder / "train.jsonl", rows.sentiment(60))
    words = ["tune", "--model", model, "--prompt", "Good?", "--train", str(train), "--output", str(folder / "run")]
    assert main([*words, "--min-steps", "1", "--epochs", "0.1", "--quiet", "--max-new-tokens", "2"]) == 0
    other = rows.write_jsonl(folder / "other.jsonl", rows.sentiment(20, 700))
    return {"model": model, "run": str(folder / "run"), "train": str(train), "other": str(other)}


@pytest.mark.parametrize("within", ["", "/prompt.safetensors"])
def test_its_own_rows(job, capsys, within):
    prompt = job["run"] + within
    asked = ["evaluate", "--model", job["model"], "--prompt", prompt, "--max-new-tokens", "2", "--data"]
    assert main([*asked, job["train"]]) == 0
    assert (
        f"{prompt}: among these 60 rows are 20 rows that it was tuned on and 20 rows that it was chosen by; what it "
        "reaches on those is no measure of it\n"
    ) in capsys.readouterr().err
    assert main([*asked, job["other"]]) == 0
    assert "it was tuned on" not in capsys.readouterr().err


def test_a_damaged_split_is_no_hindrance(job, capsys, tmp_path):
    (tmp_path / "prompt.safetensors").write_bytes(open(f"{job['run']}/prompt.safetensors", "rb").read())  # noqa: SIM115, PTH123
    (tmp_path / "split.json").write_text("{")
    asked = ["evaluate", "--model", job["model"], "--prompt", str(tmp_path / "prompt.safetensors")]
    assert main([*asked, "--data", job["other"], "--max-new-tokens", "2"]) == 0
