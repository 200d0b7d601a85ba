"""Which path a real, deep model takes on real rows, what its self-check sees, and what a step costs by it.

    python benchmarks/real_rows.py --dtype bfloat16              # SmolLM2-135M where it is installed (smollm2.py)
    python benchmarks/real_rows.py --data sst2 trec --model Qwen/Qwen2.5-0.5B-Instruct

Rows of SST-2, TREC, IMDB (the first 180 words) and MEDD behind a written prompt, 16 a step. "rounding" is how far the
plain path in the model's dtype is from float32, in the gradient of the self-check's two rows; "differs" how far the
chosen path is from the plain one, in the model's dtype and in float32. Seconds are medians over single steps of the
plain path and of the chosen one in turn.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import torch
from matplotlib.figure import Figure
from torch import Tensor

import embedgrad as eg
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.self_check import Measured
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.in_float32 import InFloat32
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.template.layout import Layout
from labeled_rows import medd as all_of_medd
from outcome import OTHER, OURS, Row, bars, deliver, flags, say, seconds, setup
from smollm2 import smollm2
from timing import seconds_of

SHARED = Path(__file__).parents[2] / "shared"
BATCH, MOST_WORDS = 16, 180
COLUMNS = {
    "rows of": lambda row: row["data"],
    "tokens a row": lambda row: f"{row['mean_tokens']:.0f}",
    "path": lambda row: "; ".join([row["path"], *row["techniques"]]),
    "rounding": lambda row: f"{row['rounding']:.2g}",
    "differs": lambda row: f"{row['differs']:.2g}",
    "in float32": lambda row: f"{row['differs_in_float32']:.1g}",
    "plain, s": lambda row: seconds(row["plain_seconds"]),
    "chosen, s": lambda row: seconds(row["seconds"]),
    "ratio": lambda row: f"{row['ratio']:.2f}",
}
KINDS = {
    "ABBR": "abbreviation", "ENTY": "entity", "DESC": "description", "HUM": "human", "LOC": "location", "NUM": "number",
}  # fmt: skip


def _lines(path: Path) -> list[dict[str, object]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _sentiment(path: Path) -> list[eg.Example]:
    return [
        eg.Example(" ".join(str(row["text"]).split()[:MOST_WORDS]), "positive" if row["label"] else "negative")
        for row in _lines(path)
    ]


def _trec(path: Path) -> list[eg.Example]:
    return [eg.Example(str(row["text"]), KINDS[str(row["label_coarse"])]) for row in _lines(path)]


def _medd(path: Path) -> list[eg.Example]:
    return [eg.Example(row["input"], row["output"]) for row in all_of_medd(path)[0]]


DATA: dict[str, tuple[str, Callable[[Path], list[eg.Example]], str]] = {
    "sst2": (
        "sst2/train.jsonl",
        _sentiment,
        "Decide whether the sentiment of the sentence is positive or negative. Answer with one word.",
    ),
    "trec": (
        "trec/train.jsonl",
        _trec,
        f"Say what the question asks for: {', '.join(KINDS.values())}. Answer with one word.",
    ),
    "imdb": (
        "imdb/train_sample_5000.jsonl",
        _sentiment,
        "Decide whether the film review is positive or negative. Answer with one word.",
    ),
    "medd": (
        "medd/medd_traditional.jsonl",
        _medd,
        "Determine the main emotion of the message: calm, happy, concerned, angry, surprised, sad, disgusted or "
        "doubtful. Answer with one word.",
    ),
}


def measure(model: FrozenModel, name: str, folder: Path, steps: int) -> Row:
    """One row of the table."""
    file, read, text = DATA[name]
    prompt = eg.start(model, text)
    rows = [row for row in lay_out_rows(model, prompt, read(folder / file), overlong="skip") if row is not None]
    random.Random(name).shuffle(rows)
    rows, start = rows[: steps * BATCH], prompt.embeddings.to(model.device)
    engine = choose(model, start, rows, say=say)
    two = [min(rows, key=len), max(rows, key=len)]
    slow, fast = _measured(Engine(Plain(model)), start, two), _measured(engine, start, two)
    wide = InFloat32(model) if model.dtype != torch.float32 else None
    with wide.differentiable() if wide else nullcontext():
        exact_model = wide.model if wide else model
        exact = _measured(Engine(Plain(exact_model)), start, two)
        exact_fast = _measured(Engine(type(engine.path)(exact_model, engine.techniques)), start, two)
    times: dict[str, list[float]] = {"plain": [], "chosen": []}
    for at in range(-1, steps):  # one to warm up
        batch = rows[max(at, 0) * BATCH :][:BATCH]
        for arm, by in (("plain", Engine(Plain(model))), ("chosen", engine)):
            taken = seconds_of(lambda by=by, batch=batch: by.loss_and_gradient(start, batch), model.device)
            if at >= 0:
                times[arm].append(taken)
    by_plain, by_chosen = median(times["plain"]), median(times["chosen"])
    return {
        "data": name,
        "model": model.identity.name,
        "dtype": model.dtype_name,
        "mean_tokens": sum(map(len, rows)) / len(rows),
        **engine.used.model_dump(),
        "rounding": slow.apart(exact, 1.0).gradient,
        "differs": fast.apart(slow, 1.0).gradient,
        "differs_in_float32": exact_fast.apart(exact, 1.0).gradient,
        "plain_seconds": by_plain,
        "seconds": by_chosen,
        "ratio": by_plain / by_chosen,
    }


def _measured(engine: Engine, start: Tensor, rows: Sequence[Layout]) -> Measured:
    found = engine.loss_and_gradient(start, rows)
    return Measured(found.row_nats, found.gradient)


def draw(rows: Sequence[Row]) -> Figure:
    series = {"plain": [row["plain_seconds"] for row in rows], "chosen": [row["seconds"] for row in rows]}
    groups = [f"{row['data']}\n{row['mean_tokens']:.0f} tokens a row" for row in rows]
    return bars(groups, series, "seconds per step", (OTHER, OURS))


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__, presets=False)
    parser.add_argument("--data", nargs="+", choices=tuple(DATA), default=tuple(DATA))
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder that has data/sst2, data/trec ...")
    parser.add_argument("--model", help="another than SmolLM2")
    parser.add_argument("--steps", type=int, default=5, help="steps of each arm that are timed")
    arguments = parser.parse_args(words)
    chosen = arguments.model
    model = eg.load_model(chosen, arguments.dtype, arguments.device) if chosen else smollm2(arguments.dtype)
    rows: list[Row] = []
    for name in arguments.data:
        if not (arguments.shared / "data" / DATA[name][0]).is_file():
            say(f"{name} is skipped: it is not in {arguments.shared}/data. Give its folder with --shared.")
            continue
        say(f"steps on {name}")
        rows.append(measure(model, name, arguments.shared / "data", arguments.steps))
    deliver(arguments, rows, COLUMNS, draw, setup(arguments, model=model.identity.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
