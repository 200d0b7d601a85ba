"""A whole tuning to the same validation accuracy: `embedgrad.tune` against PEFT PromptTuning in HF Trainer.

    python benchmarks/tune.py
    python benchmarks/tune.py --dtype bfloat16 --tasks orders --seeds 0 1 2

The pocket model on its own tasks, each arm by its defaults: ours as `embedgrad demo` tunes, PEFT with Trainer's AdamW
at the paper's constant rate. Validations come every 20 steps and never end a tuning early. Both arms have the same
start (the best of the written prompts), rows, batches and clipping, and validate at the same steps by greedy answers
and the task's strict reading; that they tune the same thing is checked first, with one update for both. The pocket
model's template, "{prompt}\\n{input}\\n" without a BOS, has the prompt first, so that PEFT can take it as it is.

Our validation also has the loss, which chooses among equal accuracies; PEFT's has not. PEFT pads its answers' inputs
on the left between prompt and input, which changes them, so here its rows go in the order of their length, which
leaves little padding. The clocks begin before tokenizing and end with the last validation. `accuracy` is that of each
arm's best prompt on the test rows, both read by our evaluation; `by PEFT` is what PEFT's `generate` makes of its own.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

from matplotlib.figure import Figure

from contest import Contest
from embedgrad.model.load import load_model
from embedgrad.pocket.tasks import load_task
from outcome import OURS, PEFT, Row, deliver, flags, say, seconds, setup


def _share(row: Row, arm: str) -> str:
    low, high = row[f"{arm}interval"]
    return f"{100 * row[f'{arm}accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


COLUMNS = {
    "task": lambda row: row["task"],
    "dtype": lambda row: row["dtype"],
    "seed": lambda row: row["seed"],
    "to validation": lambda row: f"{100 * row['reached']:.1f} %",
    "PEFT, s": lambda row: seconds(row["peft_seconds_to"]),
    "ours, s": lambda row: seconds(row["seconds_to"]),
    "ratio": lambda row: f"{row['ratio_to']:.2f}",
    "whole, PEFT, s": lambda row: seconds(row["peft_seconds"]),
    "whole, ours, s": lambda row: seconds(row["seconds"]),
    "whole, ratio": lambda row: f"{row['ratio']:.2f}",
    "test rows": lambda row: row["total"],
    "accuracy, PEFT": lambda row: _share(row, "peft_"),
    "accuracy, ours": lambda row: _share(row, ""),
    "by PEFT": lambda row: f"{100 * row['accuracy_by_peft']:.1f}",
}


def draw(rows: Sequence[Row]) -> Figure:
    """Validation accuracy over seconds, a panel per task, a line per seed."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure = Figure(figsize=(max(6.4, 3.2 * len(tasks)), 3.0), layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for panel, task in zip(panels, tasks, strict=True):
        mine = [row for row in rows if row["task"] == task]
        for name, key, colour in (("PEFT + HF Trainer", "peft_curve", PEFT), ("embedgrad", "curve", OURS)):
            for number, row in enumerate(mine):
                _, at, accuracy = zip(*row[key], strict=True)
                label = name if number == 0 else None
                panel.plot(at, [100 * a for a in accuracy], color=colour, marker="o", markersize=3, label=label)
        panel.set_title(f"{task}, {mine[0]['dtype']}", fontsize=10)
        panel.set_ylim(bottom=0)
        panel.set_xlabel("seconds")
    panels[0].set_ylabel("validation accuracy (%)")
    panels[0].legend(fontsize=8)
    return figure


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__, presets=False)
    parser.add_argument("--tasks", nargs="+", default=("desk", "reviews", "orders"))
    parser.add_argument("--seeds", nargs="+", type=int, default=(0,))
    parser.add_argument("--evaluate-every", type=int, default=20, help="steps between validations")
    parser.add_argument("--steps", type=int, help="instead of each task's own number")
    parser.add_argument("--rows", type=int, help="at most so many rows of each part")
    arguments = parser.parse_args(words)
    warnings.filterwarnings("ignore", message="Position ids are not supported")  # PEFT says so at every answer
    model = load_model("pocket", arguments.dtype, arguments.device)
    rows = []
    for name in arguments.tasks:
        say(f"{name}: the best written prompt, warming up")
        contest = Contest(model, load_task(name), arguments.steps, arguments.evaluate_every, arguments.rows)
        contest.warm_up()
        for seed in arguments.seeds:
            say(f"{name}: both arms, seed {seed}")
            rows.append(contest.row(seed))
    deliver(arguments, rows, COLUMNS, draw, setup(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
