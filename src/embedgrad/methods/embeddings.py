"""The published method: the prompt's own token embeddings, moved by gradient descent (arXiv 2508.03533)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from pydantic import JsonValue
from torch import Tensor

from embedgrad.errors import PromptError
from embedgrad.methods.descent import Descent, check_finite
from embedgrad.methods.method import Batch, Point, Proposal, Tensors
from embedgrad.methods.optimizers import ADAM_W, Optimizer
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.prompt.trust_region import OriginalTokens, TrustRegion, distance_penalty, lead

EMBEDDINGS = "embeddings"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """A `Method`. Its one tensor is [P, D] float32.

    start    whose rows are moved, those that it calls trainable
    descent  clips, and moves them
    region   where they may be: its penalty is part of the gradient, its bounds hold after every step
    device   the model's
    """

    start: SoftPrompt
    descent: Descent
    region: TrustRegion | None = None
    device: torch.device | str = "cpu"

    @classmethod
    def prepare(
        cls,
        model: FrozenModel,
        start: SoftPrompt,
        *,
        clip_norm: float = 1.0,
        radius: float | None = None,
        distance_penalty: float = 0.0,
        keep_nearest: bool = False,
        optimizer: Optimizer = ADAM_W,
    ) -> Embeddings:
        """For `start`, placed on `model`; the settings are those of TuningSettings. Raises PromptError where the start
        does not allow keep_nearest."""
        region = None
        if radius is not None or distance_penalty or keep_nearest:
            first = start.embeddings.to(model.device)
            tokens = _original_tokens(model, start, first) if keep_nearest else None
            region = TrustRegion(first, radius, distance_penalty, tokens)
        return cls(start, Descent(clip_norm, optimizer), region, model.device)

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Checkpoints from when there was AdamW alone do not name it."""
        return () if self.descent.optimizer == ADAM_W else (repr(self.descent.optimizer),)

    def begin(self) -> Point:
        return self.descent.begin({EMBEDDINGS: self.start.embeddings.to(self.device).detach().clone()})

    def propose(self, at: Point, batch: Batch) -> Proposal:
        rows = at.tensors[EMBEDDINGS]
        found = batch.engine.loss_and_gradient(rows, batch.rows)
        check_finite(found.row_nats, [found.gradient], batch.rows, at.step + 1)
        gradient, penalty = found.gradient, None
        if self.region is not None and self.region.penalty:
            penalty, outward = distance_penalty(rows, self.region.start, self.region.penalty)
            gradient = gradient + outward
        if self._trainable is not None:
            gradient = torch.where(self._trainable, gradient, 0.0)
        moved, norm = self.descent.step(at, {EMBEDDINGS: gradient}, batch.learning_rate)
        if self.region is not None:
            moved = replace(moved, tensors={EMBEDDINGS: self.region.project(moved.tensors[EMBEDDINGS])})
        return Proposal(moved, found.loss, found.tokens, norm, penalty)

    def artifact(
        self,
        tensors: Tensors,
        metrics: Mapping[str, JsonValue] | None = None,
        settings: Mapping[str, JsonValue] | None = None,
    ) -> SoftPrompt:
        return self.start.moved(tensors[EMBEDDINGS], metrics, settings)

    @cached_property
    def _trainable(self) -> Tensor | None:
        """[P, 1] True where a row may move; None: all may."""
        mask = self.start.trainable
        return None if mask is None else torch.tensor(mask, device=self.device)[:, None]


def _original_tokens(model: FrozenModel, start: SoftPrompt, first: Tensor) -> OriginalTokens:
    if start.initial_ids is None:
        raise PromptError(
            "This start has no original tokens that could stay the nearest: it is random, or its file names none. "
            "Start from a text, or leave keep_nearest out."
        )
    tokens = OriginalTokens(model.embed(start.initial_ids).float(), model.embed(range(model.vocabulary)))
    outside = [place for place, ahead in enumerate(lead(first, tokens).tolist()) if not ahead > 0]
    if outside:
        raise PromptError(
            f"In this start {len(outside)} of {len(start)} vectors are nearer to another token than to their own, the "
            f"first at position {outside[0]}, so keep_nearest cannot hold. Start from the text, or leave it out."
        )
    return tokens
