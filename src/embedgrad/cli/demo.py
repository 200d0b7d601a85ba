"""`embedgrad demo`: the gain on eight small tasks with the bundled model, offline.

Read it top down: for each task its written prompts, tuning the best of them, the untouched test rows, a run folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import comma_separated
from embedgrad.errors import FolderExists, UsageError, did_you_mean
from embedgrad.jobs.demo import DemoJob
from embedgrad.pocket.tasks import NAMES, load_task
from embedgrad.report.tables import TRIAL_NOTE, TRIAL_TITLES, trial_table
from embedgrad.run.folder import RunFolder
from embedgrad.run.held import check_not_held
from embedgrad.run.names import REPORT
from embedgrad.units import counted
from embedgrad.words import cut, duration_words

if TYPE_CHECKING:  # torch is loaded once the folder is there
    from embedgrad.pocket.trial import Trial

_ROWS_SHOWN = 3


def demo(
    *,
    output: Annotated[Path | None, Parameter(help="Folder to create, with a run folder per task.")] = None,
    tasks: Annotated[str | None, Parameter(help=f"Only these of {', '.join(NAMES)}; comma-separated.")] = None,
    seed: Annotated[int, Parameter(help="Seed for the batch order.")] = 0,
    full: Annotated[
        bool, Parameter(help="Also analyze each run, sweep one task, and put it all on one page.", negative=())
    ] = False,
    json: Annotated[bool, Parameter(help="Print the result as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only errors (and --json).", negative=())] = False,
) -> None:
    """Show the gain on eight small tasks with the bundled model."""
    terminal = Terminal(json, quiet)
    chosen = [load_task(name) for name in _named(tasks)]
    if output is not None and output.exists():
        check_not_held(output)
        raise FolderExists(f"The folder {output} exists already. Choose another --output.")
    from embedgrad.model.load import POCKET, load_model

    with terminal.working("loading the pocket model"):
        model = load_model(POCKET)
    with RunFolder.create(output or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}", "demo") as folder:
        job = DemoJob(model, folder, chosen, seed)
        trials = job.run(terminal.watch)
        _show(trials, folder, terminal)
        if full:
            page = job.study([trial.task.name for trial in trials], terminal.watch)
            terminal.say(f"\nAll of it, with a look inside, on one page:\n  {page}")


def _named(tasks: str | None) -> Sequence[str]:
    names = comma_separated([tasks]) if tasks else NAMES
    for name in names:
        if name not in NAMES:
            raise UsageError(f"There is no task {name!r}; write some of {', '.join(NAMES)}.{did_you_mean(name, NAMES)}")
    return list(dict.fromkeys(names))


def _show(trials: Sequence[Trial], folder: RunFolder, terminal: Terminal) -> None:
    """Both tables, rows that changed, and where everything lies."""
    blocks: dict[str, list[Trial]] = {
        block: [trial for trial in trials if trial.task.block == block] for block in TRIAL_TITLES
    }
    terminal.result({block: [t.result.model_dump(mode="json") for t in of_block] for block, of_block in blocks.items()})
    for block, title in TRIAL_TITLES.items():
        if blocks[block]:
            rows = sorted({trial.result.test_rows for trial in blocks[block]})
            terminal.say(f"\n{title}; {' to '.join(map(str, rows))} test rows each")
            terminal.table(trial_table([trial.result for trial in blocks[block]]))
    terminal.say(TRIAL_NOTE)
    _show_rows(blocks["own"] or blocks["paper"], terminal)
    seconds = sum(trial.seconds for trial in trials)
    terminal.say(
        f"\n{duration_words(seconds)} for {counted(len(trials), 'task')}. "
        "A run folder per task, with prompt file and report:"
    )
    for trial in trials:
        terminal.say(f"  {folder.file(trial.task.name) / REPORT}")
    terminal.say("\nWith your own model, prompt and rows:")
    terminal.say('  embedgrad tune --model Qwen/Qwen2.5-0.5B-Instruct --prompt "..." --train rows.jsonl')


def _show_rows(trials: Sequence[Trial], terminal: Terminal) -> None:
    """One row of each task that was wrong under the best written prompt and is right now."""
    shown = 0
    for trial in sorted(trials, key=lambda t: -t.result.comparisons.after_vs_best_written.difference):
        for first, second in zip(trial.best_written.predictions, trial.after.predictions, strict=True):
            if not first.correct and second.correct and shown < _ROWS_SHOWN:
                if not shown:
                    terminal.say("\nRows that were wrong and are right now:")
                shown += 1
                terminal.say(f"  {trial.task.name}: {cut(first.input, 200)}")
                terminal.say(f"    best written prompt: {cut(first.output or '', 120)}")
                terminal.say(f"    tuned:               {cut(second.output or '', 120)}")
                break
