"""How prompts learn: updates, schedules, starts, and which step is kept, over tasks and seeds. Resumable.

    python benchmarks/learning.py tune RUNS.jsonl --tasks desk reviews --arms default adamw --seeds 0 1
    python benchmarks/learning.py tune RUNS.jsonl --tasks trec sst2 --arms default --seeds 0 1 2 3 4 --test
    python benchmarks/learning.py table RUNS.jsonl
    python benchmarks/learning.py rules RUNS.jsonl

tune    one run for every task, arm (updates.py) and seed that RUNS.jsonl does not have yet, a line each. The pocket's
        tasks go over their rows ten times, the real data sets three times (150 steps of 16 rows). Only with --test are
        the test rows looked at: a search goes by the validation rows. `--worker 1 --workers 2` takes every second run
table   of each task and arm: validation, and where it was measured test accuracy, drift, seconds
rules   of runs with --test: the step that each rule would keep, by what the validation rows said, and its test accuracy

Seconds are those of the processor, on one thread, so that other work on the machine does not count: tuning and its
validations, without loading, choosing the start and testing. `--at-most-seconds-of OTHER.jsonl` ends a run when it has
taken as many as the run of the same task and seed there by the default, and keeps the best so far.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from embedgrad.errors import Interrupted
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Evaluation
from embedgrad.events import StepDone, Validated
from embedgrad.methods.embeddings import Embeddings
from embedgrad.pocket.tasks import NAMES
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.prompt.trust_region import OriginalTokens, lead
from embedgrad.run.score import Score
from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings
from embedgrad.watch import Watch
from learning_tasks import REAL, LearningTask, learning_task
from outcome import Row, plain_table, say
from real_rows import SHARED

REAL_EPOCHS = 3.0


def tune(
    task: LearningTask, arm_name: str, seed: int, seconds: float | None, rows: int | None, test: bool, **settings: str
) -> Row:
    """One run, which ends when it has taken so many `seconds`."""
    from updates import ARMS

    arm = ARMS[arm_name]
    epochs = {"epochs": REAL_EPOCHS, "min_steps": 1} if task.name in REAL and rows is None else {}
    options = TuningSettings.model_validate({**epochs, **arm.settings, **settings, "seed": seed})
    start, part = arm.start(task), task.of_rows(rows)
    parts = tuning_parts(part.train, part.validation, 0, columns=())

    def method(model: Any, placed: SoftPrompt) -> Any:
        taken = {"clip_norm": options.clip_norm, "keep_nearest": options.keep_nearest}
        if optimizer := arm.optimizer_of(options):
            taken["optimizer"] = optimizer
        return arm.around(Embeddings.prepare(model, placed, **taken))

    snapshots: dict[int, Any] = {}
    validations: list[dict[str, Any]] = []
    steps = 0
    began = time.process_time()

    def heard(event: object) -> None:
        nonlocal steps
        taken = time.process_time() - began
        if isinstance(event, StepDone):
            if seconds is not None and taken > seconds:
                raise KeyboardInterrupt
            steps = event.step
        if isinstance(event, Validated):
            validations.append({"step": event.step, "seconds": taken, "loss": event.loss, "strict": event.accuracy})

    setup = Setup.prepare(task.model, start, parts, options, Judging(task.task), method=method)
    parameters, table_rms = task.model.parameters, task.model.table_rms
    by = [options.optimizer] if hasattr(options, "optimizer") else []
    rate = resolve_learning_rate(options.learning_rate, parameters, table_rms, *by)
    try:
        end = setup.run(options, rate, watch=Watch(event=heard, snapshot=snapshots.__setitem__))
    except Interrupted as error:
        end = error.state
    taken = time.process_time() - began
    kept = end.best.step
    prompt = start.moved(snapshots[kept])
    found = {
        "task": task.name,
        "arm": arm_name,
        "seed": seed,
        "rows": rows,
        "steps": steps,
        "finished": end.finished,
        "seconds": taken,
        "validation_rows": len(setup.judge.rows),
        "validations": validations,
        "kept": kept,
        **_moved(task, start, prompt),
    }
    return found | (_tested(task, start, snapshots, found, setup.judge) if test else {})


def _moved(task: LearningTask, start: SoftPrompt, prompt: SoftPrompt) -> Row:
    """Median drift in lengths, and the share of tokens that are still the nearest to their vector."""
    length = start.embeddings.norm(dim=1)
    tokens = OriginalTokens(start.embeddings, task.model.embed(range(task.model.vocabulary)))
    return {
        "drift": float(((prompt.embeddings - start.embeddings).norm(dim=1) / length).median()),
        "nearest": float((lead(prompt.embeddings, tokens) > 0).double().mean()),
    }


def _tested(task: LearningTask, start: SoftPrompt, snapshots: Mapping[int, Any], found: Row, judge: Judge) -> Row:
    """What every validated prompt is by further measures on the validation rows, and on the test rows those that some
    rule would keep."""
    by = "both" if task.task.labels else "generation"
    wide = Judge.prepare(judge.bound, judge.examples, Judging(task.task, by))
    for validation in found["validations"]:
        score = wide.judge(start.moved(snapshots[validation["step"]]).bind(task.model), "validation").score
        validation |= {"f1": score.macro_f1 and score.macro_f1.value, "likelihood": _likelihood(score)}
    tester = Judge.prepare(start.bind(task.model), task.test, Judging(task.task, by))
    picks = {0, found["kept"], *(rule(found["validations"], found["validation_rows"]) for rule in RULES.values())}
    tests = {step: tester.judge(start.moved(snapshots[step]).bind(task.model), "test") for step in sorted(picks)}
    return {"test_rows": len(tester.rows), "tests": {step: _figures(test) for step, test in tests.items()}}


def _figures(test: Evaluation) -> Row:
    score = test.score
    return {"correct": score.correct, "loss": score.loss, "likelihood": _likelihood(score)}


def _likelihood(score: Score) -> float | None:
    found = score.by_likelihood
    return found and found.correct / found.total


def _highest(name: str) -> Callable[[Sequence[Mapping[str, Any]], int], int]:
    """The highest of that measure, of equals the lower loss: today's rule until now, by strict accuracy."""

    def rule(found: Sequence[Mapping[str, Any]], rows: int) -> int:
        return int(max(found, key=lambda one: (one[name] or 0.0, -one["loss"]))["step"])

    return rule


def _within_an_error(name: str) -> Callable[[Sequence[Mapping[str, Any]], int], int]:
    """The lowest loss among those within one standard error of the highest of that measure."""

    def rule(found: Sequence[Mapping[str, Any]], rows: int) -> int:
        best = max(one[name] or 0.0 for one in found)
        least = best - (best * (1 - best) / rows) ** 0.5
        return int(min((one for one in found if (one[name] or 0.0) >= least), key=lambda one: one["loss"])["step"])

    return rule


RULES: Mapping[str, Callable[[Sequence[Mapping[str, Any]], int], int]] = {
    "highest strict accuracy": _highest("strict"),
    "lowest loss within an error of it": _within_an_error("strict"),
    "highest macro-F1": _highest("f1"),
    "lowest loss within an error of it (F1)": _within_an_error("f1"),
    "highest likelihood accuracy": _highest("likelihood"),
    "lowest loss within an error of it (likelihood)": _within_an_error("likelihood"),
    "lowest loss": lambda found, rows: int(min(found, key=lambda one: one["loss"])["step"]),
    "last": lambda found, rows: int(found[-1]["step"]),
}


def read(path: Path) -> list[Row]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _key(run: Row) -> tuple[Any, ...]:
    return run["task"], run["arm"], run["seed"], run["rows"]


def table(runs: Sequence[Row]) -> str:
    """A line for each task and arm: means over seeds, and the standard deviation between them."""
    header = ["task", "arm", "seeds", "kept, validation", "last", "loss", "test", "between seeds", "likelihood", "text"]
    header += ["drift", "nearest", "steps", "seconds"]
    lines = []
    for (task, arm, rows), group in groupby(sorted(runs, key=_by_arm), key=_by_arm):
        mine = list(group)
        tests = [_share(run, run["kept"]) for run in mine if "tests" in run]
        kept = [next(v for v in run["validations"] if v["step"] == run["kept"]) for run in mine]
        lines.append(
            [
                f"{task}, {rows} rows" if rows else task,
                arm,
                str(len(mine)),
                _percent(v["strict"] for v in kept),
                _percent(run["validations"][-1]["strict"] for run in mine),
                f"{fmean(v['loss'] for v in kept):.3f}",
                _percent(tests) if tests else "-",
                f"{100 * stdev(tests):.1f}" if len(tests) > 1 else "-",
                _percent(_likelihoods(mine)) if _likelihoods(mine) else "-",
                _percent(_share(run, 0) for run in mine if "tests" in run) if tests else "-",
                f"{fmean(run['drift'] for run in mine):.1f}",
                _percent(run["nearest"] for run in mine),
                f"{fmean(run['steps'] for run in mine):.0f}",
                f"{fmean(run['seconds'] for run in mine):.0f}",
            ]
        )
    return plain_table(header, lines)


def _by_arm(run: Row) -> tuple[Any, ...]:
    return run["task"], run["arm"], run["rows"] or 0


def _share(run: Row, step: int) -> float:
    return float(run["tests"][str(step)]["correct"] / run["test_rows"])


def _likelihoods(runs: Sequence[Row]) -> list[float]:
    found = [run["tests"][str(run["kept"])]["likelihood"] for run in runs if "tests" in run]
    return [one for one in found if one is not None]


def _percent(shares: Iterable[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{100 * fmean(known):.1f}" if known else "-"


def rules(runs: Sequence[Row]) -> str:
    """What each rule would have kept: mean test accuracy over runs, against the first rule of RULES in the runs where
    they differ."""
    tested = [run for run in runs if "tests" in run and run["validations"][0].get("likelihood") is not None]
    lines = []
    for name, rule in RULES.items():
        shares = {_key(run): _share(run, rule(run["validations"], run["validation_rows"])) for run in tested}
        first = {
            _key(run): _share(run, next(iter(RULES.values()))(run["validations"], run["validation_rows"]))
            for run in tested
        }
        apart = [shares[key] - first[key] for key in shares if shares[key] != first[key]]
        error = 100 * stdev(shares[key] - first[key] for key in shares) / len(shares) ** 0.5
        gain = 100 * fmean(shares[key] - first[key] for key in shares)
        better = sum(one > 0 for one in apart)
        lines.append([name, _percent(shares.values()), f"{gain:+.2f}", f"{error:.2f}", f"{better} of {len(apart)}"])
    header = [
        "kept",
        f"test, mean of {len(tested)} runs",
        "against the first",
        "standard error",
        "better where it differs",
    ]
    return plain_table(header, lines)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    tuning = commands.add_parser("tune")
    tuning.add_argument("runs", type=Path)
    tuning.add_argument("--tasks", nargs="+", choices=(*NAMES, *REAL), required=True)
    tuning.add_argument("--arms", nargs="+", default=["default"])
    tuning.add_argument("--seeds", nargs="+", type=int, default=[0])
    tuning.add_argument("--rows", type=int, help="tuning rows, with a quarter as many for validation")
    tuning.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="further settings of tune")
    tuning.add_argument("--test", action="store_true")
    tuning.add_argument("--at-most-seconds-of", type=Path)
    tuning.add_argument("--shared", type=Path, default=SHARED)
    tuning.add_argument("--smollm2", default="smollm2", help="the real model")
    tuning.add_argument("--worker", type=int, default=0)
    tuning.add_argument("--workers", type=int, default=1)
    for name in ("table", "rules"):
        commands.add_parser(name).add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args(words)
    if arguments.command != "tune":
        found = [run for path in arguments.runs for run in read(path)]
        print((table if arguments.command == "table" else rules)(found))
        return 0
    torch.set_num_threads(1)
    limits = {
        _key(run): run["seconds"]
        for run in (read(arguments.at_most_seconds_of) if arguments.at_most_seconds_of else [])
    }
    queue = [(task, seed, arm) for task in arguments.tasks for seed in arguments.seeds for arm in arguments.arms]
    for task_name, seed, arm in queue[arguments.worker :: arguments.workers]:
        key = (task_name, arm, seed, arguments.rows)
        if key in {_key(run) for run in read(arguments.runs)}:
            continue
        task = learning_task(task_name, arguments.shared, smollm2=arguments.smollm2)
        limit = limits[(task_name, "default", seed, arguments.rows)] if arguments.at_most_seconds_of else None
        run = tune(
            task, arm, seed, limit, arguments.rows, arguments.test, **dict(one.split("=") for one in arguments.set)
        )
        with arguments.runs.open("a", encoding="utf-8") as file:
            file.write(json.dumps(run) + "\n")
        last = run["validations"][-1]
        say(f"{task_name}, {arm}, {seed}: validation {last['strict']}, loss {last['loss']:.3f}, {run['seconds']:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
