"""What a tuning came to, written into its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embedgrad.data.example import Example
from embedgrad.data.splits import Parts
from embedgrad.evaluation.baselines import baselines
from embedgrad.evaluation.result import Evaluation, compare_accuracy, compare_loss
from embedgrad.jobs.judging_settings import group_names
from embedgrad.jobs.prediction_lines import predictions_side_by_side, versions
from embedgrad.jobs.prepared import Prepared
from embedgrad.model.memory import peak_bytes
from embedgrad.report.page import write_report
from embedgrad.run.folder import RunFolder
from embedgrad.run.names import METRICS, PREDICTIONS, PROMPT_FILE, RESULT
from embedgrad.run.result import Result, RowCounts
from embedgrad.tuning.tune import Run


@dataclass(frozen=True)
class Outcome:
    """A finished run: the tuning, both prompts on the test rows, and the same as its folder has it."""

    run: Run
    before: Evaluation
    after: Evaluation
    result: Result
    folder: Path
    example: Example  # the first test row


def finish(
    prepared: Prepared, run: Run, judged: tuple[Evaluation, Evaluation], parts: Parts, folder: RunFolder
) -> Outcome:
    """Prompt file, predictions, result and report; the result comes last but one, so its presence means finished.
    `judged` is the text prompt and the tuned one on the test rows."""
    before, after = judged
    metrics = {**run.prompt.metrics, "test": after.score.model_dump(mode="json")}
    run.prompt.moved(run.prompt.embeddings, metrics, run.prompt.settings).save(folder.file(PROMPT_FILE))
    groups = group_names(parts.test, prepared.settings.judging.group_by)
    folder.write_lines(PREDICTIONS, predictions_side_by_side(before, after, groups))
    result = Result(
        before=before.score,
        after=after.score,
        comparison=compare_accuracy(before, after),
        loss_comparison=compare_loss(before, after),
        prompt_file=PROMPT_FILE,
        steps=run.steps,
        seconds=run.seconds,
        peak_bytes=peak_bytes(prepared.model.device),
        engine=run.engine,
        versions=versions(),
        rows=RowCounts(
            train=len(parts.train) - run.skipped,
            validation=run.validation_rows,
            test=after.score.total,
            removed_duplicates=parts.removed_train + parts.removed_validation,
        ),
        model=prepared.model.identity.name,
        recipe=prepared.settings.recipe,
        prompt_text=run.prompt.text or prepared.baseline.text,
        best_step=run.best_step,
        stopped=run.stopped,
        drift=run.drift,
        files={name: folder.sha256(name) for name in (PREDICTIONS, METRICS, PROMPT_FILE)},
        baselines=baselines(prepared.task, parts.train, [(p.input, p.target) for p in after.predictions]),
    )
    folder.write_json(RESULT, result)
    write_report(folder.path)
    return Outcome(run, before, after, result, folder.path, parts.test[0])
