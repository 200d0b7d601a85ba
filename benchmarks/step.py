"""One optimizer step: PEFT PromptTuning against our engine, in time and in peak memory.

    python benchmarks/step.py                # a Qwen2 of 62 million parameters, float32; under five minutes
    python benchmarks/step.py --all          # more shapes, more repeats, peak memory: half an hour
    python benchmarks/step.py --dtype bfloat16 --compile
    python benchmarks/step.py --preset qwen2.5-1.5b --device cuda --dtype bfloat16
    python benchmarks/step.py --shapes 25,120,300,4 --vocabulary 152000 --dtype bfloat16

Each of the shapes is k prompt tokens, n input tokens, m answer tokens, rows in a batch. PEFT puts its prompt first.
"before" is our engine on the same rows: loss and gradient are compared before anything is timed. "after" has the
prompt behind the input, another function of equal sizes, which PEFT does not offer; its seconds spread the first
pass, which fills the cache, over 5 epochs.

Each row is told when it is ready, and at the end which were slower than PEFT's; unless shapes are given, steps of a few
milliseconds of a toy model are among them.

Times are medians over single steps of all arms in turn in one process; peak memory is that of a child process per
arm (on a CPU all of it, weights and libraries included). `gemm share` is the necessary arithmetic of our step (on
known batches) divided by its time and by the machine's best rate of a large matrix product in the same dtype.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
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
from timing import GEMM_SIZES, Times, gemm_rate, in_child, interleaved, matrix_units, peak

BATCHES, REPEATS = 3, 1
ALL_BATCHES, ALL_REPEATS = 5, 3
SHAPES, TOYS = SIZES[:2], (Sizes(3, 10, 3, 3), Sizes(20, 60, 2, 16))
COLUMNS = {
    "model": lambda row: row["model"],
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


def make_arm(name: str, model: FrozenModel, sizes: Sizes, count: int, compiled: bool) -> Arm:
    """The arm `peft`, `before` or `after`, all of them at the same start, with `count` batches."""
    batches = random_batches(model, sizes, count, "after" if name == "after" else "before")
    return (PeftArm if name == "peft" else OurArm)(model, random_start(model, sizes.k), batches, compiled=compiled)


def measure(arguments: argparse.Namespace, model: FrozenModel, sizes: Sizes) -> tuple[dict[str, Times], dict[str, str]]:
    """(times, path in words) by arm."""
    names = ("peft", *arguments.placements)
    arms = {name: make_arm(name, model, sizes, arguments.batches, arguments.compile) for name in names}
    if "before" in arms:
        check_equal(arms["before"], arms["peft"], model.dtype)
    times = interleaved(arms, arguments.batches, arguments.repeats, model.device, warm_up=1)
    return times, {name: arm.path for name, arm in arms.items() if isinstance(arm, OurArm)}


def peak_of(name: str, arguments: argparse.Namespace, sizes: Sizes) -> int:
    """Peak memory of a first and a later pass of one arm, for the child process."""
    model = _model(arguments)
    arm = make_arm(name, model, sizes, ALL_BATCHES, arguments.compile)
    for batch in [*range(ALL_BATCHES), *range(ALL_BATCHES)]:
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
    say(f"matrix units of the processor: {matrix_units()}")
    memory = peaks(arguments) if arguments.memory else {}
    rows: list[Row] = []
    paths: dict[str, dict[str, str]] = {}
    rates: dict[str, float] = {}
    for preset, some in ((arguments.preset, arguments.shapes), ("tiny", arguments.toys)):
        if not some:
            continue
        model = random_model(preset, arguments.dtype, arguments.device, arguments.vocabulary)
        rates[preset] = gemm_rate(model.dtype, model.device, (256, 512) if preset == "tiny" else GEMM_SIZES)
        say(f"{preset}: large matrix products run at {rates[preset] / 1e9:.0f} GFLOP/s in {arguments.dtype}")
        for sizes in some:
            times, paths[f"{preset} {sizes}"] = measure(arguments, model, sizes)
            for placement in arguments.placements:
                rows.append(
                    _row(preset, sizes, placement, model, times, rates[preset]) | _bytes(memory, sizes, placement)
                )
                say("; ".join(f"{name} {cell(rows[-1])}" for name, cell in COLUMNS.items()))
    rows.sort(key=lambda row: (row["model"] == "tiny", row["placement"] == "after"))
    say(_slower(rows))
    deliver(arguments, rows, COLUMNS, draw, setup(arguments, gemm_flops=rates, units=matrix_units(), paths=paths))


def _row(
    preset: str, sizes: Sizes, placement: Placement, model: FrozenModel, times: Mapping[str, Times], rate: float
) -> Row:
    ours, peft = times[placement], times["peft"].seconds
    taken, known = (ours.seconds,) * 2 if placement == "before" else (ours.amortised, median(ours.later))
    return {
        "model": preset,
        "placement": placement,
        "k": sizes.k,
        "n": sizes.n,
        "m": sizes.m,
        "batch": sizes.batch,
        "dtype": model.dtype_name,
        "peft_seconds": peft,
        "seconds": taken,
        "ratio": peft / taken,
        "gemm_share": necessary_flops(model, sizes, placement) / known / rate,
    }


def _bytes(memory: Mapping[tuple[Sizes, str], int], sizes: Sizes, placement: Placement) -> Row:
    return {"peft_peak_bytes": memory.get((sizes, "peft")), "peak_bytes": memory.get((sizes, placement))}


def _slower(rows: Sequence[Row]) -> str:
    """Which steps take longer than PEFT's, in words."""
    slower = [f"{row['model']} {row['k']},{row['n']},{row['m']},{row['batch']}" for row in rows if row["ratio"] < 1]
    return f"slower than PEFT: {'; '.join(slower)}" if slower else "no step is slower than PEFT's"


def draw(rows: Sequence[Row]) -> Figure:
    groups = [
        f"prompt {row['placement']}\nk {row['k']}, n {row['n']}\nm {row['m']}, {row['batch']} rows" for row in rows
    ]
    series = {"PEFT": [row["peft_seconds"] for row in rows], "embedgrad": [row["seconds"] for row in rows]}
    return bars(groups, series, "seconds per step", (PEFT, OURS))


def _settled(arguments: argparse.Namespace) -> argparse.Namespace:
    """With what was left to `--all`."""
    arguments.batches = ALL_BATCHES if arguments.all else BATCHES
    arguments.repeats = arguments.repeats or (ALL_REPEATS if arguments.all else REPEATS)
    arguments.memory = arguments.all if arguments.memory is None else arguments.memory
    arguments.toys = TOYS if arguments.shapes is None else ()
    arguments.shapes = arguments.shapes or (SIZES if arguments.all else SHAPES)
    return arguments


def _model(arguments: argparse.Namespace) -> FrozenModel:
    return random_model(arguments.preset, arguments.dtype, arguments.device, arguments.vocabulary)


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__)
    parser.add_argument("--shapes", nargs="+", type=Sizes.parse, metavar="k,n,m,rows")
    parser.add_argument("--all", action="store_true", help="all shapes, 5 batches, 3 repeats, peak memory")
    parser.add_argument("--placements", nargs="+", choices=("before", "after"), default=("before", "after"))
    parser.add_argument("--repeats", type=int, help="each a first and a later pass over the batches")
    parser.add_argument("--compile", action="store_true", help="both arms compiled")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, help="peak memory too")
    parser.add_argument("--only", choices=("peft", "before", "after"), help="just the peak memory of one arm")
    arguments = _settled(parser.parse_args(words))
    if arguments.only:
        print(json.dumps({"peak_bytes": peak_of(arguments.only, arguments, arguments.shapes[0])}))
    else:
        run(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
