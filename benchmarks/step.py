"""One optimizer step: PEFT PromptTuning against our engine, in time and in peak memory.

    python benchmarks/step.py                                   # a Qwen2 of 62 million parameters, float32
    python benchmarks/step.py --dtype bfloat16 --compile
    python benchmarks/step.py --preset qwen2.5-1.5b --device cuda --dtype bfloat16
    python benchmarks/step.py --shapes 25,120,300,4 --vocabulary 152000 --dtype bfloat16

Each of the shapes is k prompt tokens, n input tokens, m answer tokens, rows in a batch. PEFT puts its prompt first.
"before" is our engine on the same rows: loss and gradient are compared before anything is timed. "after" has the
prompt behind the input, another function of equal sizes, which PEFT does not offer; its seconds spread the first
pass, which fills the cache, over 5 epochs.

Times are medians over single steps of all arms in turn in one process; peak memory is that of a child process per
arm (on a CPU all of it, weights and libraries included). `gemm share` is the necessary arithmetic of our step (on
known batches) divided by its time and by the machine's best rate of a large matrix product in the same dtype.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from statistics import median

from matplotlib.figure import Figure

from arms import Arm, OurArm, PeftArm, check_equal
from embedgrad.model.frozen_model import FrozenModel
from models import (
    SIZES,
    Placement,
    Sizes,
    parameter_counts,
    random_batches,
    random_model,
    random_start,
)
from outcome import OURS, PEFT, Row, bars, deliver, flags, megabytes, say, seconds, setup
from timing import GEMM_SIZES, Times, gemm_rate, in_child, interleaved, peak

BATCHES = 5
COLUMNS = {
    "prompt": lambda row: row["placement"],
    "k": lambda row: row["k"],
    "n": lambda row: row["n"],
    "m": lambda row: row["m"],
    "rows": lambda row: row["batch"],
    "dtype": lambda row: row["dtype"],
    "PEFT, s": lambda row: seconds(row["peft_seconds"]),
    "ours, s": lambda row: seconds(row["seconds"]),
    "ratio": lambda row: f"{row['ratio']:.2f}",
    "PEFT, MB": lambda row: megabytes(row["peft_peak_bytes"]),
    "ours, MB": lambda row: megabytes(row["peak_bytes"]),
    "gemm share": lambda row: f"{100 * row['gemm_share']:.0f} %",
}


def necessary_flops(model: FrozenModel, sizes: Sizes, placement: Placement) -> int:
    """Multiplications and additions without which loss and gradient cannot be had: forward, and backward to the
    inputs (no weight has a gradient), of all tokens that depend on the prompt; attention's own products left out."""
    body, head = parameter_counts(model)
    before, after = sizes.k + sizes.batch * (sizes.n + sizes.m), sizes.batch * (sizes.k + sizes.m)
    return 4 * body * (before if placement == "before" else after) + 4 * head * sizes.batch * sizes.m


def make_arm(name: str, model: FrozenModel, sizes: Sizes, compiled: bool) -> Arm:
    """The arm `peft`, `before` or `after`, all of them at the same start."""
    batches = random_batches(model, sizes, BATCHES, "after" if name == "after" else "before")
    return (PeftArm if name == "peft" else OurArm)(model, random_start(model, sizes.k), batches, compiled=compiled)


def measure(arguments: argparse.Namespace, model: FrozenModel, sizes: Sizes) -> tuple[dict[str, Times], dict[str, str]]:
    """(times, path in words) by arm."""
    arms = {name: make_arm(name, model, sizes, arguments.compile) for name in ("peft", *arguments.placements)}
    if "before" in arms:
        check_equal(arms["before"], arms["peft"], model.dtype)
    times = interleaved(arms, BATCHES, arguments.repeats, model.device, warm_up=2)
    return times, {name: arm.path for name, arm in arms.items() if isinstance(arm, OurArm)}


def peak_of(name: str, arguments: argparse.Namespace, sizes: Sizes) -> int:
    """Peak memory of a first and a later pass of one arm, for the child process."""
    model = _model(arguments)
    arm = make_arm(name, model, sizes, arguments.compile)
    for batch in [*range(BATCHES), *range(BATCHES)]:
        arm.step(batch)
    return peak(model.device)


def peaks(arguments: argparse.Namespace) -> dict[tuple[Sizes, str], int]:
    """By shape and arm; before this process has a model of its own, which on a GPU would take their memory."""
    found = {}
    for sizes in arguments.shapes:
        for name in ("peft", *arguments.placements):
            say(f"peak memory of {name} at {sizes}")
            model = ["--preset", arguments.preset, "--dtype", arguments.dtype, "--device", arguments.device]
            vocabulary = ["--vocabulary", str(arguments.vocabulary)] if arguments.vocabulary else []
            compiled = ["--compile"] if arguments.compile else []
            further = ["--only", name, "--shapes", str(sizes), *vocabulary, *compiled]
            found[sizes, name] = in_child(__file__, [*model, *further])["peak_bytes"]
    return found


def run(arguments: argparse.Namespace) -> None:
    memory = peaks(arguments) if arguments.memory else {}
    model = _model(arguments)
    rate = gemm_rate(model.dtype, model.device, (256, 512) if arguments.preset == "tiny" else GEMM_SIZES)
    rows: list[Row] = []
    paths: dict[str, dict[str, str]] = {}
    for sizes in arguments.shapes:
        say(f"time at {sizes}")
        times, paths[str(sizes)] = measure(arguments, model, sizes)
        for placement in arguments.placements:
            ours, peft = times[placement], times["peft"].seconds
            taken, known = (ours.seconds,) * 2 if placement == "before" else (ours.amortised, median(ours.later))
            rows.append(
                {
                    "placement": placement,
                    "k": sizes.k,
                    "n": sizes.n,
                    "m": sizes.m,
                    "batch": sizes.batch,
                    "dtype": arguments.dtype,
                    "peft_seconds": peft,
                    "seconds": taken,
                    "ratio": peft / taken,
                    "peft_peak_bytes": memory.get((sizes, "peft")),
                    "peak_bytes": memory.get((sizes, placement)),
                    "gemm_share": necessary_flops(model, sizes, placement) / known / rate,
                }
            )
    rows.sort(key=lambda row: row["placement"] == "after")
    deliver(arguments, rows, COLUMNS, draw, setup(arguments, gemm_flops=rate, paths=paths))


def draw(rows: Sequence[Row]) -> Figure:
    groups = [
        f"prompt {row['placement']}\nk {row['k']}, n {row['n']}\nm {row['m']}, {row['batch']} rows" for row in rows
    ]
    series = {"PEFT": [row["peft_seconds"] for row in rows], "embedgrad": [row["seconds"] for row in rows]}
    return bars(groups, series, "seconds per step", (PEFT, OURS))


def _model(arguments: argparse.Namespace) -> FrozenModel:
    return random_model(arguments.preset, arguments.dtype, arguments.device, arguments.vocabulary)


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__)
    parser.add_argument("--shapes", nargs="+", type=Sizes.parse, default=SIZES, metavar="k,n,m,rows")
    parser.add_argument("--placements", nargs="+", choices=("before", "after"), default=("before", "after"))
    parser.add_argument("--repeats", type=int, default=3, help="each a first and a later pass over 5 batches")
    parser.add_argument("--compile", action="store_true", help="both arms compiled")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True, help="peak memory too")
    parser.add_argument("--only", choices=("peft", "before", "after"), help="just the peak memory of one arm")
    arguments = parser.parse_args(words)
    if arguments.only:
        print(json.dumps({"peak_bytes": peak_of(arguments.only, arguments, arguments.shapes[0])}))
    else:
        run(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
