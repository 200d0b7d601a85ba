"""The order of rows, padding and batch size change nothing but the time it takes."""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
import rows

PROMPT = "Please decide whether the review is positive or negative."
EXAMPLES = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(9)]
PLACES = ("{prompt}\n\n{input}", "{input}\n\n{prompt}")
ORDER = [4, 0, 8, 2, 6, 1, 7, 3, 5]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("family", ["qwen2", "gemma2"])
def test_loss_and_gradient(family: str, place: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = eg.start(model, PROMPT, eg.Template.chat(place))
    wanted = eg.forward(model, prompt, EXAMPLES)
    shuffled = [EXAMPLES[i] for i in ORDER]
    for batch_tokens in (1, 200, 8192):
        found = eg.forward(model, prompt, shuffled, batch_tokens=batch_tokens)
        assert found.loss == pytest.approx(wanted.loss, rel=1e-6)
        assert (found.gradient - wanted.gradient).norm() <= 1e-5 * wanted.gradient.norm()
        assert torch.allclose(found.row_nats, wanted.row_nats[ORDER], rtol=1e-5)
        assert found.tokens == wanted.tokens


def test_a_longer_neighbour_changes_nothing(tiny_model) -> None:
    """Padding: each row's nats are those it has alone."""
    model = tiny_model("llama")
    prompt = eg.start(model, PROMPT)
    long = eg.Example("Once upon a time there was a little dog. " * 4, "positive")
    together = eg.forward(model, prompt, [*EXAMPLES, long]).row_nats
    alone = [eg.forward(model, prompt, [example]).row_nats.item() for example in [*EXAMPLES, long]]
    assert together.tolist() == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("score_by", ["generation", "likelihood", "both"])
def test_evaluation(score_by: str, tiny_model) -> None:
    model = tiny_model("qwen2")
    task = eg.Task("label", labels=("negative", "positive"))
    one = eg.evaluate(model, PROMPT, EXAMPLES, task, score_by=score_by)
    for order, batch_tokens in ((range(9), 1), (ORDER, 150), (ORDER, 8192)):
        other = eg.evaluate(
            model, PROMPT, [EXAMPLES[i] for i in order], task, score_by=score_by, batch_tokens=batch_tokens
        )
        for place, i in enumerate(order):
            wanted, found = one.predictions[i], other.predictions[place]
            assert (found.input, found.output, found.likeliest, found.correct, found.truncated, found.tokens) == (
                wanted.input, wanted.output, wanted.likeliest, wanted.correct, wanted.truncated, wanted.tokens
            )  # fmt: skip
            assert found.nats == pytest.approx(wanted.nats, rel=1e-5)
        assert other.score.accuracy == one.score.accuracy
        assert other.score.loss == pytest.approx(one.score.loss, rel=1e-6)
