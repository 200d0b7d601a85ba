"""A validation while tuning: verdicts alone against answers in full, and whether the two agree row by row.

    python benchmarks/validation.py
    python benchmarks/validation.py --models smollm2 --shared ../shared --rows 48 --steps 6

pocket    the bundled model on its own tasks
smollm2   SmolLM2-135M-Instruct (smollm2.py) on SST-2 and TREC, behind a written prompt

A short tuning keeps the prompt of every validation. At each of them all validation rows are judged by `Judge.judge`
(the losses, every answer to its end, read strictly and by meaning) and by `verdicts_of`, which tuning uses. Timed are
the first one, of the text as it was written, and the last. Losses must be equal to the bit; verdicts are compared one
by one, and differing ones counted: in bfloat16 two tokens can be equally likely to rounding.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure
from torch import Tensor

import embedgrad as eg
from embedgrad.data.example import Example
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.verdicts import verdicts_of
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.pocket.tasks import NAMES, load_task
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.task import Task
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings
from embedgrad.watch import Watch
from outcome import OTHER, OURS, Row, bars, deliver, flags, say, seconds, setup
from real_rows import DATA, SHARED
from smollm2 import smollm2
from timing import seconds_of

COLUMNS = {
    "model": lambda row: row["model"],
    "rows of": lambda row: row["data"],
    "rows": lambda row: row["rows"],
    "at step": lambda row: row["step"],
    "right": lambda row: row["correct"],
    "answers, s": lambda row: seconds(row["full_seconds"]),
    "verdicts, s": lambda row: seconds(row["seconds"]),
    "ratio": lambda row: f"{row['ratio']:.2f}",
    "verdicts compared": lambda row: row["compared"],
    "differing": lambda row: row["differing"],
}


@dataclass(frozen=True)
class Work:
    """Rows to tune on and to validate on, and the text to begin with."""

    model: FrozenModel
    data: str
    prompt: str
    task: Task
    train: Sequence[Example]
    validation: Sequence[Example]


def of_pocket(arguments: argparse.Namespace) -> Iterator[Work]:
    model = eg.load_model("pocket", arguments.dtype, arguments.device)
    for name in arguments.tasks:
        task = load_task(name)
        rows = task.rows("validation")[: arguments.rows]
        yield Work(model, name, task.prompts[0], task.task, task.rows("train"), rows)


def of_smollm2(arguments: argparse.Namespace) -> Iterator[Work]:
    model = smollm2(arguments.dtype, arguments.device)
    for name in arguments.data:
        file, read, text = DATA[name]
        path = arguments.shared / "data" / file
        if not path.is_file():
            say(f"{name} is skipped: it is not in {arguments.shared}/data. Give its folder with --shared.")
            continue
        rows = read(path)
        labels = tuple(sorted({str(row.target) for row in rows}))
        yield Work(model, name, text, Task("label", labels=labels), rows[arguments.rows : 2000], rows[: arguments.rows])


def measure(work: Work, arguments: argparse.Namespace) -> list[Row]:
    """The first and the last validation of a tuning; with the last, the verdicts of all."""
    start, kept = eg.start(work.model, work.prompt), dict[int, Tensor]()
    options = TuningSettings(
        learning_rate="0.5rms", batch_size=arguments.batch, epochs=0.01, min_steps=arguments.steps,
        evaluate_every=arguments.every, patience=arguments.steps,
    )  # fmt: skip
    parts, judging = tuning_parts(work.train, work.validation, 0, columns=()), Judging(work.task)
    ready = Setup.prepare(work.model, start, parts, options, judging)
    rate = 0.5 * work.model.table_rms
    ready.run(options, rate, watch=Watch(snapshot=lambda step, embeddings: kept.update({step: embeddings.cpu()})))
    compared = differing = 0
    rows: list[Row] = []
    for step, embeddings in kept.items():
        is_timed = step in (min(kept), max(kept))
        full, found, times = _both(ready.judge, start.moved(embeddings), arguments.repeats if is_timed else 0)
        compared += len(found)
        differing += sum(one != other for one, other in zip(full, found, strict=True))
        if is_timed:
            by_full, by_verdicts = (median(part) for part in zip(*times, strict=True))
            rows.append({
                "model": work.model.identity.name, "data": work.data, "dtype": work.model.dtype_name,
                "rows": len(found), "step": step, "correct": sum(map(bool, found)), "full_seconds": by_full,
                "seconds": by_verdicts, "ratio": by_full / by_verdicts, "compared": compared, "differing": differing,
            })  # fmt: skip
    return rows


def _both(
    judge: Judge, prompt: SoftPrompt, repeats: int
) -> tuple[list[bool | None], list[bool | None], list[tuple[float, float]]]:
    """Verdicts of each row in full, and those alone; seconds of both, in turn."""
    bound = prompt.bind(judge.model)
    full, found = judge.judge(bound, "it"), verdicts_of(judge, bound, "it")  # uncounted: each new shape costs time once
    if found.loss != full.score.loss:
        raise SystemExit(f"The loss is {found.loss} by verdicts and {full.score.loss} in full. Nothing was timed.")
    device = judge.model.device
    times = [
        (
            seconds_of(lambda: judge.judge(bound, "it"), device),
            seconds_of(lambda: verdicts_of(judge, bound, "it"), device),
        )
        for _ in range(repeats)
    ]
    return [row.correct for row in full.predictions], [row.correct for row in found.rows], times


def draw(rows: Sequence[Row]) -> Figure:
    groups = [f"{row['data']}\nstep {row['step']}" for row in rows]
    series = {"answers": [row["full_seconds"] for row in rows], "verdicts": [row["seconds"] for row in rows]}
    return bars(groups, series, "seconds per validation", (OTHER, OURS))


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__, presets=False)
    works = {"pocket": of_pocket, "smollm2": of_smollm2}
    parser.add_argument("--models", nargs="+", choices=tuple(works), default=tuple(works))
    parser.add_argument("--tasks", nargs="+", choices=NAMES, default=NAMES, help="of the bundled model")
    parser.add_argument("--data", nargs="+", choices=tuple(DATA), default=("sst2", "trec"), help="for smollm2")
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder that has data/sst2, data/trec ...")
    parser.add_argument("--rows", type=int, default=160, help="at most so many validation rows")
    parser.add_argument("--batch", type=int, default=16, help="rows of a step")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--every", type=int, default=2, help="steps between validations")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args(words)
    rows: list[Row] = []
    for name in arguments.models:
        for work in works[name](arguments):
            say(f"{name} on {work.data}")
            rows.extend(measure(work, arguments))
    deliver(arguments, rows, COLUMNS, draw, setup(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
