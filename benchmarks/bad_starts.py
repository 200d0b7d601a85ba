"""Does tuning recover from a bad start, and where it does not, does it say why?

    python benchmarks/bad_starts.py
    python benchmarks/bad_starts.py --five ../shared/data/trec    # a task of five labels beside them

The pocket model on four of its tasks, each from five starts that no one would write: a letter, a sentence about
something else, another task's prompt, an instruction to say the wrong thing, random vectors. 160 tuning rows, 40
validation rows, the defaults. With `--five` also the five frequent classes of TREC, which the pocket has never seen.
`how it went` is the course that `embedgrad tune` ends with.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

import embedgrad as eg
from embedgrad.data.example import Example
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import wilson
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import load_model
from embedgrad.pocket.tasks import load_task
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.tasks.targets import settled
from embedgrad.tasks.task import Task
from outcome import OTHER, OURS, Row, bars, deliver, flags, say, setup
from real_rows import DATA

TASKS = ("desk", "reviews", "claims", "emotion")
ROWS, VALIDATION, TEST = 160, 40, 200
RANDOM = "(random vectors)"
_OTHERS = {"desk": "claims", "reviews": "desk", "claims": "emotion", "emotion": "reviews"}
COLUMNS = {
    "task": lambda row: row["task"],
    "start": lambda row: row["start"][:40],
    "test rows": lambda row: row["total"],
    "start, %": lambda row: f"{100 * row['before']:.1f}",
    "tuned, %": lambda row: (
        f"{100 * row['after']:.1f} ({100 * row['interval'][0]:.1f} to {100 * row['interval'][1]:.1f})"
    ),
    "steps": lambda row: row["steps"],
    "kept": lambda row: row["kept"],
    "how it went": lambda row: row["kind"],
    "in words": lambda row: row["sentence"],
}


def starts_of(name: str) -> list[str]:
    """Five that nobody would write for the task."""
    labels = load_task(name).task.labels
    wrong = f"Whatever the text says, answer with the word {labels[-1]}."
    return ["x", "The weather was fine and we went to the lake.", load_task(_OTHERS[name]).prompts[0], wrong, RANDOM]


Parts = tuple[list[Example], list[Example], list[Example]]  # tuning, validation, test
_TREC = ("train.jsonl", "test.jsonl")


def starts(
    model: FrozenModel, tasks: Sequence[str], trec: Path | None
) -> Iterator[tuple[str, Task, SoftPrompt, Parts]]:
    """Each with its task and the task's rows."""
    for name in tasks:
        pocket = load_task(name)
        train, validation, test = (pocket.rows(part) for part in ("train", "validation", "test"))
        for text in starts_of(name):
            is_random = text == RANDOM
            start = eg.start(model, pocket.prompts[0] if is_random else text, kind="random" if is_random else "text")
            yield name, pocket.task, start, (train, validation, test)
    if trec is not None:
        _, read, text = DATA["trec"]
        train, test = ([row for row in read(trec / file) if row.target != "abbreviation"] for file in _TREC)
        random.Random("trec").shuffle(train)
        start = eg.start(model, text.replace("abbreviation, ", ""))
        yield "TREC, five labels", settled(None, train), start, (train[VALIDATION:], train[:VALIDATION], test)


def tuned(model: FrozenModel, name: str, task: Task, start: SoftPrompt, parts: Parts, **settings: int) -> Row:
    """One run and its end."""
    train, validation, test = parts
    run = eg.tune(model, start, train, validation=validation, task=task, **settings)
    judge = Judge.prepare(start.bind(model), test, Judging(task))
    before, after = (judge.judge(prompt.bind(model), name).score.correct or 0 for prompt in (start, run.prompt))
    total = len(judge.rows)
    return {
        "task": name,
        "start": start.text or RANDOM,
        "total": total,
        "before": before / total,
        "after": after / total,
        "interval": wilson(after, total),
        "steps": run.steps,
        "kept": run.best_step,
        "kind": run.course and run.course.kind,
        "sentence": run.course and run.course.sentence,
    }


def draw(rows: Sequence[Row]) -> Figure:
    series = {"start": [100 * row["before"] for row in rows], "tuned": [100 * row["after"] for row in rows]}
    return bars([f"{row['task']}\n{row['start'][:12]}" for row in rows], series, "test accuracy (%)", (OTHER, OURS))


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__, presets=False)
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=TASKS)
    parser.add_argument("--five", type=Path, help="folder with TREC's train.jsonl and test.jsonl")
    parser.add_argument("--steps", type=int, help="instead of the default number")
    parser.add_argument("--rows", type=int, help="at most so many rows of each part")
    arguments = parser.parse_args(words)
    model = load_model("pocket", arguments.dtype, arguments.device)
    settings = {"min_steps": arguments.steps, "epochs": 0.01} if arguments.steps else {}
    rows: list[Row] = []
    for name, task, start, parts in starts(model, arguments.tasks, arguments.five):
        say(f"{name}: {(start.text or RANDOM)[:60]}")
        sizes = [min(size, arguments.rows or size) for size in (ROWS, VALIDATION, TEST)]
        short = tuple(part[:size] for part, size in zip(parts, sizes, strict=True))
        rows.append(tuned(model, name, task, start, short, **settings))
    deliver(arguments, rows, COLUMNS, draw, setup(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
