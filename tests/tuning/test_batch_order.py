"""Which rows come together in a step: labels in their proportion, unless shuffled or without labels."""

from __future__ import annotations

from collections import Counter

import pytest

import embedgrad as eg
import rows
from embedgrad.data.batches import batch_rows
from embedgrad.evaluation.judging import Judging
from embedgrad.tuning import prepare
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings

EXAMPLES = [eg.Example(row["text"], row["label"], line=line) for line, row in enumerate(rows.sentiment(40), start=1)]
UNEVEN = [row for row in EXAMPLES if row.target == "positive" or row.line % 6 == 2]
VALIDATION = [eg.Example(f"Was it {number}?", "positive") for number in range(4)]


@pytest.fixture
def batches_of(tiny_model, monkeypatch):
    """The Batches of a tuning with a task and settings."""
    model, made = tiny_model("qwen2"), []
    monkeypatch.setattr(prepare, "tune_prompt", lambda method, batches, *rest, **more: made.append(batches))

    def of(task, **settings):
        options = TuningSettings(**settings)
        parts = tuning_parts(UNEVEN, VALIDATION, 0, columns=())
        Setup.prepare(model, eg.start(model, "Good?"), parts, options, Judging(task)).run(options, 0.1)
        return made[-1]

    return of


def test_every_step_has_the_labels_in_their_proportion(batches_of):
    batches = batches_of(eg.Task("label", labels=("negative", "positive")), batch_size=6)
    share = Counter(row.target for row in UNEVEN)["negative"] / len(UNEVEN)
    assert 0.1 < share < 0.4
    line_labels = {row.line: row.target for row in UNEVEN}
    for step in range(20):
        found = sum(line_labels[layout.line] == "negative" for layout in batches.at(step).rows)
        assert abs(found - 6 * share) <= 1


@pytest.mark.parametrize(
    ("task", "order"),
    [(eg.Task("label", labels=("negative", "positive")), "shuffled"), (eg.Task("exact"), "stratified")],
)
def test_otherwise_they_are_shuffled(task, order, batches_of):
    batches = batches_of(task, batch_order=order, batch_size=6, seed=3)
    for step in range(5):
        wanted = [batches.layouts[number] for number in batch_rows(len(UNEVEN), 6, 3, step)]
        assert batches.at(step).rows == wanted
