"""An objective of one's own goes through every path, whole or in chunks == a few plain lines, one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

import embedgrad as eg
from embedgrad.engine import after_prefix, lm_head, packed_rows
from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques
from embedgrad.engine.objective import CROSS_ENTROPY, Extras, Objective
from embedgrad.engine.plan import Engine
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.template.layout import Layout
from paths import PATHS

WORDS = ("happy", "so sad", "I can't believe it worked!", "the dog", "Once upon a time there was a little dog", "no")
ROWS = [eg.Example(text, WORDS[-n]) for n, text in enumerate(WORDS)]
OWN = Techniques(own_attention=True, trims=True)


class Smoothed:
    """Cross-entropy with a tenth of the target's weight on all tokens alike; rows carry nothing."""

    def extras(self, layouts: Sequence[Layout]) -> Extras:
        return {}

    def losses(self, logits: Tensor, targets: Tensor, extras: Extras) -> Tensor:
        return F.cross_entropy(logits, targets, reduction="none", label_smoothing=0.1)


@dataclass(frozen=True)
class Taught:
    """Weighted cross-entropy and the distance to a teacher; each row carries a number and logits for each target."""

    weights: dict[Layout, Tensor]
    teacher: dict[Layout, Tensor]

    @classmethod
    def of(cls, layouts: Sequence[Layout], vocabulary: int) -> Taught:
        source = torch.Generator().manual_seed(4)
        sizes = {layout: len(layout.target) for layout in layouts}
        return cls(
            {layout: torch.rand(size, generator=source) for layout, size in sizes.items()},
            {layout: torch.randn(size, vocabulary, generator=source) for layout, size in sizes.items()},
        )

    def extras(self, layouts: Sequence[Layout]) -> Extras:
        return {
            "ids": torch.tensor([i for row in layouts for i in row.ids[row.target.start : row.target.stop]]),
            "weights": torch.cat([self.weights[row] for row in layouts]),
            "teacher": torch.cat([self.teacher[row] for row in layouts]),
        }

    def losses(self, logits: Tensor, targets: Tensor, extras: Extras) -> Tensor:
        assert torch.equal(extras["ids"], targets)  # of just these tokens
        away = F.kl_div(logits.log_softmax(-1), extras["teacher"].softmax(-1), reduction="none").sum(-1)
        return extras["weights"] * F.cross_entropy(logits, targets, reduction="none") + 0.5 * away


def by_hand(
    model: eg.FrozenModel, prompt: Tensor, layouts: Sequence[Layout], objective: Objective
) -> tuple[float, Tensor, list[float]]:
    """Mean loss over all target tokens, its gradient, and each row's sum."""
    leaf, sums = prompt.clone().requires_grad_(), []
    for row in layouts:
        before, after = (
            model.embed(torch.tensor(ids, dtype=torch.long)) for ids in (row.header_ids, row.ids[row.prompt.stop :])
        )
        logits = model.lm(inputs_embeds=torch.cat([before, leaf, after])[None]).logits[0, row.target.start - 1 : -1]
        targets = torch.tensor(row.ids[row.target.start :])
        sums.append(objective.losses(logits, targets, objective.extras([row])).sum())
    loss = torch.stack(sums).sum() / sum(len(row.target) for row in layouts)
    loss.backward()
    return loss.item(), leaf.grad, [each.item() for each in sums]


def laid_out(model: eg.FrozenModel, path: str) -> tuple[Tensor, list[Layout]]:
    """A prompt away from its text, and its rows."""
    place = "{input}\n\n{prompt}\n" if path == "cached input" else "{prompt}\n\n{input}"
    prompt = eg.start(model, "Determine the main emotion.", eg.Template.chat(place))
    noise = torch.randn(prompt.embeddings.shape, generator=torch.Generator().manual_seed(3))
    return prompt.embeddings + 0.1 * noise, lay_out_rows(model, prompt, ROWS)


@pytest.mark.parametrize("batch_tokens", [60, 8192])
@pytest.mark.parametrize("techniques", [PLAIN_TECHNIQUES, OWN, replace(OWN, checkpoints=True)])
@pytest.mark.parametrize("chunk", [0, 1, 3, 99])  # tokens; 0: all logits at once, as always on the plain path
@pytest.mark.parametrize("kind", ["smoothed", "taught"])
@pytest.mark.parametrize("path", PATHS)
def test_an_objective_is_the_same_on_every_path(
    path: str, kind: str, chunk: int, techniques: Techniques, batch_tokens: int, tiny_model, monkeypatch
) -> None:
    model = tiny_model("llama")
    prompt, layouts = laid_out(model, path)
    objective = Smoothed() if kind == "smoothed" else Taught.of(layouts, model.head_rows)
    loss, gradient, sums = by_hand(model, prompt, layouts, objective)
    for module in (after_prefix, packed_rows):
        monkeypatch.setattr(module, "LOGITS_AT_ONCE", 1 if chunk else 1 << 23)
    monkeypatch.setattr(lm_head, "LOGITS_AT_ONCE", max(1, chunk) * model.head_rows)
    engine = Engine(PATHS[path](model, techniques), "", batch_tokens, objective)
    found = engine.loss_and_gradient(prompt, layouts)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert (found.gradient - gradient).norm() <= 1e-5 * gradient.norm()
    assert found.row_nats.tolist() == pytest.approx(sums, rel=1e-5)
    assert engine.row_nats(prompt, layouts).tolist() == pytest.approx(sums, rel=1e-5)
    nats = Engine(PATHS[path](model, techniques), "", batch_tokens).loss_and_gradient(prompt, layouts)
    assert (found.gradient - nats.gradient).norm() > 0.05 * nats.gradient.norm()  # it is another objective


@pytest.mark.parametrize("chunk", [0, 3])
@pytest.mark.parametrize("path", PATHS)
def test_cross_entropy_is_torchs_to_the_last_bit(path: str, chunk: int, tiny_model, monkeypatch) -> None:
    """The seam adds nothing: the same numbers as of torch's function where it was written out."""

    class Torchs:
        def extras(self, layouts: Sequence[Layout]) -> Extras:
            return {"line": torch.cat([torch.full((len(row.target),), row.line) for row in layouts])}

        def losses(self, logits: Tensor, targets: Tensor, extras: Extras) -> Tensor:
            return F.cross_entropy(logits, targets, reduction="none")

    model = tiny_model("llama", "bfloat16")
    prompt, layouts = laid_out(model, path)
    for module in (after_prefix, packed_rows):
        monkeypatch.setattr(module, "LOGITS_AT_ONCE", 1 if chunk else 1 << 23)
    monkeypatch.setattr(lm_head, "LOGITS_AT_ONCE", max(1, chunk) * model.head_rows)
    ours, theirs = (
        Engine(PATHS[path](model, OWN), objective=objective).loss_and_gradient(prompt, layouts)
        for objective in (CROSS_ENTROPY, Torchs())
    )
    assert ours.loss == theirs.loss
    assert torch.equal(ours.gradient, theirs.gradient)
    assert torch.equal(ours.row_nats, theirs.row_nats)


def test_extras_of_other_rows_are_refused(tiny_model) -> None:
    class OnePerRow(Smoothed):
        def extras(self, layouts: Sequence[Layout]) -> Extras:
            return {"weights": torch.ones(len(layouts))}

    model = tiny_model("llama")
    prompt, layouts = laid_out(model, "plain")
    tokens = sum(len(row.target) for row in layouts)
    with pytest.raises(ValueError) as told:  # noqa: PT011 (compared whole below)
        Engine(PATHS["plain"](model), objective=OnePerRow()).loss_and_gradient(prompt, layouts)
    assert str(told.value) == (
        f"OnePerRow has 6 'weights' for {tokens} target tokens; expected one for each, row by row."
    )
