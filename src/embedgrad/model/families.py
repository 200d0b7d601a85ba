"""The only place that knows families of architectures by name or kind."""

from __future__ import annotations

from typing import Any

import torch

from embedgrad.errors import ModelError, NotCausal
from embedgrad.model import hooks


def check_causal(config: Any, label: str) -> None:
    """Raises NotCausal unless the config belongs to a decoder that continues a text.

    Source: transformers' own registries; an architecture with a masked-LM head reads both ways (BERT), even
    though a causal head can be put on it.
    """
    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False):
        what = "an encoder-decoder model"
    elif hooks.is_encoder_kind(kind) and not getattr(config, "is_decoder", False):
        what = "an encoder-only model"
    elif not hooks.is_decoder_kind(kind):
        what = "not a causal language model"
    else:
        return
    raise NotCausal(
        f"{label} ({kind}) is {what}: it cannot continue a prompt. Use a decoder such as Qwen, Llama or GPT-2."
    )


def check_forward(lm: Any, label: str) -> None:
    """Runs four tokens through the model. Raises ModelError where it needs more than their embeddings, and NotCausal
    where a later token changes what it says at an earlier one (some decoders are read both ways): padding and the loss
    of every row rest on that it does not."""
    table = lm.get_input_embeddings()
    vocabulary = len(table.weight)
    ids = (vocabulary // 2 + torch.tensor([[0, 1, 2, 3], [0, 1, 2, 4]], device=table.weight.device)) % vocabulary
    tolerance = 1e-4 if lm.dtype == torch.float32 else 2e-2  # of the largest logit
    with torch.no_grad():
        wanted = lm(input_ids=ids).logits.float()
        found = _from_embeddings(lm, table(ids), label)
        # Trap: Gemma 4 finds the ids of exact embeddings by itself, and fails where a tuning has moved them.
        _from_embeddings(lm, 1.5 * table(ids[:1]), label)
    bound = tolerance * float(wanted.abs().max())
    if float((found - wanted).abs().max()) > bound:
        raise _needs_ids(lm, label, "gives other logits")
    if float((found[0, 0] - found[1, 0]).abs().max()) > bound:
        raise NotCausal(
            f"{label} ({lm.config.model_type}) reads a text in both directions: it cannot continue a prompt."
        )


def _from_embeddings(lm: Any, embeds: torch.Tensor, label: str) -> torch.Tensor:
    """[B, T, V] float32 logits of `embeds` [B, T, D]."""
    try:
        logits: torch.Tensor = lm(inputs_embeds=embeds).logits
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # each model has its own way to say that it wants ids
        raise _needs_ids(lm, label, f"fails ({type(error).__name__})") from error
    return logits.float()


def _needs_ids(lm: Any, label: str, what: str) -> ModelError:
    return ModelError(
        f"{label} ({lm.config.model_type}) needs token ids, which a tuned prompt does not have: from embeddings alone "
        f"it {what}. Models that look a token up again in later layers (Gemma 3n, Gemma 4 E2B and E4B, DeepSeek V4) "
        "do so. Use one that does not, such as Gemma 3, Qwen or Llama."
    )


def has_sliding_window(config: Any) -> bool:
    """Whether padding between a row's tokens changes what they see, masked or not: some layer counts columns instead
    of tokens, for a window or a chunk of the last ones, or for their distances (MPT). True where nobody can tell."""
    text = config.get_text_config()
    by_name = text.model_type in ("gpt_neo", "mpt")  # both leave their caches and masks to themselves
    by_config = getattr(text, "sliding_window", None) is not None
    layers = hooks.cache_layers(config)
    return by_name or by_config or layers is None or any(hooks.is_windowed(layer) for layer in layers)


def rope_switch_tokens(config: Any) -> int | None:
    """Longest row whose rotary factors are the short ones; a longer one gives all in its batch others (longrope, as in
    the 128k variants of Phi-3). None where there is only one set."""
    rope = getattr(config.get_text_config(), "rope_parameters", None) or {}
    return int(rope["original_max_position_embeddings"]) if rope.get("rope_type") == "longrope" else None


def attends_in_chunks(config: Any) -> bool:
    """Whether some layer sees only its chunk of the row, which only transformers' own masks say (Llama 4)."""
    return getattr(config.get_text_config(), "attention_chunk_size", None) is not None


def keeps_a_state(config: Any) -> bool:
    """Whether some layer keeps a running state instead of keys and values, or beside them (Mamba, linear attention,
    hybrids). True where nobody can tell."""
    layers = hooks.cache_layers(config)
    return layers is None or any(hooks.is_state(layer) for layer in layers)


def keeps_state_in_modules(config: Any) -> bool:
    """Whether what one step leaves for the next is in the model itself, so that no other call may come between."""
    return bool(config.get_text_config().model_type == "recurrent_gemma")
