"""Which base model is this: separate digests of its stored weights (its loader's), architecture, tokenizer, chat
template.

A fine-tuned sibling of the base differs in `weights`; the same base loaded in another dtype, quantised while
loading, or stored in other shards does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from embedgrad.model.identity import BaseIdentity
from embedgrad.template.chat_templates import DEFAULT, chat_templates

# What changes the function the model computes, by transformers' common names (configs map their own onto them).
_ARCHITECTURE_KEYS = (
    "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
    "intermediate_size", "vocab_size", "tie_word_embeddings", "hidden_act", "hidden_activation",
    "activation_function", "rope_parameters", "sliding_window", "layer_types", "rms_norm_eps", "layer_norm_eps",
    "layer_norm_epsilon", "query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping",
    "embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling", "logit_scale",
    "num_experts", "num_local_experts", "num_experts_per_tok", "moe_intermediate_size", "alibi",
    "parallel_attn", "use_parallel_residual", "partial_rotary_factor", "no_rope_layers", "rope_local_base_freq",
    "norm_eps", "norm_epsilon", "clip_qkv", "scale_embedding", "scale_attn_by_inverse_layer_idx",
    "attention_chunk_size", "norm_topk_prob", "routed_scaling_factor",
)  # fmt: skip

# What changes no function of a frozen causal model: names and versions, training, ids that the tokenizer digest or our
# own templates cover, sizes that the weights show, how and where the model runs.
_NO_FUNCTION = re.compile(
    r"""_.*|.*_name_or_path|transformers_version|architectures|auto_map|dtype|torch_dtype|id2label|label2id|num_labels
    |problem_type|task_specific_params|finetuning_task|language|custom_pipelines
    |.*initializer.*|init_.*|.*_init|.*_init_.*|.*dropout.*|.*_pdrop|drop_.*|.*aux_loss.*|router_z_loss.*|.*jitter.*|.*prune.*
    |.*_token_id|.*_token_ids|.*_token_index|decoder_start.*|forced_.*|use_cache|output_.*|return_dict|is_decoder
    |is_encoder_decoder|add_cross_attention|cross_attention.*|tie_encoder_decoder|chunk_size_feed_forward|summary_.*
    |max_position_embeddings|n_positions|seq_length|max_seq_len|n_ctx|pretraining_tp|.*implementation|.*_tp_plan|.*_pp_plan
    |use_.*kernel.*|use_mamba_kernels|quantization_config|gradient_checkpointing|base_model.*""",
    re.VERBOSE,
)

_PROBE = (
    "The 3 quick foxes' jump-over 1,234.5 lazy dogs!\n\n\tdef f(x):\n    return x ** 2  # naïve café\r\n"
    "Ünïcödé ß Ωμέγα привет שלום مرحبا 你好，世界。 こんにちは 안녕 🙂👩‍👩‍👧 <s></s><|im_end|> aaaaaaaa  .\n\n"
)


def identify(name: str, revision: str | None, weights: str, config: Any, tokenizer: Any) -> BaseIdentity:
    """The identity of a checkpoint whose stored `weights` have this digest, loaded as `config` and `tokenizer`, with
    its default chat template."""
    return BaseIdentity(
        name=name,
        revision=revision,
        weights=weights,
        config=config_digest(config),
        tokenizer=tokenizer_digest(tokenizer),
        chat_template=chat_template_digest(tokenizer),
    )


def config_digest(config: Any) -> str:
    """SHA-256 over the architecture keys of a loaded config and whatever else in it is not its family's default; not
    its dtype, name or library version, nor what changes no function (`_NO_FUNCTION`)."""
    found = {key: getattr(config, key, None) for key in _ARCHITECTURE_KEYS}
    known = {key: value for key, value in found.items() if value is not None}
    return _sha256(json.dumps(_unusual(config) | known, sort_keys=True, default=str))


def _unusual(config: Any) -> dict[str, Any]:
    """What a config says beside the architecture keys and otherwise than its class does when nothing is said; nothing
    of a class that says nothing by itself."""
    try:
        usual = type(config)().to_dict()
    except Exception:  # a config class may ask for arguments, or refuse its own defaults
        return {}
    own_names = {getattr(config, "attribute_map", {}).get(key, key) for key in _ARCHITECTURE_KEYS}
    told = config.to_dict()
    return _otherwise({key: value for key, value in told.items() if key not in own_names}, usual)


def _otherwise(told: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of `told` that `usual` has not, at any depth, without what changes no function."""
    found: dict[str, Any] = {}
    for key, value in told.items():
        before = usual.get(key)
        if value == before or _NO_FUNCTION.fullmatch(key):
            continue
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if within := _otherwise(value, before):
                found[key] = within
        else:
            found[key] = value
    return found


def tokenizer_digest(tokenizer: Any) -> str:
    """SHA-256 over the vocabulary with its ids, the added tokens, and the ids of a probe text in many scripts.

    By behaviour rather than by file, because saving a tokenizer again rewrites its file.
    """
    added = {str(i): str(token) for i, token in tokenizer.added_tokens_decoder.items()}
    behaviour = [sorted(tokenizer.get_vocab().items()), sorted(added.items()), tokenizer(_PROBE)["input_ids"]]
    return _sha256(json.dumps(behaviour))


def chat_template_digest(tokenizer: Any, name: str | None = None) -> str | None:
    """SHA-256 of the chat template `name`, else of the default; None where there is none of that name."""
    text = chat_templates(tokenizer).get(name or DEFAULT)
    return _sha256(text) if text else None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
