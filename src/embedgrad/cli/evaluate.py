"""`embedgrad evaluate`: prompts side by side on labeled rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from embedgrad.cli.console import Terminal
from embedgrad.cli.flags import flags_of, merged
from embedgrad.evaluation.task_record import task_record
from embedgrad.jobs.evaluate import EvaluateJob, EvaluateSettings
from embedgrad.report.tables import TABLE_NOTE, score_table
from embedgrad.words import loss_difference_words

if TYPE_CHECKING:
    EvaluateFlags = EvaluateSettings
else:
    EvaluateFlags = flags_of(EvaluateSettings)


def evaluate(
    *,
    flags: Annotated[EvaluateFlags | None, Parameter(name="*")] = None,
    settings: Annotated[Path | None, Parameter(help="TOML file with any of these settings; flags override it.")] = None,
    json: Annotated[bool, Parameter(help="Print one JSON object.", negative=())] = False,
    quiet: Annotated[bool, Parameter(help="Print only the scores: no progress, no notes.", negative=())] = False,
) -> None:
    """Score prompts (texts and files, side by side) on labeled rows. Differences are relative to the first prompt."""
    terminal = Terminal(json, quiet, says_result=True)
    found = EvaluateJob.of(merged(flags, settings, EvaluateSettings)).run(terminal.watch)
    scores = [evaluation.score for evaluation in found.evaluations]
    terminal.result(
        {
            "task": task_record(found.task) | {"told_from": found.task_from},
            "scores": [score.model_dump(mode="json") for score in scores],
            "comparisons": [c.model_dump(mode="json") if c else None for c in found.comparisons],
            "loss_comparisons": [c.model_dump(mode="json") for c in found.loss_comparisons],
            "skipped": found.evaluations[0].skipped,
        }
    )
    terminal.table(score_table(scores, found.comparisons))
    terminal.say(TABLE_NOTE)
    for name, comparison in zip(found.names[1:], found.loss_comparisons, strict=True):
        terminal.say(f"loss of {name!r} against the first: {loss_difference_words(comparison)}")
