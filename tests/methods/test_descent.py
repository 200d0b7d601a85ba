"""The step that methods with gradients share, on several tensors, and an optimizer of one's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.evaluation.judging import Judging
from embedgrad.methods.descent import Descent
from embedgrad.methods.embeddings import Embeddings
from embedgrad.methods.method import Point, Tensors
from embedgrad.methods.optimizers import ADAM_W, AdamW
from embedgrad.tuning.prepare import Setup, tuning_parts
from embedgrad.tuning.settings import TuningSettings

SHAPES = {"keys": (2, 1, 3), "scale": (1,)}


def random(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def test_adam_w_is_torchs_for_each_tensor():
    """To the bit: a tensor moves as if it were alone."""
    at = Point(0, random(0), ADAM_W.begin(random(0)))
    parameters = {name: tensor.clone().requires_grad_() for name, tensor in random(0).items()}
    torchs = [torch.optim.AdamW([parameter], lr=0.05, weight_decay=0.0) for parameter in parameters.values()]
    for step in range(20):
        at = ADAM_W.step(at, random(step + 1), 0.05)
        for name, gradient in random(step + 1).items():
            parameters[name].grad = gradient
        for optimizer in torchs:
            optimizer.step()
    assert at.step == 20
    assert at.tensors.keys() == SHAPES.keys()
    assert all(torch.equal(tensor, parameters[name]) for name, tensor in at.tensors.items())
    assert {*at.moments} == {f"{name}.{kind}" for name in SHAPES for kind in ("mean", "mean_square")}


def test_an_optimizer_is_a_value():
    assert AdamW() == ADAM_W
    first = Point(0, random(0), ADAM_W.begin(random(0)))
    before = {name: tensor.clone() for name, tensor in {**first.tensors, **first.moments}.items()}
    ones = [ADAM_W.step(first, random(1), 0.05) for _ in range(2)]
    assert all(torch.equal(ones[0].tensors[name], ones[1].tensors[name]) for name in SHAPES)
    assert all(torch.equal(tensor, before[name]) for name, tensor in {**first.tensors, **first.moments}.items())


@dataclass(frozen=True)
class Plain:
    """Steps along the gradient, and remembers nothing."""

    share: float = 1.0

    def begin(self, tensors: Tensors) -> Tensors:
        return {}

    def step(self, at: Point, gradients: Tensors, learning_rate: float) -> Point:
        rate = self.share * learning_rate
        moved = {name: tensor - rate * gradients[name] for name, tensor in at.tensors.items()}
        return Point(at.step + 1, moved, at.moments)


def test_all_gradients_are_clipped_together():
    gradients = random(3)
    moved, norm = Descent(0.5, Plain()).step(Point(0, random(0), {}), gradients, 1.0)
    parameters = [torch.zeros(shape, requires_grad=True) for shape in SHAPES.values()]
    for parameter, gradient in zip(parameters, gradients.values(), strict=True):
        parameter.grad = gradient.clone()
    assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(parameters, 0.5)))
    for name, parameter in zip(SHAPES, parameters, strict=True):
        torch.testing.assert_close(random(0)[name] - moved.tensors[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_an_optimizer_of_ones_own_tunes_and_resumes(tiny_model, tmp_path):
    """And a checkpoint tells it from another."""
    model = tiny_model("qwen2")
    examples = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(18)]
    options = TuningSettings(epochs=1, min_steps=4, batch_size=6, evaluate_every=2, checkpoint_seconds=0)
    parts, judging = tuning_parts(examples[:12], examples[12:], 0, ()), Judging(eg.Task("text"))

    def setup(optimizer) -> Setup:
        def method(model: eg.FrozenModel, start: eg.SoftPrompt) -> Embeddings:
            return Embeddings.prepare(model, start, optimizer=optimizer)

        return Setup.prepare(model, eg.start(model, "Good?"), parts, options, judging, method=method)

    whole = setup(Plain()).run(options, 5.0)
    assert not whole.moments
    assert not torch.equal(whole.tensors["embeddings"], eg.start(model, "Good?").embeddings)
    assert setup(Plain()).method.depends_on == ("Plain(share=1.0)",)
    assert setup(AdamW()).method.depends_on == ()
    path = tmp_path / "state.safetensors"
    setup(Plain()).run(options, 5.0, checkpoint=path)
    again = setup(Plain()).run(options, 5.0, checkpoint=path)
    assert torch.equal(again.tensors["embeddings"], whole.tensors["embeddings"])
    for other in (Plain(0.5), AdamW()):
        with pytest.raises(eg.EmbedgradError, match="belongs to other rows, another model or other settings"):
            setup(other).run(options, 5.0, checkpoint=path)
