"""How much memory a recipe's run needs, computed from its model's config. An estimate: it has not been measured.

`engine.forecast` measures the same on the loaded model when a run begins; this is for choosing the machine before.
"""

from __future__ import annotations

from dataclasses import dataclass

_LOGIT_BYTES = 16  # of one logit at once: 2 in bfloat16, 4 each in float32, as log-probability and gradient, 2 back
_LOGITS_AT_ONCE = 1 << 23  # engine/lm_head.py's chunk


@dataclass(frozen=True)
class ModelSizes:
    """A Qwen2 or Llama decoder: L layers, width D, H heads of width E, G key/value heads, MLP width, vocabulary V."""

    layers: int
    width: int
    heads: int
    key_value_heads: int
    head_width: int
    mlp_width: int
    vocabulary: int
    has_tied_head: bool
    has_attention_bias: bool

    @property
    def parameters(self) -> int:
        """Weights in all, the head counted once more where it is not the embedding table."""
        queries, keys = self.heads * self.head_width, self.key_value_heads * self.head_width
        attention = 2 * self.width * queries + 2 * self.width * keys
        biases = queries + 2 * keys if self.has_attention_bias else 0
        layer = attention + biases + 3 * self.width * self.mlp_width + 2 * self.width
        tables = self.vocabulary * self.width * (1 if self.has_tied_head else 2)
        return self.layers * layer + self.width + tables

    @property
    def kept_bytes_per_token(self) -> int:
        """What bfloat16 layers keep for the backward to their inputs, per token of a forward, no weight having a
        gradient: two norms a float32 copy of the hidden state and a scale (8D + 8), attention its queries, keys,
        values and result, keys and values repeated for all heads (8HE), the cached keys and values (4GE) and a sum per
        head (4H), the MLP its gate, the gate's activation and what it is multiplied with (6 times the MLP's width).

        Source: what autograd saves in transformers' Qwen2 and Llama layers; counted on tiny models in the tests.
        """
        attention = 8 * self.heads * self.head_width + 4 * self.key_value_heads * self.head_width + 4 * self.heads
        return self.layers * (8 * self.width + 8 + attention + 6 * self.mlp_width)


# Source: config.json of each model at the revision that its recipes name.
SIZES = {
    "Qwen/Qwen2.5-0.5B-Instruct": ModelSizes(24, 896, 14, 2, 64, 4864, 151936, True, True),
    "Qwen/Qwen2.5-3B-Instruct": ModelSizes(36, 2048, 16, 2, 128, 11008, 151936, True, True),
    "Qwen/Qwen2.5-7B-Instruct": ModelSizes(28, 3584, 28, 4, 128, 18944, 152064, False, True),
    "Qwen/Qwen2.5-14B-Instruct": ModelSizes(48, 5120, 40, 8, 128, 13824, 152064, False, True),
    "Qwen/Qwen2.5-Math-1.5B": ModelSizes(28, 1536, 12, 2, 128, 8960, 151936, True, True),
    "Qwen/Qwen2.5-Math-7B": ModelSizes(28, 3584, 28, 4, 128, 18944, 152064, False, True),
    "meta-llama/Llama-3.1-8B-Instruct": ModelSizes(32, 4096, 32, 8, 128, 14336, 128256, False, False),
}


def peak_bytes(sizes: ModelSizes, tokens: int) -> int:
    """Of a tuning in bfloat16 with at most `tokens` in one forward and backward: weights, what the layers keep, one
    chunk of logits. Python, CUDA and the allocator's gaps are not in it."""
    return 2 * sizes.parameters + tokens * sizes.kept_bytes_per_token + _LOGITS_AT_ONCE * _LOGIT_BYTES
