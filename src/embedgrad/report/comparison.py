"""Several runs beside each other: one line each, and whether they can be ranked at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from embedgrad.report import figures
from embedgrad.report.grid import grid_finding
from embedgrad.report.learning_curve import curve_note, curve_table, curve_words
from embedgrad.report.runs import Collected
from embedgrad.report.sections import FigureIds
from embedgrad.report.seeds import SEEDS_NOTE, seeds_table, seeds_words
from embedgrad.report.tables import TRIAL_NOTE, TRIAL_TITLES, trial_table
from embedgrad.run.record import RunRecord
from embedgrad.run.score import Comparison, Score
from embedgrad.units import number, per_cent, points
from embedgrad.words import cut, duration_words, p_words, per_cent_interval, token_words

COMPARISON_NOTE = (
    "Strict accuracy, difference in points; in brackets 95 % intervals. Drift in the vectors' own lengths (median)."
)

_NONE = "-"


@dataclass(frozen=True)
class Overview:
    """What several runs were made to show together."""

    title: str
    sentences: list[str]
    table: list[list[str]]
    note: str
    figure: Markup | None = None


@dataclass(frozen=True)
class ComparedRuns:
    """The head of a comparison page; `sweeps`: name, finding, heat map; `trials`: title and table of each block of a
    demo."""

    table: list[list[str]]
    names: tuple[str, ...]
    note: str
    gains: Markup | None
    sweeps: list[tuple[str, str, Markup]]
    left_out: tuple[str, ...]
    trials: list[tuple[str, list[list[str]]]]
    trial_note: str
    overviews: list[Overview]


def compared(collected: Collected, ids: FigureIds) -> ComparedRuns:
    """Table, note and interval plot of the runs, and the heat maps of the sweeps."""
    runs = collected.runs
    names = run_names(runs)
    measured = [(name, run.result.comparison) for name, run in zip(names, runs, strict=True) if run.result.comparison]
    gains = None
    if len(measured) > 1:
        shown = [comparison for _, comparison in measured if comparison is not None]
        gains = ids.own(figures.gains([name for name, _ in measured], shown))
    return ComparedRuns(
        table=runs_table(names, runs),
        names=tuple(names),
        note=f"{COMPARISON_NOTE} {ranking_note(runs)}",
        gains=gains,
        sweeps=[
            (s.folder.name, " ".join(grid_finding(s.grid)), ids.own(figures.heat_map(s.grid))) for s in collected.sweeps
        ],
        left_out=collected.left_out,
        trials=[(TRIAL_TITLES.get(block, block), trial_table(t)) for block, t in collected.trials.items() if t],
        trial_note=TRIAL_NOTE,
        overviews=overviews(collected, ids),
    )


def overviews(collected: Collected, ids: FigureIds) -> list[Overview]:
    """Of the folders of several seeds, and of the learning curves."""
    seeds = [
        Overview(f"{len(found.runs)} seeds: {_name(folder)}", seeds_words(found), seeds_table(found), SEEDS_NOTE)
        for folder, found in collected.seeds
    ]
    curves = [
        Overview(
            f"Learning curve: {_name(folder)}",
            curve_words(found),
            curve_table(found),
            curve_note(found),
            ids.own(figures.accuracy_by_rows(found)),
        )
        for folder, found in collected.curves
    ]
    return [*seeds, *curves]


def _name(folder: Path) -> str:
    return folder.resolve().name


def run_names(runs: Sequence[RunRecord]) -> list[str]:
    """The folders' names; with their parents' where two are equal."""
    names = [run.folder.resolve().name for run in runs]
    return [
        name if names.count(name) == 1 else f"{run.folder.resolve().parent.name}/{name}"
        for name, run in zip(names, runs, strict=True)
    ]


def runs_table(names: Sequence[str], runs: Sequence[RunRecord]) -> list[list[str]]:
    """A header and a line per run; a column that no run has a value for is left out."""
    columns = [["run", *names]]
    columns += [[title, *(cell(run) for run in runs)] for title, cell in _COLUMNS.items()]
    kept = [column for column in columns if any(cell != _NONE for cell in column[1:])]
    return [list(line) for line in zip(*kept, strict=True)]


def same_test_rows(runs: Sequence[RunRecord]) -> bool:
    """Whether all runs were tested on the same rows: inputs and targets, in order."""
    return len({_rows_digest(run) for run in runs}) <= 1


def ranking_note(runs: Sequence[RunRecord]) -> str:
    """Whether the runs' figures rank them."""
    if len(runs) < 2:
        return ""
    if same_test_rows(runs):
        return "All runs were tested on the same rows."
    return "Not all runs were tested on the same rows: their accuracies and gains do not rank them against one another."


def as_json(collected: Collected) -> dict[str, Any]:
    """The comparison for machines; scores and differences as in `result.json`."""
    return {
        "runs": [_run_json(name, run) for name, run in zip(run_names(collected.runs), collected.runs, strict=True)],
        "same_test_rows": same_test_rows(collected.runs),
        "seeds": [{"folder": str(folder), **s.model_dump(mode="json")} for folder, s in collected.seeds],
        "learning_curves": [{"folder": str(folder), **s.model_dump(mode="json")} for folder, s in collected.curves],
        "sweeps": [{"folder": str(s.folder), **s.grid.model_dump(mode="json")} for s in collected.sweeps],
        "left_out": list(collected.left_out),
    }


def _rows_digest(run: RunRecord) -> str:
    digest = hashlib.sha256()
    for row in run.predictions:
        digest.update(json.dumps([row.input, row.target]).encode())
    return digest.hexdigest()


def _run_json(name: str, run: RunRecord) -> dict[str, Any]:
    kept = {"before", "after", "comparison", "loss_comparison", "drift", "seconds", "model", "prompt_text"}
    found = run.result.model_dump(mode="json", include=kept)
    return {"name": name, "folder": str(run.folder), "test_rows": run.result.rows.test, **found}


def _score(score: Score) -> str:
    if score.accuracy is None or score.interval is None:
        return _NONE
    return f"{per_cent(score.accuracy)} ({per_cent_interval(score.interval)})"


def _loss(run: RunRecord) -> str:
    """Where accuracy says all, the loss is left out."""
    if run.result.comparison is not None:
        return _NONE
    return f"{number(run.result.before.loss, digits=3)} -> {number(run.result.after.loss, digits=3)}"


def _difference(comparison: Comparison | None) -> str:
    if comparison is None:
        return _NONE
    change = points(comparison.difference, sign=True)
    return f"{change} ({per_cent_interval(comparison.interval)})"


def _baseline(run: RunRecord, name: Literal["majority", "bag_of_words"]) -> str:
    share = run.result.baselines and getattr(run.result.baselines, name)
    return per_cent(share.correct / share.total) if share else _NONE


def _prompt(run: RunRecord) -> str:
    text = run.result.prompt_text
    return _NONE if text is None else token_words(" ".join(text.split()), 48)


_COLUMNS: dict[str, Callable[[RunRecord], str]] = {
    "test rows": lambda run: f"{run.result.after.total:,}",
    "before": lambda run: _score(run.result.before),
    "after": lambda run: _score(run.result.after),
    "difference": lambda run: _difference(run.result.comparison),
    "majority": lambda run: _baseline(run, "majority"),
    "bag of words": lambda run: _baseline(run, "bag_of_words"),
    "p": lambda run: (
        p_words((run.result.comparison or run.result.loss_comparison).p_value).removeprefix("p ").removeprefix("= ")
    ),
    "loss (nats per target token)": _loss,
    "drift": lambda run: _NONE if run.result.drift is None else number(run.result.drift, digits=2),
    "time": lambda run: duration_words(run.result.seconds),
    "model": lambda run: cut(run.result.model, 80),
    "prompt": _prompt,
}
