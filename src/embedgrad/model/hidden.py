"""Hidden states at the end of rows, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.turns import in_turn


@in_turn
def last_states(model: FrozenModel, embeds: Tensor, tokens: Sequence[int]) -> Tensor:
    """[B, L, D] float32 on the CPU: what each layer gives at the last token of each row of `embeds` [B, T, D], rows of
    so many `tokens`, padded on the right.

    Layers count from 1, as transformers counts hidden states: the embeddings (0) are left out, and the last layer's is
    what the head gets, the final norm applied. All positions are there during the forward, B * T * D numbers a layer;
    only the last ones are kept.
    """
    kept = {"logits_to_keep": 1} if "logits_to_keep" in model.forward_arguments else {}
    with torch.no_grad():
        found = model.lm(inputs_embeds=embeds, use_cache=False, output_hidden_states=True, **kept).hidden_states
    rows = torch.arange(len(embeds), device=embeds.device)
    last = torch.tensor(tokens, device=embeds.device) - 1
    return torch.stack([layer[rows, last] for layer in found[1:]], dim=1).float().cpu()
