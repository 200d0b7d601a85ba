"""One test for each name of transformers and torch that may go without notice: it fails by the name that went."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

import embedgrad
import tiny
from embedgrad.model import hooks

SOURCES = Path(embedgrad.__file__).parent
MODELS = Path(transformers.__file__).parent / "models"
NAMES = (  # none may stand in another file
    *hooks.CACHE_ARGUMENTS,
    *hooks.ATTENTION_TERMS,
    "_attn_implementation",
    "_supports_attention_backend",
    "_softmax_backward_data",
    "_is_avx512_bf16_supported",
    "_is_amx_tile_supported",
    "AttentionInterface",
    "AttentionMaskInterface",
    "ALL_MASK_ATTENTION_FUNCTIONS",
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "DynamicSlidingWindowLayer",
    "LinearAttentionLayer",
    "slice_logits_to_keep",
    "deprecation_warnings",
    "modeling_gguf_pytorch_utils",
    "GGUF_PRE_TOKENIZER_SPLITS",
)
WORDS = {"cache", "indices", "sinks"}  # of our own language, too: as names of theirs they would be in quotes


@pytest.mark.parametrize("name", NAMES)
def test_it_stands_in_one_file(name: str) -> None:
    pattern = re.compile(rf"""["']{name}["']""" if name in WORDS else rf"\b{name}\b")
    found = [path.name for path in sorted(SOURCES.rglob("*.py")) if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == ["hooks.py"]


@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_the_cache_argument(family: str, tiny_model) -> None:
    """Of every family: `past_key_values`, `cache` from 5.24 on, `cache_params` in Mamba up to then."""
    arguments = tiny_model(family).forward_arguments
    assert hooks.cache_argument(arguments) in hooks.CACHE_ARGUMENTS
    assert hooks.cache_argument(arguments - {*hooks.CACHE_ARGUMENTS}) is None


def test_the_cache_of_keys_and_values() -> None:
    """What the engine does with it: fill, read, take rows out, take tokens back."""
    cache = hooks.DynamicCache(config=tiny.config("llama", 600))
    assert isinstance(cache, hooks.Cache)
    assert [type(layer) for layer in cache.layers] == [hooks.DynamicLayer] * 3
    states = torch.arange(24.0).reshape(2, 1, 4, 3)
    keys, values = cache.update(states, states + 1, 0)
    assert torch.equal(keys, states)
    assert torch.equal(values, states + 1)
    cache.reorder_cache(torch.tensor([1]))
    cache.crop(-1)
    assert torch.equal(cache.layers[0].keys, states[1:, :, :3])
    assert torch.equal(cache.layers[0].values, states[1:, :, :3] + 1)


def test_a_cache_of_given_layers() -> None:
    layer = hooks.DynamicLayer()
    assert layer.is_initialized is False
    assert hooks.Cache(layers=[layer]).layers == [layer]


def test_layers_with_a_window() -> None:
    layers = hooks.cache_layers(tiny.config("gemma3", 600))
    assert layers is not None
    assert [hooks.is_windowed(layer) for layer in layers] == [True, False, True]


@pytest.mark.parametrize(("family", "states"), [("llama", False), ("mamba", True), ("falcon_h1", True)])
def test_layers_with_a_state(family: str, states: bool) -> None:
    layers = hooks.cache_layers(tiny.config(family, 600))
    assert layers is not None
    assert any(hooks.is_state(layer) for layer in layers) == states


def test_layers_that_nobody_can_tell(monkeypatch) -> None:
    def unknown(config):
        raise KeyError("paged_attention")

    monkeypatch.setattr(hooks, "DynamicCache", unknown)
    assert hooks.cache_layers(tiny.config("llama", 600)) is None


def test_registries_of_kinds() -> None:
    assert hooks.is_decoder_kind("llama")
    assert not hooks.is_decoder_kind("t5")
    assert hooks.is_encoder_kind("bert")
    assert not hooks.is_encoder_kind("llama")


@pytest.mark.parametrize("masks_of", [None, "sdpa"])
def test_an_attention_of_our_own(masks_of: str | None, tiny_model) -> None:
    """It is called by its name, with the masks that were asked for."""
    model = tiny_model("llama")
    seen: list[torch.Tensor | None] = []

    def attend(module, query, key, value, attention_mask, **options):
        seen.append(attention_mask)
        return torch.zeros_like(query).transpose(1, 2), None

    name = f"embedgrad_test_{masks_of}"
    hooks.register_attention(name, attend, masks_of)
    assert name in AttentionInterface().valid_keys()
    assert (name in AttentionMaskInterface().valid_keys()) == (masks_of is not None)
    config = model.lm.config.get_text_config()
    before = hooks.attention_name(config)
    assert before == "sdpa"
    hooks.set_attention_name(config, name)
    try:
        mask = torch.tensor([[0, 1, 1]])
        model.lm(inputs_embeds=model.embed([1, 2, 3])[None], attention_mask=mask, use_cache=False)
    finally:
        hooks.set_attention_name(config, before)
    assert [mask is None for mask in seen] == [masks_of is None] * 3


@pytest.mark.parametrize(("family", "takes"), [("llama", True), ("gemma3", True), ("mamba", False), ("mpt", False)])
def test_which_models_take_an_attention_of_our_own(family: str, takes: bool, tiny_model) -> None:
    assert hooks.takes_own_attention(tiny_model(family).lm) == takes


@pytest.mark.parametrize(("term", "kind"), [("softcap", "gemma2"), ("s_aux", "gpt_oss"), ("position_bias", "t5")])
def test_terms_of_an_attention(term: str, kind: str) -> None:
    assert term in hooks.ATTENTION_TERMS
    assert re.search(rf"\b{term}=", (MODELS / kind / f"modeling_{kind}.py").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", hooks.LAYER_ARGUMENTS_PER_POSITION)
def test_a_layer_takes_its_positions_by_name(name: str) -> None:
    assert name in inspect.signature(LlamaDecoderLayer.forward).parameters


def test_a_mask_of_logits_to_keep(tiny_model) -> None:
    model = tiny_model("llama")
    assert hooks.takes_logit_mask(model.lm)
    embeds = model.embed([[1, 2, 3], [4, 5, 6]])
    kept = torch.tensor([[False, True, False], [False, False, True]])
    whole = model.lm(inputs_embeds=embeds, use_cache=False).logits
    found = model.lm(inputs_embeds=embeds, use_cache=False, logits_to_keep=kept).logits
    assert torch.allclose(found.reshape(2, -1), whole[kept], atol=1e-5)


def test_the_line_about_long_texts(tiny_folder, capfd) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_folder("llama"))
    tokenizer.model_max_length = 2
    hooks.silence_long_texts(tokenizer)
    tokenizer("Once upon a time there was a little dog.")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("gone", [False, True])
def test_the_backward_of_softmax(gone: bool, monkeypatch) -> None:
    """By torch's fused function, and where that is gone."""
    assert hasattr(torch, "_softmax_backward_data")
    if gone:
        monkeypatch.delattr(torch, "_softmax_backward_data")
    torch.manual_seed(0)
    scores = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    slope = torch.randn(2, 3, 5, dtype=torch.float64)
    weights = scores.softmax(-1)
    (wanted,) = torch.autograd.grad(weights, scores, slope)
    assert torch.allclose(hooks.softmax_backward(slope, weights.detach()), wanted, atol=1e-14)


@pytest.mark.parametrize("name", ["_is_avx512_bf16_supported", "_is_amx_tile_supported"])
def test_what_the_processor_can_do(name: str) -> None:
    assert isinstance(getattr(torch.cpu, name)(), bool)
    assert isinstance(hooks.cpu_multiplies_bfloat16(), bool)


def test_the_bar_of_a_gguf_file(capsys) -> None:
    from transformers import modeling_gguf_pytorch_utils

    def shown() -> str:
        list(modeling_gguf_pytorch_utils.tqdm([1, 2], desc="bar"))
        return capsys.readouterr().err

    with hooks.no_gguf_bar():
        assert shown() == ""
    assert "bar" in shown()


def test_the_known_splits_of_a_gguf_file() -> None:
    assert {"qwen2", "llama-bpe"} <= hooks.known_gguf_splits()
    assert "smollm" not in hooks.known_gguf_splits()  # else gguf_tokenizer.py need not know it
