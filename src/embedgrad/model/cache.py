"""Whether a model can go on from its cache, tried once: a cache that it does not understand is ignored in silence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from embedgrad.model import hooks

# Largest difference of logits, relative to their spread, at which two orders of the same sums count as the same. In
# half precision a deep model's differ by a few per cent; logits of another text differ by about as much as they spread.
_TOLERANCE_FLOAT32, _TOLERANCE_HALF = 1e-3, 0.25


def problem_of(lm: Any, embeds: Tensor, forward_arguments: Collection[str]) -> str:
    """Why the model cannot go on from its cache, "" where it can: the logits of the last token of `embeds` [1, T, D]
    are those of the whole row. In whole words, since users see them."""
    argument = hooks.cache_argument(forward_arguments)
    if argument is None:
        return "its forward takes none that is known here"
    try:
        with torch.no_grad():
            whole = lm(inputs_embeds=embeds, use_cache=False).logits[0, -1].float()
            behind = _in_two_steps(lm, embeds, argument, "position_ids" in forward_arguments).float()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # each model has its own way to say that it does not know this cache
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}"
    if not bool(whole.isfinite().all()):
        return ""  # nothing can be told; whoever reads the logits says so
    bound = _TOLERANCE_FLOAT32 if lm.dtype == torch.float32 else _TOLERANCE_HALF
    difference = float((behind - whole).norm() / (whole - whole.mean()).norm().clamp_min(1e-12))
    return "" if difference <= bound else f"logits behind it differ by {difference:.1e} relative"


def _in_two_steps(lm: Any, embeds: Tensor, argument: str, takes_positions: bool) -> Tensor:
    """[V] logits of the last token, read behind a cache of those before it."""
    cache = hooks.DynamicCache(config=lm.config)
    positions = torch.arange(embeds.shape[1], device=embeds.device)[None]
    logits = embeds.new_empty(0)
    for place in (slice(None, -1), slice(-1, None)):
        options: dict[str, object] = {argument: cache, "use_cache": True}
        if takes_positions:
            options["position_ids"] = positions[:, place]
        logits = lm(inputs_embeds=embeds[:, place], **options).logits[0, -1]
    return logits
