"""What a tuning came to: written into the run folder, shown to the person."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from embedgrad.cli.console import Terminal
from embedgrad.cli.data_set_settings import group_names
from embedgrad.cli.next_command import rows_command, shown_path
from embedgrad.cli.prompt_files import stored_record
from embedgrad.cli.records import predictions_side_by_side, versions
from embedgrad.data.example import Example
from embedgrad.data.splits import Parts
from embedgrad.evaluation.baselines import baselines
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Evaluation, compare_accuracy, compare_loss
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.memory import peak_bytes
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.report.page import write_report
from embedgrad.report.run_folder import Result, RowCounts, read_run
from embedgrad.report.tables import TABLE_NOTE, score_table
from embedgrad.report.words import baselines_words, no_gain_words, verdict
from embedgrad.runs import METRICS, PREDICTIONS, PROMPT, REPORT, RESULT, RunFolder
from embedgrad.tuning.tune import Run
from embedgrad.units import bytes_words, counted
from embedgrad.words import duration_words, loss_difference_words


@dataclass(frozen=True)
class Outcome:
    """A finished run and both prompts on the test rows."""

    run: Run
    before: Evaluation
    after: Evaluation
    model: FrozenModel
    baseline: SoftPrompt
    parts: Parts
    judging: Judging
    recipe: str | None = None


def write(outcome: Outcome, folder: RunFolder) -> Result:
    """Prompt file, predictions, result and report; the result comes last but one, so its presence means finished."""
    run, parts, task = outcome.run, outcome.parts, outcome.judging.task
    assert task is not None, "it is settled before tuning"
    metrics = {**run.prompt.metrics, "test": outcome.after.score.model_dump(mode="json")}
    run.prompt.moved(run.prompt.embeddings, metrics, run.prompt.settings).save(folder.file(PROMPT))
    groups = group_names(parts.test, outcome.judging.group_by)
    folder.write_lines(PREDICTIONS, predictions_side_by_side(outcome.before, outcome.after, groups))
    result = Result(
        before=outcome.before.score,
        after=outcome.after.score,
        comparison=compare_accuracy(outcome.before, outcome.after),
        loss_comparison=compare_loss(outcome.before, outcome.after),
        prompt_file=PROMPT,
        steps=run.steps,
        seconds=run.seconds,
        peak_bytes=peak_bytes(outcome.model.device),
        engine=run.engine,
        versions=versions(),
        rows=RowCounts(
            train=len(parts.train) - run.skipped,
            validation=len(parts.validation),
            test=outcome.after.score.total,
            removed_duplicates=parts.removed_train + parts.removed_validation,
        ),
        model=outcome.model.identity.name,
        recipe=outcome.recipe,
        prompt_text=run.prompt.text or outcome.baseline.text,
        best_step=run.best_step,
        stopped=run.stopped,
        drift=run.drift,
        files={PREDICTIONS: folder.sha256(PREDICTIONS), METRICS: folder.sha256(METRICS), PROMPT: folder.sha256(PROMPT)},
        baselines=baselines(task, parts.train, [(p.input, p.target) for p in outcome.after.predictions]),
    )
    folder.write_json(RESULT, result.model_dump(mode="json"))
    write_report(folder.path)
    return result


def show(result: Result, folder: RunFolder, model: str, example: Example, terminal: Terminal) -> None:
    """The before/after table, the verdict, what it cost, and the next command to try, which answers `example`."""
    comparison = result.comparison
    terminal.result(result.model_dump(mode="json", exclude={"files"}) | {"folder": str(folder.path)})
    terminal.table(score_table([result.before, result.after], [comparison] if comparison else ()))
    terminal.say(TABLE_NOTE)
    if words := baselines_words(result):
        terminal.say(words)
    if comparison:
        terminal.say(f"loss difference {loss_difference_words(result.loss_comparison)}")
    terminal.say(f"\n{verdict(result)}\n")
    terminal.say(
        f"{counted(result.steps, 'step')} ({result.stopped}; best after step {result.best_step}), "
        f"{duration_words(result.seconds)} of tuning, peak memory {bytes_words(result.peak_bytes)}"
    )
    if result.drift is not None:
        terminal.say(f"the prompt's vectors moved by {result.drift:.1f} times their own length (median)")
    terminal.say(f"prompt  {folder.file(PROMPT)}\nreport  {folder.file(REPORT)}\n")
    if result.best_step == 0:
        for sentence in no_gain_words(read_run(folder.path).validations, result.baselines):
            terminal.say(sentence)
        return
    terminal.say(f"Use it:\n  {_use(folder, model, example)}")


def _use(folder: RunFolder, model: str, example: Example) -> str:
    """The command that answers `example`: its input as an argument, or the whole row where the template shows more."""
    prompt = folder.file(PROMPT)
    command = ["embedgrad", "generate", "--model", shown_path(model), "--prompt", str(prompt)]
    record = stored_record(str(prompt))
    columns = record.template.source.columns[1:] if record is not None and record.template is not None else ()
    if not columns:
        return shlex.join([*command, _short(example.input)])
    row = {"input": _short(example.input), **{name: _short(example.columns.get(name, "...")) for name in columns}}
    return rows_command(row, command)


def _short(text: str, limit: int = 80) -> str:
    words = " ".join(text.split())
    return words if len(words) <= limit else words[:limit].rsplit(" ", 1)[0]
