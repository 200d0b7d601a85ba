"""Optimizer steps on rows of real lengths: what padding costs PEFT, and what lengths cost us.

    python benchmarks/lengths.py                       # reads ../shared/data
    python benchmarks/lengths.py --dtype bfloat16 --data imdb

imdb   film reviews cut at 512 tokens, 16 rows a batch
medd   chat messages, 32 rows a batch

The texts go through the pocket model's tokenizer and a Qwen2 with random weights; 20 prompt tokens, 2 answer tokens.
Batches are drawn at random, as HF Trainer draws them. PEFT gets them padded to the longest row, with a mask; our
engine gets the same rows and forms its own pieces. "after" is our engine with the prompt behind the input, its first
pass, which fills the cache, spread over 5 epochs. Seconds are means per step: the batches differ.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from arms import Arm, OurArm, PeftArm, check_equal
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout
from embedgrad.template.tokens import token_ids
from models import laid_out, random_ids, random_model, random_start
from outcome import OTHER, OURS, PEFT, Row, bars, deliver, flags, say, seconds, setup
from timing import interleaved

SHARED = Path(__file__).parents[2] / "shared"
DATA = {"imdb": ("imdb/train_sample_5000.jsonl", 16), "medd": ("medd/medd_traditional.jsonl", 32)}
MOST_TOKENS, K, M = 512, 20, 2
COLUMNS = {
    "rows of": lambda row: row["data"],
    "prompt": lambda row: row["placement"],
    "rows": lambda row: row["batch"],
    "dtype": lambda row: row["dtype"],
    "tokens a row": lambda row: f"{row['mean_tokens']:.0f}",
    "of PEFT's tokens padding": lambda row: f"{100 * row['padding_share']:.0f} %",
    "PEFT, s": lambda row: seconds(row["peft_seconds"]),
    "ours, s": lambda row: seconds(row["seconds"]),
    "ratio": lambda row: f"{row['ratio']:.2f}",
}


def inputs(path: Path, model: FrozenModel, count: int) -> list[list[int]]:
    """Ids of `count` of the texts in `path`, drawn at random."""
    with path.open(encoding="utf-8") as lines:  # splitlines would also cut at U+2028, which occurs in reviews
        texts = [json.loads(line)["text"] for line in lines]
    drawn = random.Random(f"lengths:{path.name}").sample(texts, count)
    return [[*token_ids(text, model.tokenizer)][:MOST_TOKENS] for text in drawn]


def measure(arguments: argparse.Namespace, model: FrozenModel, path: Path, size: int) -> list[Row]:
    """Both placements on the rows of one data set."""
    count = arguments.batches * size
    ids, answers = inputs(path, model, count), random_ids(model, M * count, seed=3)

    def batches(placement: str) -> list[list[Layout]]:
        rows = [laid_out(ids[i], answers[M * i : M * i + M], K, placement) for i in range(count)]
        return [rows[at : at + size] for at in range(0, count, size)]

    start = random_start(model, K)
    peft = PeftArm(model, start, batches("before"))
    ours = {placement: OurArm(model, start, batches(placement)) for placement in ("before", "after")}
    check_equal(ours["before"], peft, model.dtype)
    arms: dict[str, Arm] = {"peft": peft, **ours}
    times = interleaved(arms, arguments.batches, arguments.repeats, model.device, warm_up=arguments.batches)
    lengths = [[len(row) for row in batch] for batch in batches("before")]
    real, padded = sum(map(sum, lengths)), sum(size * max(batch) for batch in lengths)
    theirs = times["peft"].mean
    return [
        {
            "data": path.parent.name,
            "placement": placement,
            "batch": size,
            "dtype": arguments.dtype,
            "mean_tokens": real / count,
            "padding_share": 1 - real / padded,
            "peft_seconds": theirs,
            "seconds": taken,
            "ratio": theirs / taken,
        }
        for placement, taken in (("before", times["before"].mean), ("after", times["after"].amortised_mean))
    ]


def draw(rows: Sequence[Row]) -> Figure:
    before, after = ([row for row in rows if row["placement"] == placement] for placement in ("before", "after"))
    series = {
        "PEFT": [row["peft_seconds"] for row in before],
        "embedgrad": [row["seconds"] for row in before],
        "embedgrad, prompt after the input": [row["seconds"] for row in after],
    }
    groups = [f"{row['data']}, {row['batch']} rows\n{row['mean_tokens']:.0f} tokens a row" for row in before]
    return bars(groups, series, "seconds per step", (PEFT, OURS, OTHER))


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__)
    parser.add_argument("--data", nargs="+", choices=tuple(DATA), default=tuple(DATA))
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder that has data/imdb and data/medd")
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1, help="each a first and a later pass over the batches")
    arguments = parser.parse_args(words)
    rows: list[Row] = []
    model = random_model(arguments.preset, arguments.dtype, arguments.device, arguments.vocabulary)
    for name in arguments.data:
        file, size = DATA[name]
        path = arguments.shared / "data" / file
        if not path.is_file():
            say(f"{name} is skipped: {path} is not here. Give its folder with --shared.")
            continue
        say(f"steps on {name}")
        rows += measure(arguments, model, path, size)
    deliver(arguments, rows, COLUMNS, draw, setup(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
