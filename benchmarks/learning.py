"""How prompts learn: updates, schedules, starts, and which step is kept, over tasks and seeds. Resumable.

    python benchmarks/learning.py tune RUNS.jsonl --tasks desk reviews --arms default adamw --seeds 0 1
    python benchmarks/learning.py table RUNS.jsonl
    python benchmarks/learning.py test RUNS.jsonl
    python benchmarks/learning.py rules RUNS.jsonl

tune    one run for every task, arm (updates.py) and seed that RUNS.jsonl does not have yet, a line each, its prompts at
        every validation in RUNS.prompts. The pocket's tasks go over their rows ten times, the real data sets three
        times (150 steps of 16 rows). `--worker 1 --workers 2` takes every second run
test    what was kept, on the test rows, which a search never looks at, in RUNS.tests.jsonl; with --measures also what
        each of RULES would have kept, by further measures on the validation rows
table   of each task and arm: validation, and where it was measured test accuracy, drift, seconds
rules   of runs tested with --measures: mean test accuracy by each rule

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
from torch import Tensor

from embedgrad.errors import Interrupted
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.events import StepDone, Validated
from embedgrad.pocket.tasks import NAMES
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.prompt.trust_region import OriginalTokens, lead
from embedgrad.tuning.learning_rate import resolve_learning_rate
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings
from embedgrad.watch import Watch
from learning_tasks import REAL, Arm, LearningTask, learning_task
from outcome import Row, plain_table, say
from real_rows import SHARED

REAL_EPOCHS = 3.0


def tune(
    task: LearningTask, arm_name: str, seed: int, seconds: float | None, rows: int | None, **settings: str
) -> tuple[Row, dict[int, Tensor]]:
    """One run, which ends when it has taken so many `seconds`, and its prompt [P, D] at every validation, by step."""
    arm = _arm(arm_name)
    epochs = {"epochs": REAL_EPOCHS, "min_steps": 1} if task.name in REAL and rows is None else {}
    options = TuningSettings.model_validate({**epochs, **arm.settings, **settings, "seed": seed})
    start, part = arm.start(task), task.of_rows(rows)
    parts = tuning_parts(part.train, part.validation, 0, columns=())

    snapshots: dict[int, Tensor] = {}
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

    setup = arm.applied(Setup.prepare(task.model, start, parts, options, Judging(task.task)))
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
    return found, snapshots


def _arm(name: str) -> Arm:
    """An older embedgrad, whose defaults are run as well, has not all that the others are made of."""
    if name == "default":
        return Arm()
    from updates import ARMS

    return ARMS[name]


def _moved(task: LearningTask, start: SoftPrompt, prompt: SoftPrompt) -> Row:
    """Median drift in lengths, and the share of tokens that are still the nearest to their vector."""
    length = start.embeddings.norm(dim=1)
    tokens = OriginalTokens(start.embeddings, task.model.embed(range(task.model.vocabulary)))
    return {
        "drift": float(((prompt.embeddings - start.embeddings).norm(dim=1) / length).median()),
        "nearest": float((lead(prompt.embeddings, tokens) > 0).double().mean()),
    }


def tested(task: LearningTask, run: Row, snapshots: Mapping[int, Tensor], measures: bool) -> Row:
    """The start and what was kept on the test rows; with `measures` what every rule would keep, too, and every
    validated prompt by further measures on the validation rows."""
    from embedgrad.evaluation.verdicts import verdicts_of

    start = _arm(run["arm"]).start(task)
    labels = bool(task.task.labels)
    judging = Judging(task.task, "both" if labels and measures else "generation")
    picks, further = {0, run["kept"]}, {}
    if measures:
        wide = Judge.prepare(start.bind(task.model), task.of_rows(run["rows"]).validation, judging)
        for validation in run["validations"]:
            score = wide.judge(start.moved(snapshots[validation["step"]]).bind(task.model), "validation").score
            f1, likelihood = score.macro_f1, score.by_likelihood
            further[validation["step"]] = {
                "f1": f1 and f1.value,
                "likelihood": likelihood and likelihood.correct / likelihood.total,
            }
            validation |= further[validation["step"]]
        picks |= {rule(run["validations"], run["validation_rows"]) for rule in RULES.values()}
    tester = Judge.prepare(start.bind(task.model), task.test, judging)
    tests = {}
    for step in sorted(picks):
        found = verdicts_of(tester, start.moved(snapshots[step]).bind(task.model), "test")
        tests[step] = {"correct": sum(bool(row.correct) for row in found.rows), "loss": found.loss}
    if labels:
        likelier = Judge.prepare(start.bind(task.model), task.test, Judging(task.task, "likelihood"))
        score = likelier.judge(start.moved(snapshots[run["kept"]]).bind(task.model), "test").score
        tests[run["kept"]]["likelihood"] = score.by_likelihood and score.by_likelihood.correct
    return {"test_rows": len(tester.rows), "tests": tests, "measures": further}


Rule = Callable[[Sequence[Mapping[str, Any]], int], int]
"""The step that is kept of validations on so many rows."""


def _highest(name: str) -> Rule:
    """The highest of that measure, of equals the lower loss: by strict accuracy the rule of earlier versions."""

    def rule(found: Sequence[Mapping[str, Any]], rows: int) -> int:
        return int(max(found, key=lambda one: (one[name] or 0.0, -one["loss"]))["step"])

    return rule


def _within_an_error(name: str) -> Rule:
    """`choice.kept`, by that measure in the place of accuracy."""

    def rule(found: Sequence[Mapping[str, Any]], rows: int) -> int:
        from embedgrad.tuning.choice import Validation, kept

        return int(found[kept([Validation(one["loss"], one[name], rows) for one in found])]["step"])

    return rule


RULES: Mapping[str, Rule] = {
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
    """The runs, each with what its test said where there was one."""
    tests = {_key(one): one for one in _lines(path.with_suffix(".tests.jsonl"))}
    runs = _lines(path)
    for run in runs:
        found = tests.get(_key(run), {})
        for validation in run["validations"]:
            validation |= found.get("measures", {}).get(str(validation["step"]), {})
        run |= {name: found[name] for name in ("test_rows", "tests") if name in found}
    return runs


def _lines(path: Path) -> list[Row]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _append(path: Path, row: Row) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _prompts(path: Path, run: Row) -> Path:
    folder = path.with_suffix(".prompts")
    folder.mkdir(exist_ok=True)
    return folder / f"{'-'.join(map(str, _key(run)))}.pt"


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
    found = [(run["tests"][str(run["kept"])].get("likelihood"), run["test_rows"]) for run in runs if "tests" in run]
    return [right / rows for right, rows in found if right is not None]


def _percent(shares: Iterable[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{100 * fmean(known):.1f}" if known else "-"


def rules(runs: Sequence[Row]) -> str:
    """What each rule would have kept: mean test accuracy over runs, against the first rule of RULES in the runs where
    they differ."""
    known = [run for run in runs if "tests" in run and run["validations"][0].get("likelihood") is not None]
    shares = {
        name: [_share(run, rule(run["validations"], run["validation_rows"])) for run in known]
        for name, rule in RULES.items()
    }
    first, lines = next(iter(shares.values())), []
    for name, mine in shares.items():
        apart = [one - other for one, other in zip(mine, first, strict=True)]
        gain, error = 100 * fmean(apart), 100 * stdev(apart) / len(apart) ** 0.5
        better = f"{sum(one > 0 for one in apart)} of {sum(one != 0 for one in apart)}"
        lines.append([name, _percent(mine), f"{gain:+.2f}", f"{error:.2f}", better])
    header = ["kept", f"test, mean of {len(known)} runs", "against the first", "standard error", "better where apart"]
    return plain_table(header, lines)


def run_tune(arguments: argparse.Namespace) -> None:
    others = [] if arguments.at_most_seconds_of is None else read(arguments.at_most_seconds_of)
    limits = {_key(run): run["seconds"] for run in others}
    queue = [(task, seed, arm) for task in arguments.tasks for seed in arguments.seeds for arm in arguments.arms]
    for task_name, seed, arm in queue[arguments.worker :: arguments.workers]:
        if (task_name, arm, seed, arguments.rows) in {_key(run) for run in _lines(arguments.runs)}:
            continue
        task = learning_task(task_name, arguments.shared, smollm2=arguments.smollm2)
        limit = limits[(task_name, "default", seed, arguments.rows)] if others else None
        settings = dict(one.split("=", 1) for one in arguments.set)
        run, snapshots = tune(task, arm, seed, limit, arguments.rows, **settings)
        torch.save(snapshots, _prompts(arguments.runs, run))
        _append(arguments.runs, run)
        last = run["validations"][-1]
        say(f"{task_name}, {arm}, {seed}: validation {last['strict']}, loss {last['loss']:.3f}, {run['seconds']:.0f} s")


def run_test(arguments: argparse.Namespace) -> None:
    path = arguments.runs.with_suffix(".tests.jsonl")
    for run in _lines(arguments.runs)[arguments.worker :: arguments.workers]:
        if _key(run) in {_key(one) for one in _lines(path)}:
            continue
        task = learning_task(run["task"], arguments.shared, smollm2=arguments.smollm2)
        snapshots = torch.load(_prompts(arguments.runs, run))
        names = ("task", "arm", "seed", "rows")
        _append(path, {name: run[name] for name in names} | tested(task, run, snapshots, arguments.measures))
        say(f"tested {', '.join(map(str, _key(run)))}")


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    tuning, testing = commands.add_parser("tune"), commands.add_parser("test")
    for one in (tuning, testing):
        one.add_argument("runs", type=Path)
        one.add_argument("--shared", type=Path, default=SHARED)
        one.add_argument("--smollm2", default="smollm2", help="the real model")
        one.add_argument("--worker", type=int, default=0)
        one.add_argument("--workers", type=int, default=1)
    tuning.add_argument("--tasks", nargs="+", choices=(*NAMES, *REAL), required=True)
    tuning.add_argument("--arms", nargs="+", default=["default"])
    tuning.add_argument("--seeds", nargs="+", type=int, default=[0])
    tuning.add_argument("--rows", type=int, help="tuning rows, with a quarter as many for validation")
    tuning.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="further settings of tune")
    tuning.add_argument("--at-most-seconds-of", type=Path)
    testing.add_argument("--measures", action="store_true")
    for name in ("table", "rules"):
        commands.add_parser(name).add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    if arguments.command in ("tune", "test"):
        (run_tune if arguments.command == "tune" else run_test)(arguments)
    else:
        found = [run for path in arguments.runs for run in read(path)]
        print((table if arguments.command == "table" else rules)(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
