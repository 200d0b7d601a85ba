"""A small made-up run folder, and the pieces it is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SETTINGS = 'model = "Qwen/Qwen2.5-0.5B-Instruct"\ntask = "label"\nlabels = ["joy", "anger", "fear"]\nepochs = 8\n'


def score(prompt: str, correct: int, total: int, loss: float) -> dict[str, Any]:
    share = correct / total
    return {
        "prompt": prompt,
        "accuracy": share,
        "correct": correct,
        "total": total,
        "interval": [share - 0.02, share + 0.03],
        "loss": loss,
        "truncated": 0,
    }


def result(rows: int = 14) -> dict[str, Any]:
    """`result.json` beside so many predictions."""
    return {
        "before": score("Name the emotion.", 522, 1240, 1.7914),
        "after": score("prompt.safetensors", 884, 1240, 0.512),
        "comparison": {"difference": 0.29194, "interval": [0.264, 0.32], "p_value": 1e-40},
        "loss_comparison": {"difference": -1.2794, "interval": [-1.4, -1.1], "p_value": 0.0004},
        "prompt_file": "prompt.safetensors",
        "steps": 40,
        "seconds": 754.2,
        "peak_bytes": 3_123_456_789,
        "versions": {"torch": "2.13.0", "embedgrad": "0.1.0"},
        "rows": {"train": 800, "validation": 200, "test": rows, "removed_duplicates": 3},
        "model": "Qwen/Qwen2.5-0.5B-Instruct",
        "prompt_text": "Name the emotion.",
        "best_step": 20,
        "stopped": "all epochs done",
    }


def answer(output: str, correct: bool, loss: float = 0.5) -> dict[str, Any]:
    return {"output": output, "prediction": output, "correct": correct, "truncated": False, "loss": loss}


def row(line: int, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {"line": line, "input": f"input {line}", "target": "joy", "before": before, "after": after}


def write_lines(path: Path, objects: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in objects), encoding="utf-8")


def write_predictions(folder: Path, rows: list[dict[str, Any]]) -> None:
    """The rows, and their number in `result.json`."""
    write_lines(folder / "predictions.jsonl", rows)
    (folder / "result.json").write_text(json.dumps(result(len(rows))), encoding="utf-8")


def write_run(folder: Path) -> None:
    """Forty steps, three validations, fourteen rows of which twelve are fixed and one is broken."""
    folder.mkdir()
    metrics: list[dict[str, Any]] = [
        {
            "event": "step",
            "step": step,
            "loss": 2 / step,
            "learning_rate": 0.01,
            "gradient_norm": 0.5,
            "seconds": 0.25,
            "tokens": 100,
        }
        for step in range(1, 41)
    ]
    metrics += [
        {"event": "validation", "step": step, "loss": 2 - step / 40, "accuracy": step / 80, "best": step < 40}
        for step in (0, 20, 40)
    ]
    write_lines(folder / "metrics.jsonl", metrics)
    rows = [row(line, answer("anger", False), answer("joy", True)) for line in range(1, 13)]
    rows += [
        row(13, answer("joy", True), answer("fear", False)),
        row(14, answer("joy", True), answer("joy", True)),
    ]
    write_predictions(folder, rows)
    (folder / "settings.toml").write_text(SETTINGS, encoding="utf-8")
