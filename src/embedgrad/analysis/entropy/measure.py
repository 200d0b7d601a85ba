"""Trajectory entropy: how undecided the model is while it answers, under the text prompt and under the tuned one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from embedgrad.analysis.entropy.loops import is_endless
from embedgrad.analysis.entropy.record import Entropy, EntropySide
from embedgrad.analysis.study import Study
from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.evaluation.answering import Answering, Asking, Generation
from embedgrad.evaluation.judge import ROOM_FOR_WORDS, longest_target
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.statistics import paired_mean, proportion
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.score import Comparison
from embedgrad.tasks.extract import read_strict
from embedgrad.tasks.grade import is_correct
from embedgrad.tasks.targets import settled
from embedgrad.tasks.task import Task
from embedgrad.watch import Watch

_ROWS_AT_ONCE = 128  # between two reports of progress
_LONGEST = 128  # tokens, where no target says how long an answer is; what `generate` takes


def measure(study: Study, watch: Watch) -> Entropy:
    """Of the prompt text and of the tuned prompt."""
    return trajectory_entropy(study.model, study.text, study.tuned, study.rows, study.judging, watch)


def trajectory_entropy(
    model: FrozenModel,
    before: SoftPrompt,
    after: SoftPrompt,
    examples: Sequence[Example],
    judging: Judging = Judging(),
    watch: Watch = Watch(),
) -> Entropy:
    """Entropy in bits of the greedy answers to `examples` under two placed prompts, row by row.

    An answer of T steps has H = -1/T sum_t sum_w p_t(w) log2 p_t(w): from 0 to log2(V), the mean over its steps of the
    entropy of the next-token distribution. The step that chose the stop token counts, since the model decided there as
    well; so an empty answer has a T of 1. An answer that the limit cut has a T of `max_new_tokens`.

    Of `judging` it takes:
    task            splits right answers from wrong ones; default: told from the targets where every row has one
    max_new_tokens  longest answer; default the longest target and 16 more, as in `evaluate`, or 128 without targets
    overlong        "skip" leaves a row out under both prompts
    batch_tokens    most tokens in a forward pass

    Raises DataError where no row is left, and what `Answering.prepare` raises.

    **Source** Eq. 11 of arXiv 2508.03533. It names no stop token; what counts as a loop is our own definition
    (`analysis.loops`).
    """
    targets = [example.target for example in examples if example.target is not None]
    has_targets = bool(examples) and len(targets) == len(examples)
    task, max_new_tokens = judging.task, judging.max_new_tokens
    if max_new_tokens is None:
        max_new_tokens = _LONGEST
        if has_targets:
            max_new_tokens = ROOM_FOR_WORDS + max(longest_target(model, p, examples) for p in (before, after))
    if task is None and has_targets:
        task = settled(None, examples)
    asking = Asking(max_new_tokens, overlong=judging.overlong, batch_tokens=judging.batch_tokens)
    jobs = [Answering.prepare(model, prompt, examples, asking, watch=watch) for prompt in (before, after)]
    total = 2 * len(examples)
    first = _answers(jobs[0], len(examples), lambda done: watch.progress(done, total))
    second = _answers(jobs[1], len(examples), lambda done: watch.progress(len(examples) + done, total))
    kept = [(e, a, b) for e, a, b in zip(examples, first, second, strict=True) if a is not None and b is not None]
    if not kept:
        raise DataError("There is no row whose answers' entropy could be measured. Give at least one that fits.")
    rows = [example for example, _, _ in kept]
    sides = [_side(task, rows, answers) for answers in ([a for _, a, _ in kept], [b for _, _, b in kept])]
    return Entropy(
        rows=len(kept),
        max_new_tokens=max_new_tokens,
        before=sides[0],
        after=sides[1],
        difference=paired_mean(sides[0].row_bits, sides[1].row_bits),
        difference_without_loops=_without_loops(*sides),
    )


def bits(answer: Generation) -> float:
    """Eq. 11 of one answer."""
    return fmean(answer.entropies_bits)


def _answers(job: Answering, rows: int, report: Callable[[int], None]) -> list[Generation | None]:
    found: list[Generation | None] = []
    for first in range(0, rows, _ROWS_AT_ONCE):
        found.extend(job.answers(first, min(first + _ROWS_AT_ONCE, rows)))
        report(len(found))
    return found


def _side(task: Task | None, rows: Sequence[Example], answers: Sequence[Generation]) -> EntropySide:
    row_bits = [bits(answer) for answer in answers]
    row_loops = [is_endless(answer) for answer in answers]
    has_metric = task is not None and task.has_metric and all(row.target is not None for row in rows)
    right = [
        task is not None and is_correct(task, read_strict(task, answer.text), row.target or "")
        for row, answer in zip(rows, answers, strict=True)
        if has_metric
    ]
    wrong_loops = [loops for loops, is_right in zip(row_loops, right, strict=False) if not is_right]
    return EntropySide(
        mean_bits=fmean(row_bits),
        mean_bits_without_loops=_mean([b for b, loops in zip(row_bits, row_loops, strict=True) if not loops]),
        looping=proportion(sum(row_loops), len(answers)),
        looping_wrong=proportion(sum(wrong_loops), len(wrong_loops)) if wrong_loops else None,
        truncated=sum(answer.truncated for answer in answers),
        row_bits=tuple(row_bits),
        row_loops=tuple(row_loops),
        correct_bits=_mean([b for b, is_right in zip(row_bits, right, strict=False) if is_right]),
        wrong_bits=_mean([b for b, is_right in zip(row_bits, right, strict=False) if not is_right]),
    )


def _without_loops(before: EntropySide, after: EntropySide) -> Comparison | None:
    """Over rows that loop under neither prompt; None where there are none."""
    pairs = [
        (first, second)
        for first, second, loops, loops_after in zip(
            before.row_bits, after.row_bits, before.row_loops, after.row_loops, strict=True
        )
        if not loops and not loops_after
    ]
    return paired_mean([first for first, _ in pairs], [second for _, second in pairs]) if pairs else None


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
