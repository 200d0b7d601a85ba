"""`report.html`: one run as one inert page, for a colleague without embedgrad.

Everything is in the file, nothing in it is fetched or executed: no scripts, no links, a content security
policy that forbids both. What models, users and files said is text, escaped by Jinja without exception.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from embedgrad.durable import write_file
from embedgrad.report.figures import learning_curve
from embedgrad.report.run_folder import PredictedRow, RunRecord, read_run
from embedgrad.report.tables import TABLE_NOTE, score_table
from embedgrad.report.words import cut, duration_words, number, outcome, verdict
from embedgrad.units import bytes_words

_ROWS_SHOWN = 10
_CHARACTERS_SHOWN = {"row": 600, "prompt": 8_000, "settings": 100_000, "name": 200}


@dataclass(frozen=True)
class Changed:
    """Rows that changed for better or worse: how many there are, and the first few."""

    title: str
    count: int
    rows: list[PredictedRow]


def write_report(folder: Path) -> Path:
    """Write `report.html` into a finished run folder and return its path; an older one is replaced.

    The same folder gives the same bytes. Raises FileMissing, EmbedgradError (see `read_run`) and OutputError.
    """
    path = folder / "report.html"
    write_file(path, render_page(read_run(folder)).encode("utf-8"))
    return path


def render_page(record: RunRecord) -> str:
    """The page as HTML; `write_report` without the files."""
    result = record.result
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = lambda text, kind: cut(text, _CHARACTERS_SHOWN[kind])
    environment.filters["unbroken"] = lambda cell: re.sub(r"(?<!,) (?!\()", "\u00a0", cell)
    return environment.get_template("page.html.jinja").render(
        result=result,
        settings=record.settings,
        verdict=verdict(result),
        outcome=outcome(result),
        table=score_table([result.before, result.after], [result.comparison]),
        table_note=TABLE_NOTE,
        curve=Markup(learning_curve(record)),  # ours alone: holds numbers, never a text from outside
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
        "rows": f"{counts.train:,} training, {counts.validation:,} validation, {counts.test:,} test{removed}",
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(result.versions.items())),
    }
    if seconds_per_step:
        mean = sum(seconds_per_step) / len(seconds_per_step)
        cost["time"] += f", {number(mean, digits=2)} s per step"
    return cost
