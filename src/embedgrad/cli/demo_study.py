"""What `embedgrad demo --full` adds: every analysis of every run, a sweep of one task, and one page with all of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.cli.analyze import ROWS_LOOKED_AT, analyze_run
from embedgrad.cli.console import Terminal
from embedgrad.cli.report import report
from embedgrad.cli.sweep import sweep
from embedgrad.cli.sweep_settings import SweepSettings
from embedgrad.runs import SETTINGS, RunFolder
from embedgrad.settings import checked, read_toml

SWEPT = "reviews"
RATES, EPOCHS = "0.125rms,0.25rms,0.5rms,1rms", "2,4,8"
"""A grid around the demo's own setting: 0.5rms, and 120 steps of 32 rows, which are 8 epochs."""


def study(folder: RunFolder, tasks: Sequence[str], terminal: Terminal) -> Path:
    """Analyze the finished runs `tasks` of a demo's `folder`, sweep SWEPT (else the first of them), and write the page,
    whose path is returned. What the single verbs would print stays unsaid."""
    silent = Terminal(as_json=False, quiet=True)
    with terminal.progress("analyzing", len(tasks)) as progress:
        for number, task in enumerate(tasks):
            progress.update(number, task)
            with RunFolder.open(folder.file(task)) as run:
                analyze_run(run, tuple(ANALYSES), ROWS_LOOKED_AT, silent)
        progress.update(len(tasks), "done")
    swept = SWEPT if SWEPT in tasks else tasks[0]
    terminal.note(f"a sweep of {swept}: learning rates {RATES}, epochs {EPOCHS}")
    job = read_toml(folder.file(swept) / SETTINGS)
    grid = {"rates": RATES, "epochs_grid": EPOCHS, "min_steps": 0, "output": str(folder.file(f"{swept}-sweep"))}
    dropped = ("learning_rate", "epochs", "max_new_tokens")
    kept = {name: value for name, value in job.items() if name not in dropped}
    sweep(flags=checked(SweepSettings, kept | grid, "demo"), quiet=True)
    report(folder.path, quiet=True)
    return folder.file("report.html")
