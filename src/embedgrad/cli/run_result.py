"""A finished run on the terminal: the table, the verdict, what it cost, and the next command to try."""

from __future__ import annotations

import shlex

from embedgrad.cli.console import Terminal
from embedgrad.cli.next_command import rows_command, shown_path
from embedgrad.data.example import Example
from embedgrad.jobs.prompt_files import stored_record
from embedgrad.report.sentences import baselines_words, course_of, no_gain_words, verdict
from embedgrad.report.tables import TABLE_NOTE, score_table
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import PROMPT_FILE, REPORT, SETTINGS
from embedgrad.run.record import read_run
from embedgrad.run.result import Result
from embedgrad.units import bytes_words, counted
from embedgrad.words import duration_words, loss_difference_words


def show(result: Result, folder: RunFolder, model: str, example: Example, terminal: Terminal) -> None:
    """The before/after table, the verdict, what it cost, and the next command to try, which answers `example`."""
    comparison = result.comparison
    terminal.result(result.model_dump(mode="json", exclude={"files"}) | {"folder": str(folder.path)})
    terminal.table(score_table([result.before, result.after], [comparison] if comparison else ()))
    terminal.say(TABLE_NOTE)
    if words := baselines_words(result.baselines):
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
    terminal.say(f"prompt  {folder.file(PROMPT_FILE)}\nreport  {folder.file(REPORT)}\n")
    record = read_run(folder.path)
    course = course_of(record)
    if result.best_step == 0:
        for sentence in no_gain_words(record.validations, result.baselines):
            terminal.say(sentence)
    elif course is not None and course.kind != "learned":
        terminal.say(course.sentence)
    if course is not None and course.kind in ("still falling", "majority label"):
        terminal.say(f"With twice the steps:\n  {_longer(folder, result)}")
    if result.best_step > 0:
        terminal.say(f"Use it:\n  {_use(folder, model, example)}")


def _longer(folder: RunFolder, result: Result) -> str:
    settings = shown_path(str(folder.file(SETTINGS)))
    return shlex.join(["embedgrad", "tune", "--settings", settings, "--min-steps", str(2 * result.steps)])


def _use(folder: RunFolder, model: str, example: Example) -> str:
    """The command that answers `example`: its input as an argument, or the whole row where the template shows more."""
    prompt = folder.file(PROMPT_FILE)
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
