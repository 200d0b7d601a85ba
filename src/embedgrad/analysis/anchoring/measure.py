"""How near a tuned prompt stays to the words that it started from (section 5.1, Eq. 10), and along the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from embedgrad.analysis.anchoring.record import AnchoredToken, Anchoring, AnchoringAt, Neighbour
from embedgrad.analysis.study import Study, spread
from embedgrad.analysis.vocabulary import cosines, table_chunks, token_text, top_tokens
from embedgrad.errors import PromptError
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.watch import Watch

_NEAREST = 5
_MOST_STAGES = 12  # of the run: each is compared with the whole table
_EXACT = 1e-11  # relative; what two orders of a sum in float64 may differ by, many times over


def measure(study: Study, watch: Watch) -> Anchoring:
    """The tuned prompt against its start, and at no more than 12 steps of the run."""
    return anchoring(study.model, study.start, study.tuned, spread(study.along, _MOST_STAGES))


def anchoring(
    model: FrozenModel, start: SoftPrompt, tuned: SoftPrompt, along: Sequence[tuple[int, Tensor]] = ()
) -> Anchoring:
    """Each position of `tuned` against the token that it started from.

    start  where tuning began, [P, D] like `tuned`; drift is counted from there
    along  (step, [P, D] embeddings) at several steps of the run

    With v a position's vector and e_j the V rows of the embedding table as the model takes them (scaling included,
    rows that no token has left out), p_j = exp(v . e_j) / sum_k exp(v . e_k). **Source** arXiv 2508.03533, Eq. 10. A
    rank is 1 + how many tokens are nearer than the original one; those that are as near (equal rows) do not count.
    Raises PromptError where the prompt has no original tokens, or the lengths differ.
    """
    ids = anchor_ids(start, tuned)
    steps = [
        torch.as_tensor(at).double().cpu() for at in (start.embeddings, tuned.embeddings, *(at for _, at in along))
    ]
    for (step, _), at in zip(along, steps[2:], strict=True):
        if at.shape != steps[0].shape:
            raise PromptError(
                f"The prompt at step {step} is {list(at.shape)}, the start {list(steps[0].shape)}: they are not of "
                "one run."
            )
    found = _against_table(model, torch.stack(steps), ids)
    moves = torch.tensor(tuned.trainable or (True,) * len(ids))
    now = steps[1]
    values, nearest = top_tokens(model, lambda first, rows: cosines(now, rows), _NEAREST)
    drift = drifts(steps[0], now)
    tokens = [
        AnchoredToken(
            position=i,
            token=token_text(model, ids[i]),
            trainable=bool(moves[i]),
            probability=(float(found.probability[0, i]), float(found.probability[1, i])),
            rank_inner=int(found.rank_inner[1, i]),
            rank_cosine=int(found.rank_cosine[1, i]),
            rank_l2=int(found.rank_l2[1, i]),
            cosine=float(found.cosine[1, i]),
            l2=float(found.l2[1, i]),
            drift=float(drift[i]),
            nearest=tuple(
                Neighbour(token=token_text(model, token), cosine=cosine)
                for token, cosine in zip(nearest[i], values[i], strict=True)
            ),
        )
        for i in range(len(ids))
    ]
    stages = tuple(
        _at(step, found, number, moves, drifts(steps[0], steps[number])) for number, (step, _) in enumerate(along, 2)
    )
    return Anchoring(tokens=tuple(tokens), along=stages)


def anchor_ids(start: SoftPrompt, tuned: SoftPrompt) -> tuple[int, ...]:
    """The tokens that the prompt started from [P]. Raises PromptError where there are none, or the lengths differ."""
    ids = tuned.initial_ids or start.initial_ids
    if ids is None:
        raise PromptError("This prompt started from random rows: it has no original tokens to compare it with.")
    if start.embeddings.shape != tuned.embeddings.shape:
        raise PromptError(
            f"The start has {len(start)} tokens of width {start.width}, the tuned prompt {len(tuned)} of width "
            f"{tuned.width}. Give the prompt that this one was tuned from."
        )
    return ids


def drifts(start: Tensor, now: Tensor) -> Tensor:
    """[P] ||v - v0|| / ||v0||; 0 for a row that started with length 0."""
    length = start.double().norm(dim=1)
    return torch.where(length > 0, (now.double() - start.double()).norm(dim=1) / length.clamp_min(1e-300), 0.0)


@dataclass(frozen=True)
class _Found:
    """Of the original token, [S, P] each: S stages of the prompt."""

    probability: Tensor
    cosine: Tensor
    l2: Tensor
    rank_inner: Tensor
    rank_cosine: Tensor
    rank_l2: Tensor


def _against_table(model: FrozenModel, stages: Tensor, ids: Sequence[int]) -> _Found:
    """`stages` [S, P, D] against the whole table, a chunk at a time."""
    count = len(stages)
    vectors = stages.flatten(0, 1)
    own = model.embed(list(ids)).cpu().double().repeat(count, 1)
    length, own_length = vectors.norm(dim=1), own.norm(dim=1)
    inner = (vectors * own).sum(1)
    cosine = inner / (length * own_length).clamp_min(1e-300)
    squared = (vectors - own).square().sum(1)
    inner_bound = inner + _EXACT * length * own_length
    squared_bound = squared - _EXACT * (length.square() + own_length.square())
    sums, nearer = [], torch.zeros(3, len(vectors), dtype=torch.long)
    for _, rows in table_chunks(model):
        products = vectors @ rows.T
        sums.append(products.logsumexp(1))
        distances = length.square()[:, None] - 2 * products + rows.square().sum(1)
        nearer[0] += (products > inner_bound[:, None]).sum(1)
        nearer[1] += (cosines(vectors, rows) > cosine[:, None] + _EXACT).sum(1)
        nearer[2] += (distances < squared_bound[:, None]).sum(1)
    probability = (inner - torch.stack(sums).logsumexp(0)).exp()
    shaped = (found.reshape(count, -1) for found in (probability, cosine, squared.sqrt(), *(nearer + 1)))
    return _Found(*shaped)


def _at(step: int, found: _Found, number: int, moves: Tensor, drift: Tensor) -> AnchoringAt:
    def mean(values: Tensor) -> float:
        return float(values[number][moves].double().mean())

    return AnchoringAt(
        step=step,
        probability=mean(found.probability),
        cosine=mean(found.cosine),
        drift=float(drift[moves].median()),
        kept_inner=mean(found.rank_inner == 1),
        kept_cosine=mean(found.rank_cosine == 1),
        kept_l2=mean(found.rank_l2 == 1),
    )
