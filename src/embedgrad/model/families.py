"""The only place that knows families of architectures by name or kind."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from embedgrad.errors import NotCausal


def check_causal(config: Any, label: str) -> None:
    """Raises NotCausal unless the config belongs to a decoder that continues a text.

    Source: transformers' own registries; an architecture with a masked-LM head reads both ways (BERT), even
    though a causal head can be put on it.
    """
    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False):
        what = "an encoder-decoder model"
    elif kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False):
        what = "an encoder-only model"
    elif kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        what = "not a causal language model"
    else:
        return
    raise NotCausal(
        f"{label} ({kind}) is {what}: it cannot continue a prompt. Use a decoder such as Qwen, Llama or GPT-2."
    )


def check_reads_forward(lm: Any, label: str) -> None:
    """Raises NotCausal where a later token changes what the model says at an earlier one (some decoders are read both
    ways): padding and the loss of every row rest on that it does not."""
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5]], device=lm.get_input_embeddings().weight.device)
    with torch.no_grad():
        first, other = lm(inputs_embeds=lm.get_input_embeddings()(ids)).logits[:, 0].float()
    tolerance = 1e-4 if lm.dtype == torch.float32 else 2e-2  # of the largest logit
    if float((first - other).abs().max()) > tolerance * float(first.abs().max()):
        raise NotCausal(
            f"{label} ({lm.config.model_type}) reads a text in both directions: it cannot continue a prompt."
        )


def has_sliding_window(config: Any) -> bool:
    """Whether some layer attends only to a window of the last tokens."""
    text = config.get_text_config()
    return getattr(text, "sliding_window", None) is not None


def keeps_a_state(config: Any) -> bool:
    """Whether some layer keeps a running state instead of keys and values (Mamba, linear attention, hybrids)."""
    return not all(isinstance(layer, DynamicLayer) for layer in DynamicCache(config=config).layers)


def cache_argument(forward_arguments: Collection[str]) -> str | None:
    """How the model's forward calls its cache; None where it keeps nothing from token to token (GPT-1).

    Trap: a cache under another name is swallowed by `**kwargs`, and every token but the first is wrong in silence.
    """
    return next((name for name in ("past_key_values", "cache_params") if name in forward_arguments), None)
