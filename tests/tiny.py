"""Tiny random models of each family, made from their configs, with a small byte-level tokenizer."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BloomConfig,
    FalconH1Config,
    Gemma2Config,
    Gemma3nTextConfig,
    Gemma3TextConfig,
    Gemma4TextConfig,
    GPT2Config,
    GPTNeoConfig,
    GPTNeoXConfig,
    GraniteConfig,
    Llama4TextConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    MptConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    RecurrentGemmaConfig,
    SmolLM3Config,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

SHARED = Path(__file__).parents[2] / "shared"
STORIES = SHARED / "models" / "stories260K"
FAMILIES = (  # the promised ones
    "qwen2",
    "qwen3",
    "llama",
    "mistral",
    "gemma2",
    "gemma3",
    "phi3",
    "gpt2",
    "gpt_neox",
    "olmo2",
    "smollm3",
    "granite",
)
STATES = ("mamba", "recurrent_gemma")  # a state-space model and a hybrid: no keys and values to share
# ALiBi, experts, states; then windows, chunks and distances that count columns, padding between tokens included
OTHERS = ("bloom", "mixtral", "qwen3_moe", *STATES, "gpt_neo", "llama4", "mpt")
SHARING = tuple(family for family in (*FAMILIES, *OTHERS) if family not in STATES)
WINDOWED = ("mistral", "gemma2", "gemma3")
WINDOW = 24  # longer than the usual prefix, which can then be shared, and shorter than the longest rows
NARROW = {"sliding_window": 12}  # shorter than the usual prefix
VARIANTS = [pytest.param(family, {}, id=family) for family in (*FAMILIES, *OTHERS)]
VARIANTS += [pytest.param(family, NARROW, id=f"{family}, narrow") for family in WINDOWED]
VARIANTS += [pytest.param("phi3", {"long_rope": 40}, id="phi3, longrope")]  # some rows are longer, some shorter
BODY: dict[str, object] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
# With seed 0 their greedy answers are alike, whatever the input.
_SEEDS = {"mistral": 1, "gemma2": 1, "gemma3": 1, "gpt_neox": 2, "olmo2": 1}

transformers.utils.logging.disable_progress_bar()

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_CORPUS = [
    "Determine the main emotion of the message. Answer with one word.\n\nI can't believe it worked!",
    "Please decide whether the review is positive or negative.\n\nThe film was slow, dull and far too long.",
    "positive negative yes no happy sad angry calm surprised question number person place",
    "Once upon a time there was a little dog. It liked to run in the park.\n\nThe end.",
] * 5
_SPECIALS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]


@cache
def tokenizer_backend(bos: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=_SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Without the usual regex, merges cross words and newlines: every seam is a place where tokens may straddle.
    tokenizer.train_from_iterator([*_CORPUS, "one.\n\ntwo.\n\nthree.\n\n" * 20], trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    return tokenizer


def make_tokenizer(*, bos: bool, chat_template: str | None = None) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer_backend(bos), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    if chat_template:
        tokenizer.chat_template = chat_template
    return tokenizer


def config(family: str, vocabulary: int, **changed: object):
    common = {"vocab_size": vocabulary, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    body = common | BODY
    kind, fields = (_llamas(body) | _gemmas(body) | _without_a_llamas_body(common) | _experts(body) | _hybrids(body))[
        family
    ]
    if "long_rope" in changed:
        changed["rope_parameters"] = _long_rope(changed.pop("long_rope"))
    return kind(**fields | changed)


_UNTIED = {"tie_word_embeddings": False}  # where a tied head would only repeat the last token
_MULTIPLIERS = {"embedding_multiplier": 3.0, "residual_multiplier": 0.7, "attention_multiplier": 0.2}


def _long_rope(switch_tokens: object) -> dict[str, object]:
    """Other rotary factors for all rows of a batch whose longest row has more tokens than that."""
    factors = {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4, "factor": 8.0}
    return {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "original_max_position_embeddings": switch_tokens,
        **factors,
    }


def _part_rotary(factor: float) -> dict[str, object]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": factor}}


def _llamas(body: dict[str, object]) -> dict[str, tuple[type, dict[str, object]]]:
    return {
        "qwen2": (Qwen2Config, body | {"tie_word_embeddings": True}),
        "qwen3": (Qwen3Config, body | _UNTIED | {"head_dim": 16}),  # heads x head_dim is not the width
        "llama": (LlamaConfig, body),
        "mistral": (MistralConfig, body | {"sliding_window": WINDOW}),  # in every layer
        "phi3": (Phi3Config, body | _part_rotary(0.75)),
        "gpt_neox": (GPTNeoXConfig, body | _part_rotary(0.25)),
        "olmo2": (Olmo2Config, body),
        "smollm3": (SmolLM3Config, body | _UNTIED | {"no_rope_layer_interval": 2}),  # layer 1 knows no positions
        "granite": (
            GraniteConfig,
            body | _MULTIPLIERS | {"logits_scaling": 0.5},
        ),  # the model scales, not its embedding
    }


def _gemmas(body: dict[str, object]) -> dict[str, tuple[type, dict[str, object]]]:
    """Their embedding module scales by sqrt(D). Gemma 3n and Gemma 4 look tokens up again in every layer."""
    gemma = body | _UNTIED | {"head_dim": 8, "sliding_window": WINDOW, "query_pre_attn_scalar": 8}
    layers = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
    again = {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": body["vocab_size"]}
    return {
        "gemma2": (Gemma2Config, gemma),
        "gemma3": (Gemma3TextConfig, gemma | layers),
        "gemma3n": (Gemma3nTextConfig, gemma | layers | again | {"num_kv_shared_layers": 0, "laurel_rank": 4}),
        "gemma4": (Gemma4TextConfig, gemma | again | {"global_head_dim": 8}),
    }


def _without_a_llamas_body(common: dict[str, object]) -> dict[str, tuple[type, dict[str, object]]]:
    neo = {"attention_types": [[["global", "local"], 2]], "window_size": 20}
    return {
        "gpt2": (GPT2Config, common | {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 512}),
        "gpt_neo": (GPTNeoConfig, common | neo | {"hidden_size": 32, "num_layers": 4, "num_heads": 4}),
        "bloom": (BloomConfig, common | _UNTIED | {"hidden_size": 32, "n_layer": 3, "n_head": 4}),
        "mpt": (MptConfig, common | {"d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 512}),
        "mamba": (MambaConfig, common | {"hidden_size": 32, "state_size": 8, "num_hidden_layers": 3}),
    }


def _experts(body: dict[str, object]) -> dict[str, tuple[type, dict[str, object]]]:
    qwen = {"num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 8, "norm_topk_prob": True}
    llama4 = {"head_dim": 8, "num_local_experts": 2, "intermediate_size_mlp": 64, "no_rope_layers": [1, 0, 1]}
    return {
        "mixtral": (MixtralConfig, body | {"num_local_experts": 4, "num_experts_per_tok": 2}),
        "qwen3_moe": (Qwen3MoeConfig, body | qwen | {"num_experts": 4}),
        "llama4": (Llama4TextConfig, body | llama4 | {"attention_chunk_size": 28}),
    }


def _hybrids(body: dict[str, object]) -> dict[str, tuple[type, dict[str, object]]]:
    mamba = {"mamba_d_ssm": 64, "mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_expand": 2}
    griffin = {"num_key_value_heads": 1, "attention_window_size": 64, "lru_width": 32}
    return {
        "recurrent_gemma": (RecurrentGemmaConfig, body | _UNTIED | griffin),
        "falcon_h1": (FalconH1Config, body | mamba | {"mamba_n_groups": 1}),
    }


def make_model_folder(
    folder: Path,
    family: str,
    *,
    chat: bool | str = True,
    seed: int | None = None,
    bos: bool | None = None,
    **changed: object,
) -> Path:
    """A checkpoint with random weights, wide enough (standard deviation 0.2) that tokens matter.

    `chat` is a chat template, True for ChatML, False for none; `changed` are further fields of the config.
    """
    bos = family in ("llama", "mistral", "gemma2", "gemma3", "phi3") if bos is None else bos
    tokenizer = make_tokenizer(bos=bos, chat_template=CHATML if chat is True else chat or None)
    torch.manual_seed(_SEEDS.get(family, 0) if seed is None else seed)
    model = AutoModelForCausalLM.from_config(config(family, len(tokenizer), **changed))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, 0.2)
            elif "bias" in name or name.endswith("output_scale"):  # Gemma 3n's is zero: no per-layer embedding seen
                parameter.normal_(0.0, 0.05)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_bert_folder(folder: Path) -> Path:
    small = BertConfig(
        vocab_size=len(make_tokenizer(bos=False)),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    BertForMaskedLM(small).save_pretrained(folder)
    make_tokenizer(bos=False).save_pretrained(folder)
    return folder
