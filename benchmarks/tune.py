"""A whole tuning to the same validation accuracy: `embedgrad.tune` against PEFT PromptTuning in HF Trainer.

    python benchmarks/tune.py
    python benchmarks/tune.py --tasks desk reviews trec sst2 --seeds 0 1 2 --best-of 0.1 0.25 0.5 1.0 --json

The pocket model on its own tasks, or SmolLM2-135M-Instruct on real data sets (`trec`, `sst2`, `imdb`, `medd`), each arm
by its defaults: ours as embedgrad tunes, PEFT as its guide has it: AdamW at 3e-2 with a linear fall. With `--best-of`
PEFT is also run at the best of several rates, in shares of the embedding table's RMS: the one of the highest validation
accuracy with the first seed, of equals the one that was there first; that search is not counted.

Validations come every `--evaluate-every` steps and never end a tuning early. Both arms have the same start (of the
pocket the best of the written prompts), rows, batch size and clipping, and validate at the same steps by greedy answers
and the task's strict reading; that they tune the same thing is checked first, with one update and one order of the rows
for both. The prompt stands first, so that PEFT can take it: that is the pocket model's own template, and for SmolLM2
one of ours.

`to validation` is the lower of the two arms' best validation accuracies, and the seconds are those until each first
found it; they begin before tokenizing, and are the processor's where OMP_NUM_THREADS is 1 (timing.clock). Their ratio
is the product of three: our step in place of PEFT's, our validation in place of its, and how many of both we need.
Medians over the seeds. PEFT pads its answers' inputs on the left between prompt and input, which changes them, so here
its rows go in the order of their length, which leaves little padding. Accuracies are those of each arm's best prompt on
the test rows, both read by our evaluation, the interval that of the first seed. Needs ../shared for the real data sets.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from contest import DOCUMENTED, Contest, PeftRate, compared
from learning_tasks import NAMES, REAL, learning_task
from outcome import OURS, PEFT, Row, deliver, flags, say, seconds, setup
from real_rows import SHARED

MEDIANS = ("ratio", "by_step", "by_validation", "by_optimizer", "seconds", "peft_seconds", "reached", "steps_to")
MEDIANS += ("peft_steps_to", "whole_seconds", "peft_whole_seconds", "accuracy", "peft_accuracy")
COLUMNS = {
    "task": lambda row: row["task"],
    "PEFT's rate": lambda row: row["against"],
    "seeds": lambda row: len(row["seeds"]),
    "to validation": lambda row: f"{100 * row['reached']:.1f} %",
    "PEFT, s": lambda row: seconds(row["peft_seconds"]),
    "ours, s": lambda row: seconds(row["seconds"]),
    "ratio": lambda row: f"{row['ratio']:.2f}",
    "by the step": lambda row: f"{row['by_step']:.2f}",
    "validation": lambda row: f"{row['by_validation']:.2f}",
    "optimizer": lambda row: f"{row['by_optimizer']:.2f}",
    "whole, PEFT, s": lambda row: seconds(row["peft_whole_seconds"]),
    "whole, ours, s": lambda row: seconds(row["whole_seconds"]),
    "test rows": lambda row: row["total"],
    "accuracy, PEFT": lambda row: _share(row, "peft_"),
    "accuracy, ours": lambda row: _share(row, ""),
}


def _share(row: Row, arm: str) -> str:
    low, high = row["runs"][0][f"{arm}interval"]
    return f"{100 * row[f'{arm}accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def draw(rows: Sequence[Row]) -> Figure:
    """Validation accuracy over seconds, a panel per task and rate of PEFT's, a line per seed."""
    figure = Figure(figsize=(max(6.4, 3.2 * len(rows)), 3.0), layout="constrained")
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for panel, row in zip(panels, rows, strict=True):
        for name, key, colour in (("PEFT + HF Trainer", "peft_curve", PEFT), ("embedgrad", "curve", OURS)):
            for number, run in enumerate(row["runs"]):
                at, found = [one["seconds"] for one in run[key]], [100 * one["accuracy"] for one in run[key]]
                panel.plot(at, found, color=colour, marker="o", markersize=3, label=None if number else name)
        panel.set_title(f"{row['task']}, {row['against']}", fontsize=10)
        panel.set_ylim(bottom=0)
        panel.set_xlabel("seconds")
    panels[0].set_ylabel("validation accuracy (%)")
    panels[0].legend(fontsize=8)
    return figure


def summed_up(runs: Sequence[Row]) -> list[Row]:
    """A row for each task and rate of PEFT's: medians over the seeds, and the runs themselves."""

    def kind(run: Row) -> tuple[str, str]:
        return run["task"], run["against"]

    rows = []
    for _, group in groupby(sorted(runs, key=kind), key=kind):
        mine = sorted(group, key=lambda run: run["seed"])
        shared = {name: mine[0][name] for name in ("task", "model", "dtype", "against", "peft_rate", "total", "steps")}
        medians = {name: median(run[name] for run in mine) for name in MEDIANS}
        rows.append({**shared, **medians, "seeds": [run["seed"] for run in mine], "runs": mine})
    return rows


class Runs:
    """The runs of a file, a line each, to which it adds those that it lacks; without a file, of this process alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []

    def of(self, contest: Contest, seed: int, rate: PeftRate | None) -> Row:
        """The one of that seed and arm, ours where there is no rate."""
        key = contest.key(seed, rate)
        found = next((run for run in self._found if key.items() <= run.items()), None)
        if found is None:
            say(f"{', '.join(map(str, (key['task'], key['arm'], 'seed', seed)))}")
            found = contest.run(seed, rate)
            self._found.append(found)
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
        return found


def contested(contest: Contest, seeds: Sequence[int], shares: Sequence[float], runs: Runs) -> list[Row]:
    """The rows of one task. Which arm runs first alternates with the seed."""

    def pairs(seed: int, rates: Sequence[PeftRate]) -> tuple[Row, list[Row]]:
        first = runs.of(contest, seed, None) if seed % 2 == 0 else None
        theirs = [runs.of(contest, seed, rate) for rate in rates]
        return first or runs.of(contest, seed, None), theirs

    rates, found = [PeftRate(f"{share:g}rms", contest.rate_of_rms(share)) for share in shares], []
    for number, seed in enumerate(seeds):
        ours, theirs = pairs(seed, [DOCUMENTED, *rates])
        found.append(compared(ours, theirs[0], DOCUMENTED.name))
        if rates:
            searched = [compared(ours, run, f"best of {len(shares)}") for run in theirs[1:]]
            best = max(range(len(rates)), key=lambda at: (searched[at]["peft_best"], -searched[at]["peft_steps_to"]))
            found.append(searched[best])
            rates = [rates[best]] if number == 0 else rates
    return found


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__, presets=False)
    parser.add_argument("--tasks", nargs="+", choices=(*NAMES, *REAL), default=("desk", "reviews"))
    parser.add_argument("--seeds", nargs="+", type=int, default=(0,))
    parser.add_argument("--best-of", nargs="+", type=float, default=(), help="rates of PEFT's, in RMS of the table")
    parser.add_argument("--evaluate-every", type=int, default=25, help="steps between validations")
    parser.add_argument("--steps", type=int, help="instead of each task's own number")
    parser.add_argument("--runs", type=Path, help="file of the runs so far, a line each: a stopped one goes on")
    parser.add_argument("--rows", type=int, help="at most so many rows of each part")
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder that has data/sst2, data/trec ...")
    arguments = parser.parse_args(words)
    warnings.filterwarnings("ignore", message="Position ids are not supported")  # PEFT says so at every answer
    runs, found = Runs(arguments.runs), list[Row]()
    for name in arguments.tasks:
        say(f"{name}: the start")
        task = learning_task(name, arguments.shared, arguments.dtype, arguments.device)
        contest = Contest(task, arguments.steps, arguments.evaluate_every, arguments.rows)
        found += contested(contest, arguments.seeds, arguments.best_of, runs)
    deliver(arguments, summed_up(found), COLUMNS, draw, setup(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
