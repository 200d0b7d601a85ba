"""`report.html`: a run, or several beside each other, as one inert page for a colleague without embedgrad.

Everything is in the file, nothing in it is fetched or executed: no scripts, no links, a content security
policy that forbids both. What models, users and files said is text, escaped by Jinja without exception.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from embedgrad.analysis.records import read_records
from embedgrad.durable import write_file
from embedgrad.report.comparison import compared
from embedgrad.report.run_page import view
from embedgrad.report.runs import Collected
from embedgrad.report.sections import FigureIds
from embedgrad.run.names import REPORT
from embedgrad.run.record import RunRecord, read_run
from embedgrad.words import cut

_CHARACTERS_SHOWN = {"row": 600, "prompt": 8_000, "settings": 100_000, "name": 200}
_UNITS = {"to", "p", "of", "s", "min", "h"}


def write_report(folder: Path) -> Path:
    """Write `report.html` into a finished run folder and return its path; an older one is replaced.

    The same folder gives the same bytes. Raises FileMissing, EmbedgradError (see `read_run`) and OutputError.
    """
    path = folder / REPORT
    write_page(path, render_page(read_run(folder)))
    return path


def write_page(path: Path, html: str) -> None:
    """Put a page at `path`. Raises OutputError."""
    write_file(path, html.encode("utf-8"))


def render_page(record: RunRecord) -> str:
    """The page of one run as HTML; `write_report` without the files."""
    return _rendered("run.html.jinja", run=view(record, read_records(record.folder), FigureIds()))


def render_comparison(collected: Collected) -> str:
    """A page of several runs: a table, an interval plot of the gains, sweeps, then all of each run, folded."""
    ids = FigureIds()
    return _rendered(
        "comparison.html.jinja",
        comparison=compared(collected, ids),
        views=[view(record, read_records(record.folder), ids) for record in collected.runs],
    )


def _rendered(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = lambda text, kind: cut(text, _CHARACTERS_SHOWN[kind])
    environment.filters["unbroken"] = _unbroken
    return environment


def _unbroken(cell: str) -> str:
    """Figures stay on one line, but for before a bracket or after a comma; words may break."""
    if set(re.findall(r"[^\W\d_]+", cell)) <= _UNITS:
        return re.sub(r"(?<!,) (?!\()", "\u00a0", cell)
    return cell
