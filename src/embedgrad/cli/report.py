"""`embedgrad report`: a run's page rewritten, or one page for several runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.errors import UsageError
from embedgrad.jobs.missing import missing
from embedgrad.report.comparison import COMPARISON_NOTE, as_json, ranking_note, run_names, runs_table
from embedgrad.report.page import render_comparison, render_page, write_page
from embedgrad.report.runs import Collected, collect, unsealed
from embedgrad.report.sentences import verdict
from embedgrad.run.names import REPORT


def report(
    *folders: Annotated[
        Path, Parameter(help="Run folders, sweep folders, or folders that hold some, such as the demo's.")
    ],
    output: Annotated[Path | None, Parameter(help="Page to write; default: report.html in the one folder.")] = None,
    json: Annotated[bool, Parameter(help="Print the runs as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only errors (and --json).", negative=())] = False,
) -> None:
    """Rewrite a run's report, or write one page that compares several runs."""
    terminal = Terminal(json, quiet)
    path = _place(folders, output)
    collected = collect(folders)
    for sentence in missing():
        terminal.note(sentence)
    with terminal.working("drawing"):
        write_page(path, _page(folders, collected))
    terminal.result({"report": str(path), **as_json(collected)})
    if len(collected.runs) == 1:
        terminal.say(verdict(collected.runs[0].result))
    elif collected.runs:
        terminal.table(runs_table(run_names(collected.runs), collected.runs))
        terminal.say(f"{COMPARISON_NOTE} {ranking_note(collected.runs)}")
    for sentence in (*collected.left_out, *unsealed(collected)):
        terminal.note(sentence)
    terminal.say(f"report  {path}")


def _place(folders: Sequence[Path], output: Path | None) -> Path:
    if not folders:
        raise UsageError("Name a run folder, like: embedgrad report runs/reviews. See --help.")
    if output is None and len(folders) > 1:
        raise UsageError("Several folders make one page: say where it goes with --output FILE.html.")
    return output or folders[0] / REPORT


def _page(folders: Sequence[Path], collected: Collected) -> str:
    """A run by itself has its own page, whatever else is compared."""
    if [run.folder for run in collected.runs] == list(folders) and len(folders) == 1 and not collected.sweeps:
        return render_page(collected.runs[0])
    return render_comparison(collected)
