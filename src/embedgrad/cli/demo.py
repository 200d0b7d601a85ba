"""`embedgrad demo`: the gain on eight small tasks with the bundled model, offline.

Read it top down: for each task its written prompts, tuning the best of them, the untouched test rows, a run folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from embedgrad.cli.console import ProgressLine, Terminal
from embedgrad.cli.flags import COMMA_SEPARATED
from embedgrad.cli.missing import missing
from embedgrad.cli.resuming import discarding
from embedgrad.cli.tune_settings import TuneSettings
from embedgrad.data.split_record import keep_split
from embedgrad.errors import FolderExists, UsageError, did_you_mean
from embedgrad.held import check_not_held
from embedgrad.pocket.tasks import NAMES, PocketTask, load_task
from embedgrad.report.tables import TRIAL_NOTE, TRIAL_TITLES, trial_table
from embedgrad.runs import DEMO, METRICS, REPORT, SETTINGS, SPLIT, TRAJECTORY, MetricsFile, RunFolder
from embedgrad.settings import write_toml
from embedgrad.units import counted
from embedgrad.watch import Watch
from embedgrad.words import cut, duration_words

if TYPE_CHECKING:  # torch is loaded once the folder is there
    from embedgrad.events import Calibrating, Event, Validating
    from embedgrad.model.frozen_model import FrozenModel
    from embedgrad.pocket.trial import Trial

_ROWS_SHOWN = 3
_ALL = 100  # parts of the progress bar per task


def demo(
    *,
    output: Annotated[Path | None, Parameter(help="Folder to make, with a run folder per task.")] = None,
    tasks: Annotated[str | None, Parameter(help=f"Only these of {', '.join(NAMES)}; comma-separated.")] = None,
    seed: Annotated[int, Parameter(help="Seed of the batch order.")] = 0,
    full: Annotated[
        bool, Parameter(help="Then analyze each run, sweep one task, and put it all on one page.", negative=())
    ] = False,
    json: Annotated[bool, Parameter(help="Print the result as one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors (and --json).", negative=())] = False,
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
        _run(model, chosen, seed, full, folder, terminal)


def _run(
    model: FrozenModel, chosen: Sequence[PocketTask], seed: int, full: bool, folder: RunFolder, terminal: Terminal
) -> None:
    """Every task, then the tables, and with `full` what there is to see inside."""
    terminal.note(
        f"{model.parameters:,} parameters, frozen, {model.dtype_name}; "
        f"{counted(len(chosen), 'task')}, each tuned and tested on its own"
    )
    for sentence in missing():
        terminal.note(sentence)
    trials: list[Trial] = []
    with terminal.progress("demo", _ALL * len(chosen)) as progress:
        for task in chosen:
            try:
                with RunFolder.create(folder.file(task.name), "demo") as run_folder, discarding(run_folder):
                    trials.append(_tried(model, task, seed, run_folder, _ALL * len(trials), progress))
            except BaseException:  # the tasks that are done keep their folders, the one at hand leaves none
                if not trials:
                    folder.discard()
                raise
    _show(trials, folder, terminal)
    if full:
        from embedgrad.cli.demo_study import study

        page = study(folder, [trial.task.name for trial in trials], terminal)
        terminal.say(f"\nAll of it, with a look inside, on one page:\n  {page}")


def _named(tasks: str | None) -> Sequence[str]:
    names = COMMA_SEPARATED.read([tasks]) if tasks else NAMES
    for name in names:
        if name not in NAMES:
            raise UsageError(f"There is no task {name!r}; write some of {', '.join(NAMES)}.{did_you_mean(name, NAMES)}")
    return list(dict.fromkeys(names))


def _tried(
    model: FrozenModel, task: PocketTask, seed: int, folder: RunFolder, done: int, progress: ProgressLine
) -> Trial:
    """Run one task and write its run folder. The bar moves a fifth for choosing, three for tuning, one for the test."""
    from embedgrad.cli.outcome import Outcome, write
    from embedgrad.evaluation.judging import Judging
    from embedgrad.events import StepDone, Validated, as_metrics
    from embedgrad.pocket.trial import run_trial, settings_of
    from embedgrad.tuning.trajectory import write_snapshot

    settings = settings_of(task, seed)
    at = done

    def stage(words: str) -> None:
        nonlocal at
        if words.endswith("tuning"):
            at = max(at, done + _ALL // 5)
        progress.update(at, words)

    with MetricsFile(folder.file(METRICS), -1) as metrics:

        def listen(event: Event | Validating | Calibrating) -> None:
            nonlocal at
            if isinstance(event, StepDone):
                at = done + _ALL // 5 + 3 * _ALL // 5 * event.step // event.total_steps
                progress.update(at, f"{task.name}: tuning")
            if isinstance(event, StepDone | Validated):
                metrics.append(as_metrics(event))

        watch = Watch(event=listen, snapshot=lambda step, at: write_snapshot(folder.file(TRAJECTORY), step, at))
        trial = run_trial(model, task, settings, stage=stage, watch=watch)
    job = TuneSettings(
        model=model.identity.name,
        prompt=trial.start.text,
        train=str(task.path("train")),
        validation=str(task.path("validation")),
        test=str(task.path("test")),
        task=task.task.kind,
        labels=task.task.labels or None,
        pattern=task.task.pattern,
        accepted={label: tuple(forms) for label, forms in task.task.accepted.items()} or None,
        by_number=task.task.by_number,
        dtype=model.dtype_name,
        **settings.model_dump(),
    )
    write_toml(folder.file(SETTINGS), job)
    keep_split(folder.file(SPLIT), job.split_record(trial.parts))
    write(
        Outcome(trial.run, trial.best_written, trial.after, model, trial.start, trial.parts, Judging(task.task)), folder
    )
    progress.update(done + _ALL, f"{task.name} is done")
    return trial


def _show(trials: Sequence[Trial], folder: RunFolder, terminal: Terminal) -> None:
    """Both tables, rows that changed, and where everything lies."""
    blocks: dict[str, list[Trial]] = {
        block: [trial for trial in trials if trial.task.block == block] for block in TRIAL_TITLES
    }
    found: dict[str, list[dict[str, Any]]] = {
        block: [t.result.model_dump(mode="json") for t in of_block] for block, of_block in blocks.items()
    }
    folder.write_json(DEMO, found)
    terminal.result(found)
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
