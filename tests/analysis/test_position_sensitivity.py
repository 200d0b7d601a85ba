"""Position sensitivity against eg.forward, a position at a time."""

from __future__ import annotations

import pytest
from studied import EXAMPLES, TEXT, moved

import embedgrad as eg
from embedgrad.analysis.position_sensitivity.measure import position_sensitivity
from embedgrad.errors import PromptError
from embedgrad.evaluation.statistics import paired_loss
from embedgrad.watch import Watch


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture(scope="module")
def start(model):
    return eg.start(model, TEXT)


def test_each_position_against_forward(model, start):
    tuned = moved(start, positions=(0, 2, 3))
    found = position_sensitivity(model, start, tuned, EXAMPLES)
    whole = eg.forward(model, tuned, EXAMPLES)
    assert found.rows == len(EXAMPLES)
    assert found.tuned_loss == pytest.approx(whole.loss, rel=1e-5)
    assert found.text_loss == pytest.approx(eg.forward(model, start, EXAMPLES).loss, rel=1e-5)
    assert [p.position for p in found.positions] == list(range(len(start)))
    tokens = [len(model.tokenizer(e.target, add_special_tokens=False)["input_ids"]) + 1 for e in EXAMPLES]
    tokens = [count + len(start.template.target_end_ids) - 1 for count in tokens]
    for position in found.positions:
        at = tuned.embeddings.clone()
        at[position.position] = start.embeddings[position.position]
        returned = eg.forward(model, tuned, EXAMPLES, embeddings=at)
        assert position.loss_change == pytest.approx(returned.loss - whole.loss, abs=1e-5)
        expected = paired_loss(whole.row_nats.tolist(), returned.row_nats.tolist(), tokens)
        assert position.interval == pytest.approx(expected.interval, abs=1e-4)


def test_positions_that_stayed_change_nothing(model, start):
    found = position_sensitivity(model, start, moved(start, positions=(1,)), EXAMPLES)
    still = [p for p in found.positions if p.position != 1]
    assert {(p.loss_change, p.interval, p.drift) for p in still} == {(0.0, (0.0, 0.0), 0.0)}
    assert found.positions[1].loss_change != 0
    assert found.positions[1].interval[0] <= found.positions[1].loss_change <= found.positions[1].interval[1]


def test_progress_ends_at_its_total(model, start):
    told: list[tuple[int, int]] = []
    position_sensitivity(
        model,
        start,
        moved(start, positions=(1,)),
        EXAMPLES[:6],
        watch=Watch(progress=lambda done, total: told.append((done, total))),
    )
    assert told[-1] == (18, 18)


def test_a_start_of_another_length(model, start):
    with pytest.raises(PromptError, match="Give the prompt that this one was tuned from"):
        position_sensitivity(model, eg.start(model, "Good?"), start, EXAMPLES)
