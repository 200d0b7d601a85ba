"""What a trust region costs in accuracy and saves in drift, on tasks of the pocket model.

    python benchmarks/trust_region.py
    python benchmarks/trust_region.py --tasks reviews --radii 0.5 1 --penalties --seeds 0 1 2

Each tuning has the settings of `embedgrad demo`: the best of the written prompts as its start, the same rows, rate and
steps. Only the bound differs: a radius, a weight of the distance penalty, or the rule that the original token stays
nearest. `validation` is what chose the prompt within each run; `test` is on rows that nothing was chosen on. Drift is
||v - v0|| / ||v0||, its median over the prompt's tokens; a token is kept where the original one is still the nearest
of the vocabulary, by cosine or by L2 distance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from embedgrad.data.example import Example
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import wilson
from embedgrad.jobs.python import tune
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.load import load_model
from embedgrad.pocket.tasks import PocketTask, load_task
from embedgrad.pocket.trial import best_prompt, settings_of
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.score import Score
from outcome import OTHER, OURS, PEFT, Row, deliver, flags, say, setup

TEXT, FREE = "text prompt", "no bound"


def _percent(row: Row, part: str) -> str:
    low, high = row[f"{part}_interval"]
    return f"{100 * row[f'{part}_accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


COLUMNS = {
    "task": lambda row: row["task"],
    "seed": lambda row: row["seed"],
    "bound": lambda row: row["bound"],
    "validation, %": lambda row: _percent(row, "validation"),
    "test, %": lambda row: _percent(row, "test"),
    "validation loss": lambda row: f"{row['validation_loss']:.3f}",
    "drift, median": lambda row: f"{row['drift']:.2f}",
    "largest": lambda row: f"{row['largest_drift']:.2f}",
    "kept by cosine, %": lambda row: f"{100 * row['kept_cosine']:.0f}",
    "by L2, %": lambda row: f"{100 * row['kept_l2']:.0f}",
}


def bounds(radii: Sequence[float], penalties: Sequence[float]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and settings of each arm, the free one first."""
    yield FREE, {}
    yield from ((f"radius {radius:g}", {"radius": radius}) for radius in radii)
    yield from ((f"penalty {weight:g}", {"distance_penalty": weight}) for weight in penalties)
    yield "original stays nearest", {"keep_nearest": True}


class Frontier:
    """A task with its start and the rows on which every arm is judged."""

    def __init__(self, model: FrozenModel, task: PocketTask, changed: dict[str, Any], most_rows: int | None) -> None:
        self.model, self.task = model, task
        self.train, validation, test = (task.rows(part)[:most_rows] for part in ("train", "validation", "test"))
        self.start, _ = best_prompt(model, task, validation)
        self.judges = {"validation": self._judge(validation), "test": self._judge(test)}
        self.validation = validation
        self.settings = settings_of(task).model_dump() | changed
        self.table = model.table

    def _judge(self, rows: Sequence[Example]) -> Judge:
        return Judge.prepare(self.start.bind(self.model), rows, Judging(self.task.task))

    def text(self, seed: int) -> Row:
        """The start itself."""
        return self._row(TEXT, self.start, seed)

    def tuned(self, bound: str, settings: dict[str, Any], seed: int) -> Row:
        run = tune(
            self.model,
            self.start,
            self.train,
            validation=self.validation,
            task=self.task.task,
            **(self.settings | settings | {"seed": seed}),
        )
        return self._row(bound, run.prompt, seed)

    def _row(self, bound: str, prompt: SoftPrompt, seed: int) -> Row:
        first, now = self.start.embeddings, prompt.embeddings
        drifts = (now - first).norm(dim=1) / first.norm(dim=1)
        row: Row = {"task": self.task.name, "seed": seed, "bound": bound}
        for part, judge in self.judges.items():
            score = judge.judge(prompt.bind(self.model), bound).score
            row |= {f"{part}_{name}": value for name, value in _facts(score).items()}
        kept = {"kept_cosine": self._kept(_unit(now) @ _unit(self.table).T), "kept_l2": self._kept(self._nearness(now))}
        return row | {"drift": float(drifts.median()), "largest_drift": float(drifts.max()), **kept}

    def _nearness(self, rows: Tensor) -> Tensor:
        return -torch.cdist(rows.double(), self.table.double())

    def _kept(self, nearness: Tensor) -> float:
        """Share of tokens than which no other of the vocabulary is nearer."""
        own = nearness.gather(1, torch.tensor(self.start.initial_ids)[:, None])[:, 0]
        return float((own >= nearness.amax(1)).double().mean())


def _unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows.double())


def _facts(score: Score) -> dict[str, Any]:
    correct = score.correct or 0
    interval = wilson(correct, score.total)
    return {"accuracy": correct / score.total, "interval": interval, "rows": score.total, "loss": score.loss}


KINDS = {  # by how a bound's name begins: colour, mark, where its label stands
    "radius ": (OURS, "o", (4, 4)),
    "penalty ": (OTHER, "s", (4, -10)),
    "original stays ": ("#2a9d6e", "^", (4, 4)),
    "": (PEFT, "D", (4, -10)),
}


def draw(rows: Sequence[Row]) -> Figure:
    """Test accuracy over median drift, a panel per task, a mark per run."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure = Figure(figsize=(max(6.4, 4.2 * len(tasks)), 3.8), layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
    for panel, task in zip(panels, tasks, strict=True):
        mine = [row for row in rows if row["task"] == task]
        for row in mine:
            _mark(panel, row)
        panel.set_title(f"{task}, {mine[0]['test_rows']} test rows", fontsize=10)
        panel.margins(x=0.12)
        panel.set_ylim(bottom=0)
        panel.set_xlabel("drift (median, times the vector's length)")
    panels[0].set_ylabel("test accuracy (%)")
    for (colour, mark, _), label in zip(
        KINDS.values(), ("radius", "penalty", "original token nearest", "neither"), strict=True
    ):
        panels[-1].plot([], [], color=colour, marker=mark, linestyle="", label=label)
    panels[-1].legend(fontsize=8, loc="lower right")
    return figure


def _mark(panel: Axes, row: Row) -> None:
    kind = next(kind for kind in KINDS if row["bound"].startswith(kind))
    colour, mark, offset = KINDS[kind]
    middle, (low, high) = 100 * row["test_accuracy"], row["test_interval"]
    sides = [[middle - 100 * low], [100 * high - middle]]
    panel.errorbar(row["drift"], middle, yerr=sides, color=colour, marker=mark, markersize=5, linewidth=0.8)
    name = row["bound"].removeprefix(kind)
    panel.annotate(name, (row["drift"], middle), offset, textcoords="offset points", fontsize=7, color=colour)


def main(words: Sequence[str] | None = None) -> int:
    parser = flags(__doc__, presets=False)
    parser.add_argument("--tasks", nargs="+", default=("desk", "reviews"))
    parser.add_argument("--radii", nargs="*", type=float, default=(0.1, 0.25, 0.5, 1.0, 2.0))
    parser.add_argument("--penalties", nargs="*", type=float, default=(0.01, 0.1, 1.0))
    parser.add_argument("--seeds", nargs="+", type=int, default=(0,))
    parser.add_argument("--learning-rate", help="instead of the demo's")
    parser.add_argument("--steps", type=int, help="instead of each task's own number")
    parser.add_argument("--rows", type=int, help="at most so many rows of each part")
    arguments = parser.parse_args(words)
    model = load_model("pocket", arguments.dtype, arguments.device)
    rows = []
    for name in arguments.tasks:
        say(f"{name}: the best written prompt")
        changed = {"learning_rate": arguments.learning_rate} if arguments.learning_rate else {}
        changed |= {"min_steps": arguments.steps, "epochs": 1e-9} if arguments.steps else {}
        frontier = Frontier(model, load_task(name), changed, arguments.rows)
        for seed in arguments.seeds:
            rows.append(frontier.text(seed))
            for bound, settings in bounds(arguments.radii, arguments.penalties):
                say(f"{name}: {bound}, seed {seed}")
                rows.append(frontier.tuned(bound, settings, seed))
    deliver(arguments, rows, COLUMNS, draw, setup(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
