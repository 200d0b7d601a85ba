"""Ten chat templates as models have them, shortened, and tiny tokenizers of each kind that know their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

import tiny

_TURNS = "{% for m in messages %}"
_ASK = "{% endfor %}{% if add_generation_prompt %}"


@dataclass(frozen=True)
class Speaker:
    """A chat template, its special tokens, and the added ones that its tokenizer does not call special."""

    template: str
    special: tuple[str, ...]
    added: tuple[str, ...] = ()


SPEAKERS = {
    "chatml": Speaker(tiny.CHATML, ("<|im_start|>", "<|im_end|>"), ("<|fim_prefix|>",)),
    "qwen3": Speaker(
        _TURNS + "{% set c = m['content'].split('</think>')[-1].lstrip('\n') if m['role'] == 'assistant' and "
        "not loop.last else m['content'] %}<|im_start|>{{ m['role'] }}\n{{ c }}<|im_end|>\n"
        + _ASK
        + "<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}{% if tools %}<tool_call>{% endif %}",
        ("<|im_start|>", "<|im_end|>"),
        ("<think>", "</think>", "<tool_call>"),
    ),
    "llama2": Speaker(
        _TURNS + "{% if m['role'] == 'assistant' %} {{ m['content'] }} </s>{% else %}<s>[INST] "
        "{% if m['role'] == 'system' %}<<SYS>>\n{% endif %}{{ m['content'] | trim }} [/INST]{% endif %}{% endfor %}",
        (),
        ("[INST]", "[/INST]", "<<SYS>>"),
    ),
    "llama3": Speaker(
        "<s>"
        + _TURNS
        + "<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>"
        + _ASK
        + "<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "gemma": Speaker(
        "<s>"
        + _TURNS
        + "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}"
        "<end_of_turn>\n" + _ASK + "<start_of_turn>model\n{% endif %}",
        ("<start_of_turn>", "<end_of_turn>"),
        ("<h1>", "  ", "\n\n"),
    ),
    "phi3": Speaker(
        _TURNS + "<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n" + _ASK + "<|assistant|>\n{% endif %}",
        ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>"),
    ),
    "zephyr": Speaker(
        _TURNS + "<|{{ m['role'] }}|>\n{{ m['content'] }}</s>\n" + _ASK + "<|assistant|>\n{% endif %}",
        (),
        ("<|user|>", "<|assistant|>", "<|system|>"),
    ),
    "deepseek": Speaker(
        "<s>"
        + _TURNS
        + "{% if m['role'] == 'user' %}<｜User｜>{{ m['content'] }}{% elif m['role'] == 'assistant' %}<｜Assistant｜>"
        "{{ m['content'].split('</think>')[-1] }}</s>{% else %}{{ m['content'] }}{% endif %}"
        + _ASK
        + "<｜Assistant｜><think>\n{% endif %}",
        (),
        ("<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"),
    ),
    "command_r": Speaker(
        "<s>"
        + _TURNS
        + "<|START_OF_TURN_TOKEN|><|{{ m['role'] | upper }}_TOKEN|>{{ m['content'].strip() }}<|END_OF_TURN_TOKEN|>"
        + _ASK
        + "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}",
        ("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
        ("<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"),
    ),
    "alpaca": Speaker(
        _TURNS + "### {{ m['role'] | title }}:\n{{ m['content'] }}</s>\n\n" + _ASK + "### Assistant:\n{% endif %}", ()
    ),
}
_BASIC = ["<unk>", "<s>", "</s>"]


def _byte_bpe(special: list[str]) -> Tokenizer:
    """As GPT-2, Llama 3 and Qwen have it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(tiny._CORPUS, trainer)
    return made


def _sentencepiece_bpe(special: list[str]) -> Tokenizer:
    """As Llama 2 and Mistral have it: no words, bytes where a character is unknown."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=[*special, *bytes_], show_progress=False)
    made.train_from_iterator(tiny._CORPUS, trainer)
    # The bytes belong to the vocabulary alone, as in the models' own files.
    import json

    parts = json.loads(made.to_str())
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["content"] not in bytes_]
    return Tokenizer.from_str(json.dumps(parts))


def _unigram(special: list[str]) -> Tokenizer:
    """As T5 and XLM-R have it: the special tokens are pieces of the model, too."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False)
    made.train_from_iterator([*tiny._CORPUS, "<>|/[]#:"] * 2, trainer)
    return made


def _word_piece(special: list[str]) -> Tokenizer:
    """As BERT has it: lower case, words cut at punctuation."""
    made = Tokenizer(models.WordPiece(unk_token="<unk>"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(
        tiny._CORPUS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    return made


def _word_level(special: list[str]) -> Tokenizer:
    """Whole words between spaces."""
    made = Tokenizer(models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.train_from_iterator(tiny._CORPUS, trainers.WordLevelTrainer(special_tokens=special, show_progress=False))
    return made


KINDS = {
    "byte-level BPE": _byte_bpe,
    "SentencePiece BPE": _sentencepiece_bpe,
    "unigram": _unigram,
    "WordPiece": _word_piece,
    "word-level": _word_level,
}


@cache
def tokenizer_of(kind: str, speaker: str, bos: bool = False) -> PreTrainedTokenizerFast:
    said = SPEAKERS[speaker]
    backend = KINDS[kind]([*_BASIC, *said.special])
    if bos:
        backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    made = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    made.add_tokens(list(said.added))
    made.chat_template = said.template
    return made
