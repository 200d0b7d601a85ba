"""One task of the demo: the written prompts, the best of them tuned, and all of it on rows that neither saw."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from embedgrad.data.example import Example
from embedgrad.data.splits import Parts
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Evaluation, compare_accuracy
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.pocket.baselines import bag_of_words, majority
from embedgrad.pocket.tasks import PocketTask
from embedgrad.prompt.place import Start, start
from embedgrad.prompt.public import RULES
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.demo_tables import TrialComparisons, TrialResult
from embedgrad.run.score import Comparison, Score
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings
from embedgrad.tuning.tune import Run, run_tuning
from embedgrad.watch import Watch

SETTINGS = TuningSettings(batch_size=32, evaluate_every=35, epochs=1.0)
"""How every task of the demo is tuned: as by default, for its own number of steps, which were chosen on validation rows
(docs/pocket.md)."""


def settings_of(task: PocketTask, seed: int = 0) -> TuningSettings:
    """SETTINGS with the task's steps, however many rows there are. Raises UsageError for a seed out of range."""
    RULES["seed"]("seed", seed)
    return SETTINGS.model_copy(update={"min_steps": task.steps, "seed": seed})


Stage = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """What one task came to. All Scores are on the test rows but `written`, which chose on the validation rows.

    before         the first written prompt, as a user would begin (a paper task has only this one)
    best_written   the written prompt that is best on the validation rows; tuning started from it
    after          the tuned prompt
    majority, bag_of_words   accuracies on the test rows, fractions
    seconds        of everything
    """

    task: PocketTask
    parts: Parts
    written: tuple[Score, ...]
    start: SoftPrompt
    run: Run
    before: Evaluation
    best_written: Evaluation
    after: Evaluation
    majority: float
    bag_of_words: float
    seconds: float

    @property
    def result(self) -> TrialResult:
        """The trial as numbers."""
        return TrialResult(
            name=self.task.name,
            test_rows=self.after.score.total,
            before=self.before.score,
            best_written=self.best_written.score,
            after=self.after.score,
            majority=self.majority,
            bag_of_words=self.bag_of_words,
            comparisons=TrialComparisons(
                after_vs_before=self._compared(self.before),
                after_vs_best_written=self._compared(self.best_written),
            ),
            seconds=round(self.seconds, 1),
        )

    def _compared(self, first: Evaluation) -> Comparison:
        found = compare_accuracy(first, self.after)
        assert found is not None, "every pocket task has a metric"
        return found


def run_trial(
    model: FrozenModel,
    task: PocketTask,
    settings: TuningSettings,
    *,
    kind: Start = "text",
    stage: Stage = lambda words: None,
    watch: Watch = Watch(),
) -> Trial:
    """Choose the best written prompt, tune it (or a random start of its length), compare on the test rows.

    settings  of the tuning; `settings_of` gives the task's
    stage     told what begins, in words
    watch     told of the tuning

    Raises what `Setup.prepare` and `run_tuning` raise.
    """
    began = time.monotonic()
    parts = task.parts()
    best, written = best_prompt(model, task, parts.validation, stage)
    stage(f"{task.name}: tuning")
    first = best if kind == "text" else start(model, best.text or "", kind=kind, seed=settings.seed)
    tuned_on = tuning_parts(parts.train, parts.validation, settings.seed, columns=())
    judging = Judging(task.task, batch_tokens=settings.batch_tokens)
    run = run_tuning(Setup.prepare(model, first, tuned_on, settings, judging, watch=watch), settings, watch=watch)
    stage(f"{task.name}: on {len(parts.test)} unseen rows")
    score_by: ScoreBy = "both" if task.task.labels else "generation"
    best_written = _judged(model, best, parts.test, task, score_by)
    is_first = best.text == task.prompts[0]
    before = best_written if is_first else _judged(model, start(model, task.prompts[0]), parts.test, task, score_by)
    after = _named(_judged(model, run.prompt, parts.test, task, score_by), "tuned")
    return Trial(
        task=task,
        parts=parts,
        written=written,
        start=best,
        run=run,
        before=before,
        best_written=best_written,
        after=after,
        majority=majority(task.task, parts.train, parts.test),
        bag_of_words=bag_of_words(task.task, parts.train, parts.validation, parts.test),
        seconds=time.monotonic() - began,
    )


def best_prompt(
    model: FrozenModel, task: PocketTask, validation: Sequence[Example], stage: Stage = lambda words: None
) -> tuple[SoftPrompt, tuple[Score, ...]]:
    """The written prompt with the highest strict accuracy on `validation`, ties by the lower loss, and all Scores
    (none where there is no choice)."""
    prompts = [start(model, text) for text in task.prompts]
    if len(prompts) == 1:
        return prompts[0], ()
    scores: list[Score] = []
    for number, prompt in enumerate(prompts, start=1):
        stage(f"{task.name}: written prompt {number} of {len(prompts)}")
        scores.append(_judged(model, prompt, validation, task, "generation").score)
    best = min(range(len(scores)), key=lambda i: (-(scores[i].accuracy or 0.0), scores[i].loss))
    return prompts[best], tuple(scores)


def _judged(
    model: FrozenModel, prompt: SoftPrompt, rows: Sequence[Example], task: PocketTask, score_by: ScoreBy
) -> Evaluation:
    bound = prompt.bind(model)
    return Judge.prepare(bound, rows, Judging(task.task, score_by)).judge(bound, prompt.name)


def _named(evaluation: Evaluation, name: str) -> Evaluation:
    return replace(evaluation, score=evaluation.score.model_copy(update={"prompt": name}))
