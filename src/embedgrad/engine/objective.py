"""What a tuning makes small: a loss for each target token, from the logits that predict it.

An objective knows no paths and no batches. Whatever path rows take, it is given the same logits, all at once or chunk
by chunk (`head.token_losses`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from embedgrad.template.layout import Layout

Extras = Mapping[str, Tensor]  # by name, [n, ...] each: one entry per target token


class Objective(Protocol):
    """Losses of target tokens."""

    def extras(self, layouts: Sequence[Layout]) -> Extras:
        """What these rows carry besides their ids (a teacher's logits, weights, numbers): [N, ...] each, for all target
        tokens of all rows, row by row. Asked for the rows of one forward pass at a time, on any device."""

    def losses(self, logits: Tensor, targets: Tensor, extras: Extras) -> Tensor:
        """[n] the loss of each of n target tokens.

        logits   [n, V] float32, those that predict the targets; the loss is differentiable in them
        targets  [n] ids
        extras   [n, ...] each, of just these tokens, on the device of the logits; constants

        Each loss depends on the logits of its own token alone: n may be any part of a batch's tokens.
        """


class CrossEntropy:
    """Nats: -log of the target's probability. The paper's Eq. 6, token by token."""

    def extras(self, layouts: Sequence[Layout]) -> Extras:
        return {}

    def losses(self, logits: Tensor, targets: Tensor, extras: Extras) -> Tensor:
        return F.cross_entropy(logits, targets, reduction="none")


CROSS_ENTROPY = CrossEntropy()


def checked_extras(objective: Objective, layouts: Sequence[Layout], targets: Tensor) -> Extras:
    """The objective's extras for `layouts`, on the device of their `targets` [N]. Raises ValueError where one has not
    an entry for each of them: chunks would give tokens those of others."""
    extras = {name: values.to(targets.device) for name, values in objective.extras(layouts).items()}
    for name, values in extras.items():
        if len(values) != len(targets):
            raise ValueError(
                f"{type(objective).__name__} has {len(values)} {name!r} for {len(targets)} target tokens; expected one "
                "for each, row by row."
            )
    return extras
