"""The pocket model's tokenizer: byte-level BPE, digits one by one, trained on the mixture."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tools.pocket.causal import FAMILY as CAUSAL
from tools.pocket.emotion import FAMILY as EMOTION
from tools.pocket.mixture import draw_document
from tools.pocket.sentiment import FAMILY as SENTIMENT
from tools.pocket.words import ALL_WORDS

VOCABULARY_SIZE = 4096
END = "<|end|>"
PAD = "<|pad|>"
_DOCUMENTS = 30_000
# Words with the space before them, single digits, runs of punctuation, line breaks: as GPT-2 does, digits aside.
_PIECES = r" ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s+"


def single_words() -> tuple[str, ...]:
    """Words that must be one token each, also with a capital and after a space: labels and the small skills' words."""
    labels = [label for family in (EMOTION, SENTIMENT, CAUSAL) for skill in family.skills for label in skill.labels]
    lower = dict.fromkeys(word for word in (*labels, *ALL_WORDS) if " " not in word)
    return tuple(dict.fromkeys(form for word in lower for form in (word, word.capitalize())))


def train_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Train the tokenizer on documents of the mixture (always the same ones) and save it into `folder`."""
    rng = Random("tokenizer")
    texts: list[str] = []
    for _ in range(_DOCUMENTS):
        document = draw_document(rng)
        texts += [*document.parts, document.answer]
    for word in single_words():
        texts += [word, f"is {word}"] * 300
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, model_max_length=512)
    split = [w for w in single_words() if len(fast(w).input_ids) > 1 or len(fast(f" {w}").input_ids) > 1]
    if split:
        raise RuntimeError(f"These words are more than one token: {', '.join(split)}. Enlarge the vocabulary.")
    fast.save_pretrained(folder)
    return fast
