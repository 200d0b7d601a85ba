"""The figures of docs/pocket.md: seeds and random starts, learning rates and drift, number of rows.

    python -m tools.pocket.study run --part 0 --of 2      # each trial is a line of build/pocket/study.jsonl
    python -m tools.pocket.study show                     # tables on stdout, docs/pocket.svg

Started again, `run` leaves out what is there. Two processes with one thread each do it in the least time on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch.nn import functional

from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import compare_accuracy
from embedgrad.jobs.python import tune
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import POCKET, load_model
from embedgrad.pocket.tasks import NAMES, PocketTask, load_task
from embedgrad.pocket.trial import SETTINGS, best_prompt, settings_of
from embedgrad.prompt.place import start
from embedgrad.prompt.soft_prompt import SoftPrompt

FILE = Path("build/pocket/study.jsonl")
FIGURE = Path("docs/pocket.svg")
STUDIED = ("desk", "reviews")
RATES = ("0.05rms", "0.1rms", "0.2rms", "0.5rms", "1rms")
ROWS = (10, 30, 60, 120, 240, 480)


@dataclass(frozen=True)
class Case:
    """One tuning: which task, from which start, with which rate, on how many rows."""

    task: str
    seed: int = 0
    start: Literal["text", "random"] = "text"
    rate: str = str(SETTINGS.learning_rate)
    rows: int = 480


def cases() -> Iterator[Case]:
    """All cases, each once."""
    found: dict[Case, None] = {}
    for task in NAMES:
        for seed in range(3):
            found[Case(task, seed)] = None
            found[Case(task, seed, "random")] = None
    for task in STUDIED:
        found |= dict.fromkeys(Case(task, rate=rate) for rate in RATES)
        found |= dict.fromkeys(Case(task, rows=rows) for rows in ROWS)
    yield from found


def nearest_kept(model: FrozenModel, before: torch.Tensor, after: torch.Tensor) -> float:
    """Share of positions [P] whose nearest row of the table by cosine is still the one it started from."""
    table = functional.normalize(model.table.float(), dim=1)
    first = (functional.normalize(before, dim=1) @ table.T).argmax(1)
    now = (functional.normalize(after, dim=1) @ table.T).argmax(1)
    return float((first == now).float().mean())


def run_case(model: FrozenModel, task: PocketTask, best: SoftPrompt, case: Case) -> dict[str, Any]:
    """Tune one case and judge it on the test rows beside the best written prompt."""
    parts = task.parts()
    first = best if case.start == "text" else start(model, best.text or "", kind="random", seed=case.seed)
    settings = settings_of(task, case.seed).model_dump() | {"learning_rate": case.rate}
    run = tune(model, first, parts.train[: case.rows], validation=parts.validation, task=task.task, **settings)
    artifacts = {"text": best.bind(model), "tuned": run.prompt.bind(model)}
    text, tuned = (
        Judge.prepare(bound, parts.test, Judging(task.task)).judge(bound, name) for name, bound in artifacts.items()
    )
    before, after = run.start.embeddings, run.prompt.embeddings
    comparison = compare_accuracy(text, tuned)
    assert comparison is not None
    return {
        **asdict(case),
        "text": text.score.model_dump(mode="json"),
        "tuned": tuned.score.model_dump(mode="json"),
        "comparison": comparison.model_dump(mode="json"),
        "drift": run.drift,
        "cosine": float(functional.cosine_similarity(before, after).median()),
        "kept": nearest_kept(model, before, after),
        "steps": run.steps,
        "best_step": run.best_step,
        "seconds": run.seconds,
    }


def run(part: int, of: int) -> None:
    """Run this part of the cases that are not in FILE yet."""
    model = load_model(POCKET)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    chosen: dict[str, SoftPrompt] = {}
    for case in list(cases())[part::of]:
        if case in {Case(**{name: row[name] for name in asdict(case)}) for row in results()}:
            continue
        task = load_task(case.task)
        if case.task not in chosen:
            chosen[case.task] = best_prompt(model, task, task.parts().validation)[0]
        row = run_case(model, task, chosen[case.task], case)
        with FILE.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(
            case, f"{row['text']['accuracy']:.3f} -> {row['tuned']['accuracy']:.3f}, {row['seconds']:.1f} s", flush=True
        )


def results() -> list[dict[str, Any]]:
    """What is in FILE."""
    return [json.loads(line) for line in FILE.read_text("utf-8").splitlines()] if FILE.exists() else []


def _found(**wanted: object) -> list[dict[str, Any]]:
    return [row for row in results() if all(row[name] == value for name, value in wanted.items())]


def _per_cent(score: dict[str, Any]) -> str:
    low, high = score["interval"]
    return f"{100 * score['accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _meaning(score: dict[str, Any]) -> str:
    return f"{100 * score['by_meaning']['correct'] / score['by_meaning']['total']:.1f}"


def _table(header: str, rows: list[list[str]]) -> None:
    names = header.split("|")
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def show() -> None:
    """Print the tables and draw the figure."""
    default = {"rate": str(SETTINGS.learning_rate), "rows": 480}
    table = []
    for task in NAMES:
        text = _found(task=task, start="text", **default)
        random = _found(task=task, start="random", **default)
        if text:
            table.append(
                [task, _per_cent(text[0]["text"]), _meaning(text[0]["text"])]
                + [
                    " / ".join(f"{100 * r['tuned']['accuracy']:.1f}" for r in sorted(rows, key=lambda r: r["seed"]))
                    for rows in (text, random)
                ]
                + [
                    f"{100 * statistics.mean(r['tuned']['accuracy'] for r in rows):.1f}" if rows else "-"
                    for rows in (text, random)
                ]
                + [" / ".join(_meaning(r["tuned"]) for r in sorted(text, key=lambda r: r["seed"]))]
            )
    _table(
        "task|best written|by meaning|from text, seeds 0 / 1 / 2|from random|mean, text|mean, random|text, by meaning",
        table,
    )
    for task in STUDIED:
        print(f"{task}: learning rate, drift, accuracy\n")
        _table(
            "learning rate|drift (median)|cosine (median)|nearest token kept|strict accuracy|by meaning",
            [
                [
                    rate,
                    f"{r['drift']:.2f}",
                    f"{r['cosine']:.2f}",
                    f"{100 * r['kept']:.0f} %",
                    _per_cent(r["tuned"]),
                    _meaning(r["tuned"]),
                ]
                for rate in RATES
                for r in _found(task=task, seed=0, start="text", rate=rate, rows=480)
            ],
        )
        print(f"{task}: number of tuning rows\n")
        _table(
            "rows|strict accuracy|by meaning|seconds of tuning",
            [
                [str(n), _per_cent(r["tuned"]), _meaning(r["tuned"]), f"{r['seconds']:.0f}"]
                for n in ROWS
                for r in _found(task=task, seed=0, start="text", rate=default["rate"], rows=n)
            ],
        )
    draw()


def draw() -> None:
    """Three panels: accuracy against drift, learning rate and number of rows, with 95 % intervals."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "pocket"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), sharey=True, layout="constrained")
    rate = str(SETTINGS.learning_rate)
    for task, color in zip(STUDIED, ("#1b6ca8", "#c8553d"), strict=True):
        by_rate = [r for name in RATES for r in _found(task=task, seed=0, start="text", rate=name, rows=480)]
        by_rows = [r for n in ROWS for r in _found(task=task, seed=0, start="text", rate=rate, rows=n)]
        for axis, rows, places in (
            (axes[0], by_rate, [r["drift"] for r in by_rate]),
            (axes[1], by_rate, [float(r["rate"].removesuffix("rms")) for r in by_rate]),
            (axes[2], by_rows, [r["rows"] for r in by_rows]),
        ):
            heights = [100 * r["tuned"]["accuracy"] for r in rows]
            below = [h - 100 * r["tuned"]["interval"][0] for h, r in zip(heights, rows, strict=True)]
            above = [100 * r["tuned"]["interval"][1] - h for h, r in zip(heights, rows, strict=True)]
            axis.errorbar(places, heights, [below, above], marker="o", capsize=3, color=color, label=task)
            if rows:
                axis.axhline(100 * rows[0]["text"]["accuracy"], color=color, linestyle=":")
    axes[0].set_xlabel("drift: median distance moved / length at the start")
    axes[1].set_xlabel("learning rate (times the table's RMS)")
    axes[2].set_xlabel("tuning rows")
    axes[1].set_xscale("log")
    axes[2].set_xscale("log")
    axes[0].set_ylabel("strict accuracy, % of 400 test rows")
    axes[2].legend(title="dotted: best written prompt", frameon=False, loc="upper left")
    figure.savefig(FIGURE, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "show"))
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    given = parser.parse_args()
    if given.what == "run":
        run(given.part, given.of)
    else:
        show()


if __name__ == "__main__":
    main()
