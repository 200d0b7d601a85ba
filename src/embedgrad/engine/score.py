"""Label scoring: which of some answers is the most likely, without generating.

Behind a shared prefix each input goes through the model once, and its answers are read from the cache; else every
answer takes its input along. Both give the same nats (tests/equivalence).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from embedgrad.data.batches import micro_batches
from embedgrad.engine.objective import CROSS_ENTROPY
from embedgrad.engine.plan import Engine, memory_told
from embedgrad.engine.read_inputs import ReadInputs, forward, read_inputs
from embedgrad.engine.requests import Request, with_prefixes
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.template.layout import Layout


def answer_nats(
    engine: Engine,
    prompt: Tensor,
    layouts: Sequence[Layout],
    answers: Sequence[Sequence[int]],
    progress: Callable[[int], None] = lambda rows: None,
) -> Tensor:
    """[rows, answers] float64: negative log-likelihood in nats of each answer's ids after each row.

    `layouts` have no target; each of `answers` includes its end token, so that "not" does not win over "not spam"
    by being shorter. The sum over an answer's tokens is its exact likelihood; no length normalisation.
    `progress` is told how many rows x answers each micro-batch had.
    """
    with torch.no_grad(), memory_told(engine.batch_tokens):
        requests = [Request(layout, prompt) for layout in layouts]
        if engine.shares:
            requests = with_prefixes(engine.model, requests)
        if all(request.prefix for request in requests):
            return _behind(engine, requests, answers, progress)
    rows = [layout.with_target(answer) for layout in layouts for answer in answers]
    likelihood = replace(engine, objective=CROSS_ENTROPY)
    return likelihood.row_nats(prompt, rows, progress).reshape(len(layouts), len(answers))


def _behind(
    engine: Engine, requests: Sequence[Request], answers: Sequence[Sequence[int]], progress: Callable[[int], None]
) -> Tensor:
    nats = torch.empty(len(requests), len(answers), dtype=torch.float64)
    for indices in micro_batches([len(request.layout) for request in requests], engine.batch_tokens):
        inputs = read_inputs(engine.model, [requests[i] for i in indices])
        for column, answer in enumerate(answers):
            nats[indices, column] = _nats_after(engine.model, inputs, answer).double().cpu()
            progress(len(indices))
    return nats


def _nats_after(model: FrozenModel, inputs: ReadInputs, answer: Sequence[int]) -> Tensor:
    """[B] nats of `answer` after each row of `inputs`, whose cache is left as it was."""
    ids = torch.tensor(answer, device=inputs.mask.device)
    logits = inputs.logits[:, None]
    if len(ids) > 1:
        mask = torch.cat([inputs.mask, inputs.mask.new_ones(len(inputs.mask), len(ids) - 1)], dim=1)
        positions = (mask.cumsum(1) - 1)[:, 1 - len(ids) :]
        embeds = model.embed(ids[:-1]).expand(len(mask), -1, -1)
        further = forward(model, inputs.cache, mask if any(inputs.paddings) else None, positions, embeds)
        inputs.cache.crop(1 - len(ids))
        logits = torch.cat([logits, further], dim=1)
    nats = CROSS_ENTROPY.losses(logits.float().flatten(0, 1), ids.repeat(len(logits)), {})
    return nats.view(len(logits), -1).sum(1)
