"""Several prompts, or other artifacts, on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from embedgrad.data.example import Example
from embedgrad.errors import DataError
from embedgrad.evaluation.judge import Judge
from embedgrad.evaluation.judging import Judging
from embedgrad.prompt.bound import Bound
from embedgrad.watch import Watch


def judges_side_by_side(
    artifacts: Sequence[Bound],
    examples: Sequence[Example],
    judging: Judging = Judging(),
    watch: Watch = Watch(),
) -> list[Judge]:
    """A Judge for each of `artifacts`, of whatever kinds, all with the same settings on the same rows: those that do
    not fit behind the longest prompt are left out for every one (with `overlong="skip"`), and `watch` is told of it.

    Raises what `Judge.prepare` raises, and DataError where no row is left.
    """

    def prepared(rows: Sequence[Example]) -> list[Judge]:
        return [Judge.prepare(bound, rows, judging, watch) for bound in artifacts]

    judges = prepared(examples)
    if any(judge.skipped for judge in judges):
        kept = set.intersection(*({id(example) for example in judge.examples} for judge in judges))
        rows = [example for example in examples if id(example) in kept]
        if not rows:
            raise DataError("Every row is longer than the model's context behind one of the prompts.")
        skipped = len(examples) - len(rows)
        longer = "row is" if skipped == 1 else "rows are"
        watch.note(f"{skipped:,} {longer} longer than the model's context and left out for every prompt")
        judges = [replace(judge, skipped=skipped) for judge in prepared(rows)]
    if shortened := max(judge.shortened for judge in judges):
        inputs = "input is" if shortened == 1 else "inputs are"
        watch.note(f"{shortened:,} {inputs} cut at their end to fit the model's context")
    return judges
