"""Prompts side by side on the same rows, each with its progress."""

from __future__ import annotations

from collections.abc import Sequence

from embedgrad.data.example import Example
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.result import Evaluation, undecided_words
from embedgrad.evaluation.side_by_side import judges_side_by_side
from embedgrad.events import Progress
from embedgrad.prompt.bound import Bound
from embedgrad.watch import Update, Watch


def judged_side_by_side(
    artifacts: Sequence[Bound],
    examples: Sequence[Example],
    judging: Judging,
    names: Sequence[str],
    watch: Watch = Watch(),
) -> list[Evaluation]:
    """Each artifact on the same rows with the same settings. Rows that do not fit behind the longest prompt are left
    out for all of them (with `overlong` skip)."""
    found = []
    judges = judges_side_by_side(artifacts, examples, judging, watch)
    for judge, bound, name in zip(judges, artifacts, names, strict=True):
        with watch.stage(f"evaluating {name[:40]!r}", judge.work) as update:
            found.append(judge.judge(bound, name, _progress(update)))
    if sentence := undecided_words(found):
        watch.note(sentence)
    return found


def _progress(update: Update) -> Progress:
    return lambda done, total: update(done)
