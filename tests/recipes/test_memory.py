"""The formula for a run's memory: parameters as transformers counts them, kept bytes as autograd keeps them."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from embedgrad.data.example import Example
from embedgrad.engine import lm_head
from embedgrad.engine.forecast import kept_bytes
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine
from embedgrad.prompt.place import start
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.recipes import memory
from embedgrad.recipes.memory import SIZES, ModelSizes, peak_bytes


def _config(sizes: ModelSizes):
    kind = Qwen2Config if sizes.has_attention_bias else LlamaConfig
    return kind(
        num_hidden_layers=sizes.layers,
        hidden_size=sizes.width,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.key_value_heads,
        head_dim=sizes.head_width,
        intermediate_size=sizes.mlp_width,
        vocab_size=sizes.vocabulary,
        tie_word_embeddings=sizes.has_tied_head,
    )


@pytest.mark.parametrize("name", SIZES)
def test_parameters_are_those_of_the_architecture(name: str) -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(_config(SIZES[name]))
    assert SIZES[name].parameters == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768),
        ("Qwen/Qwen2.5-Math-1.5B", 1_543_714_304),
        ("Qwen/Qwen2.5-3B-Instruct", 3_085_938_688),
        ("Qwen/Qwen2.5-7B-Instruct", 7_615_616_512),
        ("meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248),
        ("Qwen/Qwen2.5-14B-Instruct", 14_770_033_664),
    ],
)
def test_parameters_are_those_of_the_published_weights(name: str, count: int) -> None:
    assert SIZES[name].parameters == count


@pytest.mark.parametrize("family", ["qwen2", "llama"])
def test_a_plain_pass_keeps_what_the_formula_says(family: str, tiny_model) -> None:
    """Two rows in bfloat16: what is kept besides the layers' own (embeddings, rotary factors, the head's rows) does
    not count with the layers, so the formula is compared with the rise from one row to two."""
    model = tiny_model(family, "bfloat16")
    prompt = start(model, "Is it good?")
    layouts = [row for row in lay_out_rows(model, prompt, [Example("a joy to watch " * 12, "yes")] * 2) if row]
    engine = Engine(Plain(model))
    kept = []
    for rows in (layouts[:1], layouts):
        with kept_bytes(model) as found:
            engine.loss_and_gradient(prompt.embeddings, rows)
        kept.append(found.total)
    config = model.lm.config
    sizes = ModelSizes(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        key_value_heads=config.num_key_value_heads,
        head_width=config.hidden_size // config.num_attention_heads,
        mlp_width=config.intermediate_size,
        vocabulary=config.vocab_size,
        has_tied_head=True,
        has_attention_bias=family == "qwen2",
    )
    measured = (kept[1] - kept[0]) / len(layouts[0])
    assert 0.9 < sizes.kept_bytes_per_token / measured < 1.2


def test_a_chunk_of_logits_is_the_engines() -> None:
    assert memory._LOGITS_AT_ONCE == lm_head.LOGITS_AT_ONCE


def test_peak_is_weights_layers_and_logits() -> None:
    sizes = ModelSizes(2, 8, 2, 1, 4, 16, 100, True, False)
    weights = 2 * (100 * 8 + 8 + 2 * (2 * 8 * 8 + 2 * 8 * 4 + 3 * 8 * 16 + 16))
    per_token = 2 * (8 * 8 + 8 + 8 * 8 + 4 * 4 + 4 * 2 + 6 * 16)
    assert peak_bytes(sizes, 10) == weights + 10 * per_token + (1 << 23) * 16
