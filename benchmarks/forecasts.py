"""Does the course of a tuning so far say where it ends? Forecasts at half time against "as good as it was".

python benchmarks/forecasts.py RUNS.jsonl [NUMBER]    tunes the pocket model's tasks where RUNS.jsonl has fewer runs
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np

import embedgrad as eg
from embedgrad.evaluation.power_law import fit
from embedgrad.events import Validated
from embedgrad.pocket.tasks import NAMES, load_task

Forecast = Callable[[list[int], list[float], int], float]
"""Of a validation loss of the whole run: from the steps and losses of its validations so far, and its length."""


def last(steps: list[int], losses: list[float], end: int) -> float:
    return losses[-1]


def lowest(steps: list[int], losses: list[float], end: int) -> float:
    return min(losses)


def mean_of_three(steps: list[int], losses: list[float], end: int) -> float:
    return float(np.mean(losses[-3:]))


def straight(steps: list[int], losses: list[float], end: int) -> float:
    slope, height = np.polyfit(steps[-3:], losses[-3:], 1)
    return max(0.0, float(height + slope * end))


def power_law(steps: list[int], losses: list[float], end: int) -> float:
    law = fit([step + 20 for step in steps], -np.array(losses), np.ones(len(steps)), 0.0)
    return -float(law.at(end + 20))


def law_without_start(steps: list[int], losses: list[float], end: int) -> float:
    return power_law(steps[1:], losses[1:], end)


def halfway(steps: list[int], losses: list[float], end: int) -> float:
    return (lowest(steps, losses, end) + power_law(steps, losses, end)) / 2


FORECASTS: tuple[Forecast, ...] = (lowest, last, mean_of_three, straight, power_law, law_without_start, halfway)


def runs(path: Path, number: int) -> Iterator[list[tuple[int, float]]]:
    """Steps and losses of the validations of each of `number` runs, in the file or made now."""
    lines = path.read_text().splitlines() if path.exists() else []
    wanted = [(seed, rows, name) for (seed, rows), name in product(((0, 64), (1, 480), (2, 128)), NAMES)][:number]
    model = eg.load_model("pocket", "float32") if len(lines) < len(wanted) else None
    for seed, rows, name in wanted[len(lines) :]:
        task = load_task(name)
        run = eg.tune(
            model, task.prompts[0], task.rows("train")[:rows], validation=task.rows("validation")[:60], task=task.task,
            seed=seed, patience=50, batch_size=8,
        )  # fmt: skip
        found = [(event.step, event.loss) for event in run.events if isinstance(event, Validated)]
        lines.append(json.dumps({"task": name, "rows": rows, "seed": seed, "validations": found}))
        path.write_text("\n".join(lines) + "\n")
    for line in lines[:number]:
        yield [(step, loss) for step, loss, *_ in json.loads(line)["validations"]]


TARGETS: dict[str, tuple[Callable[[list[float]], float], Forecast]] = {
    "the lowest loss of the run": (min, lowest),
    "the loss at its end": (lambda losses: losses[-1], last),
}
"""What is to be forecast, and what it is now."""


def main(path: Path, number: int = 24) -> None:
    found = list(runs(path, number))
    for target, (reached, now) in TARGETS.items():
        print(f"{target}, of {len(found)} runs, forecast at half time")
        errors = {forecast: [_error(run, forecast, reached) for run in found] for forecast in FORECASTS}
        for forecast in sorted(FORECASTS, key=lambda one: one is not now):
            closer = sum(one < other for one, other in zip(errors[forecast], errors[now], strict=True))
            words = "as now" if forecast is now else f"closer than that in {closer}"
            print(f"  {forecast.__name__:<18} mean absolute error {np.mean(errors[forecast]):.4f}, {words}")


def _error(run: list[tuple[int, float]], forecast: Forecast, reached: Callable[[list[float]], float]) -> float:
    end = run[-1][0]
    steps, losses = zip(*(at for at in run if at[0] <= end / 2), strict=True)
    return abs(forecast(list(steps), list(losses), end) - reached([loss for _, loss in run]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
