"""Tiny random models of each family, made from their configs, with a small byte-level tokenizer."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MixtralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3MoeConfig,
    RecurrentGemmaConfig,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

SHARED = Path(__file__).parents[2] / "shared"
STORIES = SHARED / "models" / "stories260K"
FAMILIES = ("qwen2", "llama", "gemma2", "gpt2")  # the promised ones
OTHERS = ("bloom", "mixtral", "qwen3_moe", "mamba", "recurrent_gemma")  # ALiBi, experts, a state, a hybrid

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
    body = common | {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
    }
    untied = {"tie_word_embeddings": False}  # where a tied head would only repeat the last token
    experts = {"num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 8, "norm_topk_prob": True}
    kind, fields = {
        "qwen2": (Qwen2Config, body | {"tie_word_embeddings": True}),
        "llama": (LlamaConfig, body),
        "gemma2": (Gemma2Config, body | untied | {"head_dim": 8, "sliding_window": 24, "query_pre_attn_scalar": 8}),
        "gpt2": (GPT2Config, common | {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 512}),
        "bloom": (BloomConfig, common | untied | {"hidden_size": 32, "n_layer": 3, "n_head": 4}),
        "mixtral": (MixtralConfig, body | {"num_local_experts": 4, "num_experts_per_tok": 2}),
        "qwen3_moe": (Qwen3MoeConfig, body | experts | {"num_experts": 4}),
        "mamba": (MambaConfig, common | {"hidden_size": 32, "state_size": 8, "num_hidden_layers": 3}),
        "recurrent_gemma": (
            RecurrentGemmaConfig,
            body | untied | {"num_key_value_heads": 1, "attention_window_size": 64, "lru_width": 32},
        ),
    }[family]
    return kind(**fields | changed)


def make_model_folder(
    folder: Path, family: str, *, chat: bool | str = True, seed: int = 0, bos: bool | None = None, **changed: object
) -> Path:
    """A checkpoint with random weights, wide enough (standard deviation 0.2) that tokens matter.

    `chat` is a chat template, True for ChatML, False for none; `changed` are further fields of the config.
    """
    bos = family in ("llama", "gemma2") if bos is None else bos
    tokenizer = make_tokenizer(bos=bos, chat_template=CHATML if chat is True else chat or None)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config(family, len(tokenizer), **changed))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, 0.2)
            elif "bias" in name:
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
