"""Every name of transformers and torch that may go without notice, and nothing else: no other file may hold one.

transformers renames arguments and moves classes between minor releases (5.24 calls the forward's cache `cache`, up to
5.23 it was `past_key_values`), and some names of torch begin with an underscore. tests/model/test_hooks.py has one
test for each, which fails by the name that went. What may decide a result is checked where it is used (`model.cache`,
`engine.plan`), so a name that is not known here costs time, never a wrong number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, Cache, DynamicCache, modeling_gguf_pytorch_utils
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer, LinearAttentionLayer
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

__all__ = ["Cache", "DynamicCache", "DynamicLayer"]  # the cache as a model gets it, and a layer that only grows

CACHE_ARGUMENTS = ("past_key_values", "cache", "cache_params")
ATTENTION_TERMS = ("softcap", "s_aux", "sinks", "position_bias", "indices", "block_indices")
LAYER_ARGUMENTS_PER_POSITION = ("attention_mask", "position_ids", "position_embeddings")
VERSION = transformers.__version__


def cache_argument(forward_arguments: Collection[str]) -> str | None:
    """How the model's forward calls its cache; None where it takes none that is known (GPT-1 keeps nothing).

    Trap: a cache under another name is swallowed by `**kwargs`, and every token but the first is wrong in silence.
    """
    return next((name for name in CACHE_ARGUMENTS if name in forward_arguments), None)


def cache_layers(config: Any) -> Sequence[object] | None:
    """What the model keeps from token to token, a layer each; None where transformers cannot tell."""
    try:
        layers: Sequence[object] = DynamicCache(config=config).layers
    except Exception:  # a layer type without a class raises whatever it meets first
        return None
    return layers


def is_windowed(layer: object) -> bool:
    """Whether a layer of the cache keeps only the last tokens."""
    return isinstance(layer, DynamicSlidingWindowLayer)


def is_state(layer: object) -> bool:
    """Whether a layer of the cache keeps a running state instead of keys and values, or beside them."""
    return isinstance(layer, LinearAttentionLayer) or not isinstance(layer, DynamicLayer)


def is_decoder_kind(model_type: str) -> bool:
    return model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def is_encoder_kind(model_type: str) -> bool:
    return model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def register_attention(name: str, attend: Callable[..., Any], masks_of: str | None = None) -> None:
    """`attend` under `name`; it is given masks like those of the attention `masks_of`, else none at all."""
    AttentionInterface.register(name, attend)
    if masks_of is not None:
        AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[masks_of])


def takes_own_attention(lm: Any) -> bool:
    """Whether the model's layers attend by a registered name, with masks as that name gets them."""
    return bool(getattr(lm, "_supports_attention_backend", False))


def attention_name(config: Any) -> str | None:
    """By which attention the model's layers attend now."""
    name: str | None = config._attn_implementation
    return name


def set_attention_name(config: Any, name: str | None) -> None:
    config._attn_implementation = name


def takes_logit_mask(lm: Any) -> bool:
    """Whether `logits_to_keep` may be a [B, T] mask: only in the newest transformers, family by family."""
    return hasattr(sys.modules[type(lm).__module__], "slice_logits_to_keep")


def silence_long_texts(tokenizer: Any) -> None:
    """transformers' own line about a text longer than the context, which it says once."""
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True


@contextmanager
def no_gguf_bar() -> Iterator[None]:
    """transformers' bar over the tensors of a GGUF file, which obeys none of its switches."""
    bar = modeling_gguf_pytorch_utils.tqdm
    modeling_gguf_pytorch_utils.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        modeling_gguf_pytorch_utils.tqdm = bar


def known_gguf_splits() -> frozenset[str]:
    """The names of `tokenizer.ggml.pre` that transformers knows; by any other it splits text as GPT-2 does."""
    return frozenset(GGUF_PRE_TOKENIZER_SPLITS)


def softmax_backward(d_weights: Tensor, weights: Tensor) -> Tensor:
    """Gradient of the scores whose softmax over the last dimension is `weights`."""
    fused = getattr(torch, "_softmax_backward_data", None)
    if fused is None:
        return weights * (d_weights - (d_weights * weights).sum(-1, keepdim=True))
    found: Tensor = fused(d_weights, weights, -1, weights.dtype)
    return found


def silu_backward_(gradient: Tensor, states: Tensor) -> Tensor:
    """Gradient of `states` from that of their silu, which it takes the place of."""
    found: Tensor = torch.ops.aten.silu_backward.grad_input(gradient, states, grad_input=gradient)
    return found


def cpu_multiplies_bfloat16() -> bool:
    """Whether the processor does it natively (AVX512-BF16 or AMX); False where torch cannot tell."""
    asked = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(ask is not None and ask() for ask in asked)
