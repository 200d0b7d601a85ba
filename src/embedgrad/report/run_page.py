"""One run as the page shows it: sentences, tables of strings and figures, ready to be set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embedgrad.analysis.analysis import Section
from embedgrad.analysis.anchoring import ANCHORING
from embedgrad.analysis.records import Records
from embedgrad.report.drift import DriftedPrompt, drifted_prompt
from embedgrad.report.sections import FigureIds, analysis_sections, quality_sections
from embedgrad.report.sentences import baselines_words, outcome, restarts_words, verdict
from embedgrad.report.tables import TABLE_NOTE, score_table
from embedgrad.run.predictions import PredictedRow
from embedgrad.run.record import RunRecord
from embedgrad.run.result import Result
from embedgrad.units import bytes_words, number
from embedgrad.words import duration_words

_ROWS_SHOWN = 10


@dataclass(frozen=True)
class Changed:
    """Rows that changed for better or worse: how many there are, and the first few."""

    title: str
    count: int
    rows: list[PredictedRow]


@dataclass(frozen=True)
class RunPage:
    """All that the page shows of one run. `quality` stands before the prompt, `analyses` after it."""

    result: Result
    settings: str
    verdict: str
    outcome: str
    table: list[list[str]]
    table_note: str
    baselines: str
    quality: list[Section]
    prompt: DriftedPrompt | None
    prompt_finding: str
    analyses: list[Section]
    missing: tuple[str, ...]
    changed: list[Changed]
    cost: dict[str, str]


def view(record: RunRecord, found: Records, ids: FigureIds) -> RunPage:
    """A run and what its analyses found, drawn and put into words."""
    result = record.result
    anchoring = found.of(ANCHORING)
    return RunPage(
        result=result,
        settings=record.settings,
        verdict=verdict(result),
        outcome=outcome(result),
        table=score_table([result.before, result.after], [result.comparison]),
        table_note=TABLE_NOTE,
        baselines=baselines_words(result.baselines),
        quality=quality_sections(record, ids),
        prompt=drifted_prompt(anchoring, result.prompt_text) if anchoring else None,
        prompt_finding=" ".join(ANCHORING.sentences(anchoring)) if anchoring else "",
        analyses=analysis_sections(found, record.calibration, ids),
        missing=found.missing,
        changed=changed_rows(record),
        cost=_cost(record),
    )


def changed_rows(record: RunRecord) -> list[Changed]:
    """The rows fixed and broken, in file order; without a metric, those whose loss fell and rose most."""
    rows = record.predictions
    if record.result.comparison is not None:
        return [
            _changed("Fixed", rows, lambda row: not row.before.correct and bool(row.after.correct)),
            _changed("Broken", rows, lambda row: bool(row.before.correct) and not row.after.correct),
        ]
    by_change = sorted(rows, key=lambda row: row.after.loss - row.before.loss)
    return [
        _changed("Loss fell", by_change, lambda row: row.after.loss < row.before.loss),
        _changed("Loss rose", by_change[::-1], lambda row: row.after.loss > row.before.loss),
    ]


def _changed(title: str, rows: Sequence[PredictedRow], belongs: Callable[[PredictedRow], bool]) -> Changed:
    chosen = [row for row in rows if belongs(row)]
    return Changed(title, len(chosen), chosen[:_ROWS_SHOWN])


def _cost(record: RunRecord) -> dict[str, str]:
    result, counts = record.result, record.result.rows
    removed = f", {counts.removed_duplicates:,} removed as duplicates" if counts.removed_duplicates else ""
    seconds_per_step = [step.seconds for step in record.steps]
    cost = {
        "time": duration_words(result.seconds),
        "steps": f"{result.steps:,}, best at {result.best_step:,}",
        "stopped": result.stopped,
        "peak memory": bytes_words(result.peak_bytes),
        "tokens": f"{sum(step.tokens for step in record.steps):,} target tokens over all steps",
        "rows": f"{counts.train:,} training, {counts.validation:,} validation, {counts.test:,} test{removed}",
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(result.versions.items())),
    }
    if record.restarts is not None:
        cost["restarts"] = restarts_words(record.restarts, result.steps)
    if seconds_per_step:
        mean = sum(seconds_per_step) / len(seconds_per_step)
        cost["time"] += f", {number(mean, digits=2)} s per step"
    return cost
