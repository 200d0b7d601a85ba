"""Made-up findings of every analysis, as the files in `analysis/` hold them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from made_up_run import score

TOKENS = ("Name", " the", " emotion", ".")


def share(correct: int, total: int) -> dict[str, Any]:
    return {"correct": correct, "total": total, "interval": [max(0.0, correct / total - 0.05), correct / total]}


def compared(difference: float) -> dict[str, Any]:
    return {"difference": difference, "interval": [difference - 0.02, difference + 0.03], "p_value": 0.0004}


def anchoring(tokens: tuple[str, ...] = TOKENS) -> dict[str, Any]:
    return {
        "tokens": [
            {
                "position": position,
                "token": token,
                "trainable": position != 3,
                "probability": [0.97, 0.5 + 0.46 * math.cos(position)],
                "rank_inner": 1 + position % 2,
                "rank_cosine": 1,
                "rank_l2": 1 + position % 3,
                "cosine": 0.9 - 0.01 * (position % 20),
                "l2": 0.4,
                "drift": 0.9 * abs(math.sin(1 + position)),
                "nearest": [{"token": token, "cosine": 0.9}, {"token": " mood", "cosine": 0.41}],
            }
            for position, token in enumerate(tokens)
        ],
        "along": [
            {
                "step": step,
                "probability": 0.97 - step / 400,
                "cosine": 1 - step / 400,
                "drift": step / 100,
                "kept_inner": 1 - step / 100,
                "kept_cosine": 1.0,
                "kept_l2": 1 - step / 200,
            }
            for step in (0, 20, 40)
        ],
    }


def _side(mean: float, loops: int) -> dict[str, Any]:
    return {
        "mean_bits": mean,
        "mean_bits_without_loops": mean + 0.02,
        "looping": share(loops, 40),
        "truncated": loops,
        "row_bits": [mean * (1 + math.sin(row)) for row in range(40)],
        "row_loops": [row < loops for row in range(40)],
        "correct_bits": mean - 0.05,
        "wrong_bits": None,
        "looping_wrong": share(loops, 20),
    }


def entropy() -> dict[str, Any]:
    return {
        "rows": 40,
        "max_new_tokens": 64,
        "before": _side(0.237, 9),
        "after": _side(0.12, 0),
        "difference": compared(-0.117),
        "difference_without_loops": compared(-0.1),
    }


def reading() -> dict[str, Any]:
    return {
        "concepts": [
            {
                "concept": concept,
                "pairs": 48,
                "rows": 40,
                "moves": 10,
                "layers": [
                    {
                        "layer": layer,
                        "held_out": share(10 + layer, 16),
                        "before": 0.1,
                        "after": 0.1 + 0.3 / (1 + layer),
                        "difference": 0.3 / (1 + layer),
                        "interval": [0.3 / (1 + layer) - 0.1, 0.3 / (1 + layer) + 0.12],
                        "shuffled": [0.3, 0.7],
                        "random": [-0.12, 0.09],
                    }
                    for layer in range(6)
                ],
            }
            for concept in ("emotion", "sentiment")
        ]
    }


def position_sensitivity(tokens: tuple[str, ...] = TOKENS) -> dict[str, Any]:
    return {
        "rows": 40,
        "text_loss": 1.79,
        "tuned_loss": 0.51,
        "positions": [
            {
                "position": position,
                "token": token,
                "drift": 0.3,
                "loss_change": 0.1 * math.sin(position),
                "interval": [0.1 * math.sin(position) - 0.02, 0.1 * math.sin(position) + 0.03],
            }
            for position, token in enumerate(tokens)
        ],
    }


def blend() -> dict[str, Any]:
    return {
        "first": "prompt text",
        "second": "tuned",
        "rows": 40,
        "points": [
            {
                "weight": weight,
                "accuracy": 0.4 + 0.3 * weight,
                "interval": [0.3 + 0.3 * weight, 0.55 + 0.3 * weight],
                "loss": 1.8 - 1.3 * weight,
                "entropy_bits": 0.237 - 0.1 * weight,
            }
            for weight in (0.0, 0.25, 0.5, 0.75, 1.0)
        ],
    }


def read_back() -> dict[str, Any]:
    return {
        "text": "Name the mood .",
        "rows": 40,
        "before": score("Name the emotion.", 17, 40, 1.79),
        "after": score("tuned", 29, 40, 0.51),
        "read_back": score("read back", 20, 40, 1.5),
        "hints": [{"position": 2, "token": " emotion", "drift": 0.8, "nearest": " mood", "towards": [" mood", " joy"]}],
    }


def diagnosis() -> dict[str, Any]:
    return {
        "verdict": "doubtful",
        "sentence": "Few answers are in the form that the task asks for.",
        "rows": 40,
        "signs": [
            {"name": "readable answers", "value": 0.3, "bound": 0.5, "is_bad": True, "meaning": "answers with a label"},
            {"name": "loss against no prompt", "value": -0.4, "bound": 0.0, "is_bad": False, "meaning": "nats"},
        ],
    }


def grid() -> dict[str, Any]:
    cells = [
        {
            "learning_rate": 0.3 * rate,
            "relative_rate": rate,
            "epochs": epochs,
            "steps": int(25 * epochs),
            "accuracy": 0.5 + 0.1 * rate + 0.01 * epochs,
            "interval": [0.4, 0.7],
            "loss": 1.0 - 0.2 * rate,
        }
        for rate in (0.1, 0.5, 1.0)
        for epochs in (1.0, 2.0, 5.0)
    ]
    cells[-1] |= {"accuracy": None, "interval": None, "loss": None, "failed": "the loss became NaN"}
    return {"validation_rows": 200, "cells": cells, "chosen": 5, "seconds": 61.5}


def analyses() -> dict[str, dict[str, Any]]:
    """By the names of `analysis.analyses.ANALYSES`."""
    return {
        "anchoring": anchoring(),
        "entropy": entropy(),
        "reading": reading(),
        "position_sensitivity": position_sensitivity(),
        "blend": blend(),
        "read_back": read_back(),
        "diagnosis": diagnosis(),
    }


def write_analyses(folder: Path, found: dict[str, dict[str, Any]] | None = None) -> None:
    """`analysis/*.json` and `calibration.json` into a run folder."""
    (folder / "analysis").mkdir(exist_ok=True)
    for name, content in (analyses() if found is None else found).items():
        (folder / "analysis" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "calibration.json").write_text(json.dumps(grid()), encoding="utf-8")
