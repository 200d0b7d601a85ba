"""Where the parts of a transformers model are that the engine takes by themselves: layers, body, output head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def decoder_layers(lm: Any) -> torch.nn.ModuleList:
    """The model's layers, first to last. Raises AttributeError where there is no one list of them."""
    wanted = lm.config.get_text_config().num_hidden_layers
    lists = [m for m in lm.get_decoder().modules() if isinstance(m, torch.nn.ModuleList) and len(m) == wanted]
    if not lists:
        raise AttributeError("no list of layers")
    return lists[0]


def output_head(lm: Any, embeds: Tensor) -> Callable[[Tensor], Tensor] | None:
    """[N, D] last hidden states -> [N, V] logits, as the whole model computes them; None where that is not known.

    Scale and soft cap are those that Granite, Cohere and Gemma 2 name in their configs; whether that is all is tried
    on `embeds` [1, T, D].
    """
    config, linear = lm.config.get_text_config(), lm.get_output_embeddings()
    if linear is None:
        return None
    scale = getattr(config, "logit_scale", None) or 1.0 / (getattr(config, "logits_scaling", None) or 1.0)
    cap = getattr(config, "final_logit_softcapping", None)

    def head(hidden: Tensor) -> Tensor:
        logits: Tensor = linear(hidden)
        if scale != 1.0:
            logits = logits * scale
        return logits if cap is None else torch.tanh(logits / cap) * cap

    with torch.no_grad():
        try:
            whole = lm(inputs_embeds=embeds, use_cache=False).logits[0].float()
            apart = head(last_hidden(lm, inputs_embeds=embeds, use_cache=False)[0]).float()
        except (AttributeError, TypeError, RuntimeError):
            return None
        tolerance = 1e-4 if lm.dtype == torch.float32 else 2e-2  # of the largest logit
    return head if float((whole - apart).abs().max()) <= tolerance * float(whole.abs().max()) else None


def last_hidden(lm: Any, **inputs: object) -> Tensor:
    """[B, T, D] what the model's output head gets."""
    found: Tensor = lm.get_decoder()(**inputs).last_hidden_state
    return found
