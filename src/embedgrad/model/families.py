"""The only place that knows families of architectures by name or kind."""

from __future__ import annotations

from typing import Any

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


def has_sliding_window(config: Any) -> bool:
    """Whether some layer attends only to a window of the last tokens."""
    text = config.get_text_config()
    return getattr(text, "sliding_window", None) is not None
