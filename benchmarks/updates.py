"""Ways of moving a prompt that `learning.py` compares with the default: updates, averages, another form, other starts.

None of them is part of embedgrad; what is better moves there. A rate r is a step of r of a usual token's length in all
of them (for the ones by Adam: of r in each coordinate).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from pydantic import JsonValue
from torch import Tensor

import embedgrad as eg
from embedgrad.methods import optimizers
from embedgrad.methods.descent import check_finite
from embedgrad.methods.embeddings import EMBEDDINGS, Embeddings
from embedgrad.methods.method import Batch, Point, Proposal, Tensors
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from learning_tasks import Arm, LearningTask


class Rows(optimizers.Muon):
    """Each row of the momentum at length 1: every token moves equally far, where its own gradient points."""

    def direction(self, momentum: Tensor) -> Tensor:
        return momentum / momentum.norm(dim=1, keepdim=True).clamp_min(1e-12)


class Whole(optimizers.Muon):
    """The momentum as it is, at the length of rows of 1."""

    def direction(self, momentum: Tensor) -> Tensor:
        return momentum * (len(momentum) ** 0.5 / momentum.norm().clamp_min(1e-12))


class Signs(optimizers.Muon):
    """The signs of the momentum."""

    def direction(self, momentum: Tensor) -> Tensor:
        return momentum.sign() / momentum.shape[1] ** 0.5


class Lion(optimizers.Muon):
    """The signs of a momentum that leans on the gradient of now, at the length of rows of 1. Source: Chen et al. 2023,
    "Symbolic discovery of optimization algorithms", without weight decay."""

    def step(self, at: Point, gradients: Tensors, learning_rate: float) -> Point:
        old = {name: at.moments[f"{name}.momentum"] for name in at.tensors}
        tensors = {
            name: tensor - learning_rate * (0.9 * old[name] + 0.1 * gradients[name]).sign()
            for name, tensor in at.tensors.items()
        }
        moments = {f"{name}.momentum": 0.99 * old[name] + 0.01 * gradients[name] for name in old}
        return Point(at.step + 1, tensors, moments)


@dataclass(frozen=True)
class Whitened:
    """The momentum times the inverse root of the running mean of G G^T [P, P]: as Muon, but over many steps, so that
    directions of noise, which average out, stay short. Source: one side of Shampoo (Gupta et al. 2018)."""

    momentum: float = 0.9
    memory: float = 0.95

    def begin(self, tensors: Tensors) -> Tensors:
        return {
            f"{name}.{kind}": torch.zeros(shape)
            for name, tensor in tensors.items()
            for kind, shape in (("mean", tensor.shape), ("outer", (len(tensor), len(tensor))))
        }

    def step(self, at: Point, gradients: Tensors, learning_rate: float) -> Point:
        tensors, moments, now = dict[str, Tensor](), dict[str, Tensor](), at.step + 1
        for name, tensor in at.tensors.items():
            gradient, keep = gradients[name], self.memory
            mean = self.momentum * at.moments[f"{name}.mean"] + (1 - self.momentum) * gradient
            outer = keep * at.moments[f"{name}.outer"] + (1 - keep) * gradient @ gradient.mT
            values, vectors = torch.linalg.eigh(outer.double() / (1 - keep**now))
            root = vectors * values.clamp_min(1e-4 * float(values[-1]) + 1e-30).rsqrt() @ vectors.mT
            direction = root.float() @ (mean / (1 - self.momentum**now))
            tensors[name] = tensor - learning_rate * tensor.shape[1] ** 0.5 * direction
            moments |= {f"{name}.mean": mean, f"{name}.outer": outer}
        return Point(now, tensors, moments)


@dataclass(frozen=True, eq=False)
class _Around:
    """A `Method` around the published one, whose own tensors and moments are among its."""

    inner: Embeddings

    @property
    def depends_on(self) -> tuple[str, ...]:
        return (type(self).__name__,)

    def rows_of(self, tensors: Tensors) -> Tensor:
        """[P, D] what stands in the place of the prompt."""
        raise NotImplementedError

    def artifact(
        self,
        tensors: Tensors,
        metrics: Mapping[str, JsonValue] | None = None,
        settings: Mapping[str, JsonValue] | None = None,
    ) -> SoftPrompt:
        return self.inner.artifact({EMBEDDINGS: self.rows_of(tensors)}, metrics, settings)


@dataclass(frozen=True, eq=False)
class Averaged(_Around):
    """The running mean of the points."""

    memory: float = 0.95

    def begin(self) -> Point:
        first = self.inner.begin()
        return replace(first, tensors={**first.tensors, "average": first.tensors[EMBEDDINGS]})

    def propose(self, at: Point, batch: Batch) -> Proposal:
        done = self.inner.propose(replace(at, tensors={EMBEDDINGS: at.tensors[EMBEDDINGS]}), batch)
        now = done.point.tensors[EMBEDDINGS]
        average = self.memory * at.tensors["average"] + (1 - self.memory) * now
        return replace(done, point=replace(done.point, tensors={EMBEDDINGS: now, "average": average}))

    def rows_of(self, tensors: Tensors) -> Tensor:
        return tensors["average"]


@dataclass(frozen=True, eq=False)
class Waits(_Around):
    """The rate falls to zero at step `steps`, and begins to when the mean loss of the last `window` steps is no longer
    5 % under that of as many before, or at 0.7 of the steps; for settings whose own rate is constant."""

    steps: int = 300
    window: int = 20

    def begin(self) -> Point:
        first = self.inner.begin()
        own = {"losses": torch.zeros(2 * self.window), "falls_from": torch.zeros(1)}
        return replace(first, moments={**first.moments, **own})

    def propose(self, at: Point, batch: Batch) -> Proposal:
        losses, falls_from = at.moments["losses"], float(at.moments["falls_from"])
        is_full = at.step >= len(losses)
        if not falls_from and (at.step >= 0.7 * self.steps or (is_full and self._is_flat(losses))):
            falls_from = float(at.step)
        left = (self.steps - at.step) / (self.steps - falls_from) if falls_from else 1.0
        done = self.inner.propose(at, replace(batch, learning_rate=batch.learning_rate * left))
        own = {
            "losses": torch.cat([losses[1:], torch.tensor([done.loss])]),
            "falls_from": torch.tensor([falls_from]),
        }
        return replace(done, point=replace(done.point, moments={**done.point.moments, **own}))

    def _is_flat(self, losses: Tensor) -> bool:
        return bool(losses[self.window :].mean() > 0.95 * losses[: self.window].mean())

    def rows_of(self, tensors: Tensors) -> Tensor:
        return tensors[EMBEDDINGS]


@dataclass(frozen=True, eq=False)
class Residual(_Around):
    """v = e + a b tanh(a e), the [P, D] matrix e and one small network for all tokens, which is folded
    into v at the end. Source: residual prompt tuning (Razdaibiedina et al. 2023, arXiv 2305.03937); its output is zero
    at first, so that tuning starts from the text."""

    hidden: int = 64
    network_rate: float = 0.1  # by Adam, as a share of the embeddings' rate in units of the table's RMS

    def begin(self) -> Point:
        first = self.inner.begin()
        rows = first.tensors[EMBEDDINGS]
        scale = float(rows.square().mean().sqrt())
        draw = torch.Generator().manual_seed(0)
        down = torch.randn(rows.shape[1], self.hidden, generator=draw) / rows.shape[1] ** 0.5 / scale
        network = {"down": down, "up": torch.zeros(self.hidden, rows.shape[1])}
        tensors = {**first.tensors, **network}
        return Point(0, tensors, {**first.moments, **optimizers.ADAM_W.begin(network)})

    def rows_of(self, tensors: Tensors) -> Tensor:
        rows = tensors[EMBEDDINGS]
        scale = self.inner.start.embeddings.square().mean().sqrt()
        return rows + scale * torch.tanh(rows @ tensors["down"]) @ tensors["up"]

    def _network_rate(self, rate: float) -> float:
        return self.network_rate * rate / float(self.inner.start.embeddings.square().mean().sqrt())

    def propose(self, at: Point, batch: Batch) -> Proposal:
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in at.tensors.items()}
        rows = self.rows_of(leaves)
        found = batch.engine.loss_and_gradient(rows.detach(), batch.rows)
        check_finite(found.row_nats, [found.gradient], batch.rows, at.step + 1)
        names = list(leaves)
        gradients = dict(zip(names, torch.autograd.grad(rows, list(leaves.values()), found.gradient), strict=True))
        of = {name: EMBEDDINGS if name.startswith(EMBEDDINGS) else "network" for name in (*names, *at.moments)}

        def part(which: str, mapping: Tensors) -> dict[str, Tensor]:
            return {name: tensor for name, tensor in mapping.items() if of[name] == which}

        parts = [Point(at.step, part(which, at.tensors), part(which, at.moments)) for which in (EMBEDDINGS, "network")]
        moved, norm = self.inner.descent.step(parts[0], part(EMBEDDINGS, gradients), batch.learning_rate)
        net = optimizers.ADAM_W.step(parts[1], part("network", gradients), self._network_rate(batch.learning_rate))
        point = Point(moved.step, {**moved.tensors, **net.tensors}, {**moved.moments, **net.moments})
        return Proposal(point, found.loss, found.tokens, norm)


def _with_labels(task: LearningTask) -> SoftPrompt:
    """The text, then the labels, so that what moves begins at what is to be said."""
    return eg.start(task.model, f"{task.start.text} {', '.join(task.task.labels)}")


def _with_free_tokens(number: int) -> Callable[[LearningTask], SoftPrompt]:
    """The text, then so many rows of the vocabulary, drawn at random."""

    def start(task: LearningTask) -> SoftPrompt:
        model: FrozenModel = task.model
        longer = eg.start(model, (task.start.text or "") + number * " the")
        rows = longer.embeddings.clone()
        drawn = random.Random(0).sample(range(model.vocabulary), number)
        rows[-number:] = model.embed(drawn).float().cpu()
        return longer.moved(rows)

    return start


ADAM_W = {"optimizer": "adamw", "warmup_steps": 0, "decay": 0.0, "batch_order": "shuffled"}  # the default once

ARMS: Mapping[str, Arm] = {
    "adamw-constant": Arm(ADAM_W),
    "adamw": Arm({"optimizer": "adamw"}),
    "adamw-1.0": Arm({"optimizer": "adamw", "learning_rate": "1.0rms"}),
    **{f"adamw-{rate}": Arm({"optimizer": "adamw", "learning_rate": f"{rate}rms"}) for rate in ("0.1", "0.25")},
    **{f"muon-{rate}": Arm({"learning_rate": f"{rate}rms"}) for rate in ("0.05", "0.1", "0.15", "0.2", "0.3")},
    "muon-constant": Arm({"decay": 0.0}),
    "muon-linear": Arm({"decay": 1.0}),
    "muon-half": Arm({"decay": 0.5}),
    "muon-0.95": Arm(optimizer=optimizers.Muon(0.95)),
    "muon-0.8": Arm(optimizer=optimizers.Muon(0.8)),
    "rows": Arm({"learning_rate": "0.15rms"}, Rows()),
    "whole": Arm({"learning_rate": "0.15rms"}, Whole()),
    "signs": Arm({"learning_rate": "0.15rms"}, Signs()),
    **{f"lion-{rate}": Arm({"learning_rate": f"{rate}rms"}, Lion()) for rate in ("0.08", "0.15")},
    **{f"whitened-{rate}": Arm({"learning_rate": f"{rate}rms"}, Whitened()) for rate in ("0.15", "0.3", "0.6")},
    "shuffled": Arm({"batch_order": "shuffled"}),
    "averaged": Arm({"decay": 0.0}, around=Averaged),
    "waits": Arm({"decay": 0.0}, around=Waits),
    "residual": Arm(around=Residual),
    "residual-adamw": Arm({"optimizer": "adamw", "learning_rate": "0.1rms"}, around=lambda one: Residual(one, 64, 1.0)),
    "batch-8": Arm({"batch_size": 8}),
    "batch-32": Arm({"batch_size": 32}),
    "batch-64": Arm({"batch_size": 64}),
    "labels": Arm(start=_with_labels),
    "free-8": Arm(start=_with_free_tokens(8)),
    "free-16": Arm(start=_with_free_tokens(16)),
    "keep-nearest": Arm({"keep_nearest": True}),
    "keep-nearest-adamw": Arm({**ADAM_W, "keep_nearest": True}),
}
"""By name, beside `default`. `batch-*` take as many steps as go over the same number of rows."""
