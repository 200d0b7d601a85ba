"""Evaluating a test set by generation: our engine against PEFT's `generate` and Hugging Face's.

    python benchmarks/generate.py
    python benchmarks/generate.py --dtype bfloat16 --models pocket

pocket   the bundled model on the 400 test rows of its task `desk`, behind a written prompt
random   a Qwen2 with random weights (--preset) on 400 rows of 30 to 90 random ids, behind 20 prompt tokens

All arms have the same prompt, at most 16 new tokens and the model's real stop token. PEFT has the prompt's embeddings
as virtual tokens, Hugging Face the prompt's tokens; both get batches of 32 rows in the order of the file, padded on
the left. Ours includes choosing the path, with its self-check. In float32 our answers must be those of Hugging Face,
except where two tokens are equally likely to rounding; how many rows PEFT answers otherwise is counted.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from matplotlib.figure import Figure

from answers import Ids, peft_answers, text_answers
from arms import peft_model
from embedgrad.engine.generate import generate_ids
from embedgrad.engine.requests import Request, with_checked_prefixes
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import load_model
from embedgrad.pocket.tasks import load_task
from embedgrad.prompt.place import start
from embedgrad.prompt.rows import lay_out_rows, stop_ids
from embedgrad.settings import BATCH_TOKENS
from embedgrad.template.layout import Layout
from models import laid_out, random_ids, random_model, with_shared_weights
from outcome import OTHER, OURS, PEFT, Row, bars, deliver, flags, say, seconds, setup
from timing import seconds_of

MOST_TOKENS, ROUNDING = 16, 1e-3  # new tokens; logits that differ by less count as equal in float32
COLUMNS = {
    "model": lambda row: row["model"],
    "rows": lambda row: row["rows"],
    "dtype": lambda row: row["dtype"],
    "PEFT, s": lambda row: seconds(row["peft_seconds"]),
    "HF, s": lambda row: seconds(row["hf_seconds"]),
    "ours, s": lambda row: seconds(row["seconds"]),
    "PEFT / ours": lambda row: f"{row['peft_ratio']:.2f}",
    "HF / ours": lambda row: f"{row['hf_ratio']:.2f}",
    "HF answers otherwise": lambda row: row["hf_differing"],
    "PEFT answers otherwise": lambda row: row["peft_differing"],
}


@dataclass(frozen=True)
class TestSet:
    """Rows without a target behind one prompt, which is first."""

    model: FrozenModel
    prompt_ids: Ids
    layouts: list[Layout]
    stop_ids: frozenset[int]


def pocket(arguments: argparse.Namespace) -> TestSet:
    model = load_model("pocket", arguments.dtype, arguments.device)
    task = load_task("desk")
    prompt = start(model, task.prompts[0])
    laid = lay_out_rows(model, prompt, task.rows("test")[: arguments.rows], with_target=False)
    rows = [layout for layout in laid if layout is not None]
    assert prompt.initial_ids is not None
    return TestSet(model, prompt.initial_ids, rows, stop_ids(model, prompt))


def random_weights(arguments: argparse.Namespace) -> TestSet:
    model = random_model(arguments.preset, arguments.dtype, arguments.device, arguments.vocabulary)
    draw = random.Random("generate")
    rows = [laid_out(random_ids(model, draw.randint(30, 90), i), [], 20, "before") for i in range(arguments.rows)]
    return TestSet(model, tuple(random_ids(model, 20, seed=1)), rows, frozenset([model.lm.config.eos_token_id]))


def our_answers(test: TestSet, embeddings: torch.Tensor) -> list[Ids]:
    """As `embedgrad.generate` asks for them."""
    wanted = [Request(layout, embeddings, test.stop_ids) for layout in test.layouts]
    requests = with_checked_prefixes(test.model, wanted, BATCH_TOKENS, say)
    found = dict(generate_ids(test.model, requests, MOST_TOKENS))
    return [found[row].ids for row in range(len(requests))]


def measure(name: str, test: TestSet, repeats: int, dtype: str) -> Row:
    model, embeddings = test.model, test.model.embed(test.prompt_ids).float()
    wrapped = peft_model(with_shared_weights(model.lm), embeddings).eval()
    asked = (test.layouts, MOST_TOKENS, test.stop_ids)
    arms: dict[str, Callable[[], list[Ids]]] = {
        "peft": lambda: peft_answers(wrapped, *asked),
        "hf": lambda: text_answers(model.lm, test.prompt_ids, *asked),
        "ours": lambda: our_answers(test, embeddings),
    }
    answers = {arm: ask() for arm, ask in arms.items()}  # uncounted: each new shape costs time once
    differing = {arm: _differing(answers[arm], answers["ours"]) for arm in ("peft", "hf")}
    if dtype == "float32":
        _check_ties(test, answers, differing["hf"])
    times: dict[str, list[float]] = {arm: [] for arm in arms}
    for _ in range(repeats):
        for arm, ask in arms.items():
            times[arm].append(seconds_of(ask, model.device))
    peft, hf, ours = (median(times[arm]) for arm in ("peft", "hf", "ours"))
    return {
        "model": name,
        "rows": len(test.layouts),
        "max_new_tokens": MOST_TOKENS,
        "dtype": dtype,
        "peft_seconds": peft,
        "hf_seconds": hf,
        "seconds": ours,
        "peft_ratio": peft / ours,
        "hf_ratio": hf / ours,
        "peft_differing": len(differing["peft"]),
        "hf_differing": len(differing["hf"]),
    }


def _differing(theirs: Sequence[Ids], ours: Sequence[Ids]) -> list[int]:
    return [row for row, pair in enumerate(zip(theirs, ours, strict=True)) if pair[0] != pair[1]]


def _check_ties(test: TestSet, answers: dict[str, list[Ids]], rows: Sequence[int]) -> None:
    """Where Hugging Face answers otherwise, the first two differing tokens must be equally likely."""
    for row in rows:
        stop = (min(test.stop_ids),)
        hf, ours = answers["hf"][row] + stop, answers["ours"][row] + stop
        place = next(i for i, pair in enumerate(zip(hf, ours, strict=False)) if pair[0] != pair[1])
        layout = test.layouts[row]
        ids = test.prompt_ids + layout.ids[layout.prompt.stop :] + hf[:place]
        with torch.no_grad():
            logits = test.model.lm(torch.tensor([ids], device=test.model.device)).logits[0, -1]
        if abs(float(logits[hf[place]] - logits[ours[place]])) > ROUNDING:
            raise SystemExit(f"Row {row} is answered {ours[:-1]}, by Hugging Face {hf[:-1]}. Nothing was timed.")


def draw(rows: Sequence[Row]) -> Figure:
    groups = [f"{row['model']}, {row['rows']} rows\n{row['dtype']}" for row in rows]
    arms = {"PEFT generate": "peft_seconds", "Hugging Face generate": "hf_seconds", "embedgrad": "seconds"}
    series = {arm: [row[key] for row in rows] for arm, key in arms.items()}
    return bars(groups, series, "seconds per test set", (PEFT, OTHER, OURS))


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__)
    makers = {"pocket": pocket, "random": random_weights}
    parser.add_argument("--models", nargs="+", choices=tuple(makers), default=tuple(makers))
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args(words)
    rows = []
    for name in arguments.models:
        say(f"answers of {name}")
        label = name if name == "pocket" else f"random {arguments.preset}"
        rows.append(measure(label, makers[name](arguments), arguments.repeats, arguments.dtype))
    deliver(arguments, rows, COLUMNS, draw, setup(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
