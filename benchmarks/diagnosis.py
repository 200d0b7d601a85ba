"""Which signs of a starting prompt tell, before tuning, that tuning will not help (section 5.5)?

    python benchmarks/diagnosis.py --output build/diagnosis

On tasks of the pocket model, every written prompt and some that have nothing to do with the task are measured on
validation rows and tuned with the demo's settings for the task; the outcome is the strict
accuracy after the last step, on the same validation rows. A sign is judged by its area under the ROC curve for two
kinds of bad starts, 0.5 being chance and 1 the best: those from which tuning ends less than 10 points above the most
frequent answer (no help), and those from which it ends at least 10 points below the task's best start (less help);
and within each task by Spearman's rho with what is reached.

Each start is a line of OUTPUT/starts.jsonl; started again, what is there is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import spearmanr

from embedgrad.analysis.diagnosis.measure import diagnosis, majority, told_apart
from embedgrad.durable import make_folder
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.events import Validated
from embedgrad.jobs.python import tune
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import POCKET, load_model
from embedgrad.pocket.tasks import PocketTask, load_task
from embedgrad.pocket.trial import settings_of
from embedgrad.prompt.place import start
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.score import Proportion
from embedgrad.tasks.task import Task
from embedgrad.tuning.tune import forward
from outcome import markdown_table, plain_table, say

TASKS = ("claims", "emotion", "orders", "reviews", "desk")
IRRELEVANT = (
    "Water the plants on Monday and close the window before you leave.",
    "The river runs past the old mill. In spring it is high and brown, in summer children swim there, and in the dark "
    "months nobody goes near it but the man who counts the boats, and he does not stay long either.",
    "Solve the problem step by step. Show each sum and write the number at the end.",
)
POINTS = 0.10
Row = dict[str, Any]
SIGNS: dict[str, Callable[[Row], float | None]] = {
    "strict accuracy": lambda row: row["accuracy"],
    "readable answers": lambda row: row["readable"],
    "not cut at the limit": lambda row: _minus(1.0, row["truncated"]),
    "right by meaning - majority": lambda row: _minus(row["meaning"], row["majority"]),
    "likeliest label right - majority": lambda row: _minus(row["likelihood"], row["majority"]),
    "targets told apart": lambda row: row["told_apart"],
    "loss": lambda row: -row["loss"],
    "loss below random words'": lambda row: row["random_words_loss"] - row["loss"],
    "reach of the gradient": lambda row: row["reach"],
}
"""Each so that more should be better."""


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def measured(model: FrozenModel, task: PocketTask, text: str, kind: str, most: int | None) -> Row:
    """One start: what is measured of it, and the strict accuracy on the validation rows before and after tuning."""
    began = time.monotonic()
    parts, prompt = task.parts(), start(model, text)
    score_by: ScoreBy = "both" if task.task.kind == "label" else "generation"
    bound = prompt.bind(model)
    judge = Judge.prepare(bound, parts.validation[:most], Judging(task.task, score_by))
    found = judge.judge(bound, "text")
    score, pairs = found.score, told_apart(judge, prompt, found)
    verdict = diagnosis(model, prompt, parts.validation[:most], Judging(task.task)).verdict
    before = Judge.prepare(bound, parts.validation, Judging(task.task)).judge(bound, "text").score
    settings = settings_of(task).model_dump() | {
        "evaluate_every": task.steps
    }  # judged at the start and at the end only
    run = tune(model, prompt, parts.train, validation=parts.validation, task=task.task, **settings)
    last = [event for event in run.events if isinstance(event, Validated)][-1]
    return {
        "task": task.name,
        "prompt": text,
        "kind": kind,
        "tokens": len(prompt),
        "rows": score.total,
        "before": before.accuracy,
        "after": last.accuracy,
        "after_loss": last.loss,
        "accuracy": score.accuracy,
        "meaning": _share(score.by_meaning),
        "likelihood": _share(score.by_likelihood),
        "majority": majority(judge.examples),
        "readable": sum(p.prediction is not None for p in found.predictions) / score.total,
        "truncated": score.truncated / score.total,
        "told_apart": _share(pairs),
        "verdict": verdict,
        "loss": score.loss,
        "random_words_loss": random_words_loss(judge, prompt),
        "reach": reach(judge, prompt),
        "seconds": round(time.monotonic() - began, 1),
    }


def random_words_loss(judge: Judge, prompt: SoftPrompt, seeds: int = 3) -> float:
    """Mean loss under `seeds` prompts of as many tokens, drawn evenly from the vocabulary."""
    losses = []
    for seed in range(seeds):
        words = start(judge.model, "a", kind="vocabulary", tokens=len(prompt), seed=seed)
        bound = words.bind(judge.model)
        other = Judge.prepare(bound, judge.examples, Judging(Task("text")))
        losses.append(other.judge(bound, "random words").score.loss)
    return fmean(losses)


def reach(judge: Judge, prompt: SoftPrompt, rows: int = 32) -> float:
    """Sum over positions of ||gradient|| * ||v||, divided by the loss: by how much of itself the loss would fall if
    each vector moved by its own length, were it straight."""
    found = forward(judge.model, prompt, judge.examples[:rows])
    return float((found.gradient.cpu().norm(dim=1) * prompt.embeddings.norm(dim=1)).sum()) / found.loss


def _share(found: Proportion | None) -> float | None:
    return None if found is None else found.correct / found.total


def starts(tasks: Sequence[str], written: int) -> Iterator[tuple[PocketTask, str, str]]:
    for name in tasks:
        task = load_task(name)
        yield from ((task, text, "written") for text in task.prompts[:written])
        yield from ((task, text, "irrelevant") for text in IRRELEVANT if name != "orders" or "sum" not in text)


def judged(rows: Sequence[Row]) -> list[Row]:
    """By sign: its areas for starts from which tuning is no help and less help, and its rho with what is reached in
    each task where both differ."""
    names = list(dict.fromkeys(row["task"] for row in rows))
    best = {name: max(row["after"] for row in rows if row["task"] == name) for name in names}
    usual = {name: majority(load_task(name).rows("validation")) for name in names}
    found = []
    for sign, value in SIGNS.items():
        known = [row for row in rows if value(row) is not None]
        rhos = {}
        for name in names:
            own = [(value(row), row["after"]) for row in known if row["task"] == name]
            if len(own) > 2 and all(len(set(values)) > 1 for values in zip(*own, strict=True)):
                rhos[name] = float(spearmanr(*zip(*own, strict=True)).statistic)
        no_help = _area([(value(row), row["after"] < usual[row["task"]] + POINTS) for row in known])
        less_help = _area([(value(row), row["after"] <= best[row["task"]] - POINTS) for row in known])
        found.append({"sign": sign, "starts": len(known), "no_help": no_help, "less_help": less_help, "rho": rhos})
    return found


def _area(values: Sequence[tuple[float | None, bool]]) -> float | None:
    """Share of (poor, other) pairs in which the poor start has the lower value; ties count half."""
    poor = [v for v, is_poor in values if is_poor and v is not None]
    others = [v for v, is_poor in values if not is_poor and v is not None]
    if not poor or not others:
        return None
    return sum((p < o) + 0.5 * (p == o) for p in poor for o in others) / (len(poor) * len(others))


def _cells(row: Row) -> list[str]:
    areas = ["-" if row[name] is None else f"{row[name]:.2f}" for name in ("no_help", "less_help")]
    rhos = ", ".join(f"{name} {rho:+.2f}" for name, rho in row["rho"].items())
    return [row["sign"], str(row["starts"]), *areas, rhos or "-"]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--written", type=int, default=5, help="only so many written prompts of a task")
    parser.add_argument("--most", type=int, help="only the first so many starts")
    parser.add_argument("--dtype", default="bfloat16", choices=("float32", "bfloat16"))
    parser.add_argument("--rows", type=int, help="only the first so many validation rows for the signs")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of the tables")
    parser.add_argument("--output", type=Path, default=Path("build/diagnosis"))
    arguments = parser.parse_args(words)
    make_folder(arguments.output)
    path = arguments.output / "starts.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows: list[Row] = [json.loads(line) for line in lines]
    done = {(row["task"], row["prompt"]) for row in rows}
    model = load_model(POCKET, arguments.dtype)
    for task, text, kind in list(starts(arguments.tasks, arguments.written))[: arguments.most]:
        if (task.name, text) in done:
            continue
        row = measured(model, task, text, kind, arguments.rows)
        rows.append(row)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        say(f"{task.name} {row['before']:.3f} -> {row['after']:.3f} in {row['seconds']} s: {text[:50]}")
    signs = judged(rows)
    header = ["sign", "starts", "area: no help", "area: less help", "rho with what is reached"]
    cells = [_cells(row) for row in signs]
    print(json.dumps({"rows": rows, "signs": signs}) if arguments.json else plain_table(header, cells))
    (arguments.output / "table.md").write_text(markdown_table(header, cells), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
