"""What the benchmarks run on: models with random weights of real shapes, and rows of random ids.

Time and memory do not depend on the weights' values, so that nothing has to be downloaded.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, Qwen2Config

from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.identity import BaseIdentity
from embedgrad.model.load import load_model
from embedgrad.template.layout import Layout, Span

Placement = Literal["before", "after"]  # the prompt before the input, or after it
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def _qwen2(width: int, inner: int, layers: int, heads: tuple[int, int], vocabulary: int, tied: bool = True) -> Any:
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "max_position_embeddings": 32768,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        "rms_norm_eps": 1e-6,
        "bos_token_id": None,
        "eos_token_id": 0,
        "pad_token_id": 1,
    }


PRESETS = {
    "tiny": _qwen2(32, 64, 2, (4, 2), 4096),  # for the tests: numbers without a meaning
    "small": _qwen2(512, 2048, 12, (8, 2), 32_000),
    "smollm2-135m": _qwen2(576, 1536, 30, (9, 3), 49_152),
    "qwen2.5-0.5b": _qwen2(896, 4864, 24, (14, 2), 151_936),
    "qwen2.5-1.5b": _qwen2(1536, 8960, 28, (12, 2), 151_936),
    "qwen2.5-7b": _qwen2(3584, 18944, 28, (28, 4), 152_064, tied=False),
}
"""Source of the Qwen2.5 sizes: config.json of Qwen/Qwen2.5-{0.5B,1.5B,7B} on the Hugging Face Hub; of SmolLM2's:
that of HuggingFaceTB/SmolLM2-135M-Instruct, whose Llama has no biases in attention. For its own weights, smollm2.py."""


@dataclass(frozen=True)
class Sizes:
    """k prompt tokens, n input tokens, m answer tokens, rows in a batch; written as 20,60,2,16."""

    k: int
    n: int
    m: int
    batch: int

    @classmethod
    def parse(cls, text: str) -> Sizes:
        k, n, m, batch = map(int, text.split(","))
        return cls(k, n, m, batch)

    def __str__(self) -> str:
        return f"{self.k},{self.n},{self.m},{self.batch}"


SIZES = (Sizes(20, 60, 2, 16), Sizes(100, 60, 2, 16), Sizes(25, 120, 300, 4), Sizes(30, 1000, 20, 2))


def random_model(preset: str, dtype: str, device: str, vocabulary: int | None = None) -> FrozenModel:
    """The preset's Qwen2 with random weights, frozen, in eval mode, with the pocket model's tokenizer."""
    config = Qwen2Config(**PRESETS[preset] | ({"vocab_size": vocabulary} if vocabulary else {}))
    torch.manual_seed(0)
    with torch.device(device):
        lm = AutoModelForCausalLM.from_config(config, dtype=DTYPES[dtype])
    lm.requires_grad_(False).eval()
    nothing = "0" * 64
    identity = BaseIdentity(
        name=preset, revision=None, weights=nothing, config=nothing, tokenizer=nothing, chat_template=None
    )
    return FrozenModel(lm, load_model("pocket", device="cpu").tokenizer, identity, config.max_position_embeddings)


def with_shared_weights(lm: Any) -> Any:
    """A second module tree over the same weights, so that what one arm sets in its own (train mode, attention,
    compiled parts) does not reach the other."""
    return copy.deepcopy(lm, {id(parameter): parameter for parameter in lm.parameters()})


def parameter_counts(model: FrozenModel) -> tuple[int, int]:
    """(N, V*D): weights of the body, that is without embedding table and head; weights of the head."""
    head = model.lm.get_output_embeddings().weight
    table = model.lm.get_input_embeddings().weight
    return model.parameters - table.numel() - (0 if head is table else head.numel()), head.numel()


def random_start(model: FrozenModel, k: int) -> torch.Tensor:
    """[k, D] float32 rows of the table."""
    return model.embed(random_ids(model, k, seed=1)).float()


def random_ids(model: FrozenModel, count: int, seed: int) -> list[int]:
    """Ids from 2 on: neither the end nor the padding."""
    draw = random.Random(seed)
    return [draw.randrange(2, model.lm.config.vocab_size) for _ in range(count)]


def random_batches(model: FrozenModel, sizes: Sizes, count: int, placement: Placement) -> list[list[Layout]]:
    """`count` different batches; the same inputs and targets for either placement."""
    n, m = sizes.n, sizes.m
    ids = [random_ids(model, n + m, seed=2 + row) for row in range(count * sizes.batch)]
    rows = [laid_out(row[:n], row[n:], sizes.k, placement) for row in ids]
    return [rows[at : at + sizes.batch] for at in range(0, len(rows), sizes.batch)]


def laid_out(input_ids: list[int], target_ids: list[int], k: int, placement: Placement) -> Layout:
    """Prompt, input and target, or input, prompt and target, with nothing between them."""
    n, held = len(input_ids), [0] * k
    ids = (*held, *input_ids, *target_ids) if placement == "before" else (*input_ids, *held, *target_ids)
    prompt, span = (Span(0, k), Span(k, k + n)) if placement == "before" else (Span(n, n + k), Span(0, n))
    return Layout(ids, prompt, span, Span(k + n, len(ids)))
