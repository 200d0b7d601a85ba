"""A very small model, made on the spot, so that the examples run offline in seconds.

It has the architecture of Qwen2 with 41 thousand weights. A few seconds of training on data/train.jsonl teach it to
answer two questions about a message ("good or bad?", "praise or a complaint?") and nothing else, so it is narrow and
fussy about wording: enough to watch a prompt being tuned, nothing to conclude from. Give the examples `--model` with a
real model for that. A bundled model comes later.

    python examples/tiny_model.py FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from transformers.utils import logging

DATA = Path(__file__).parent / "data"
QUESTIONS = {"Is it good or bad?": ("good", "bad"), "Is it praise or a complaint?": ("praise", "complaint")}
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def chosen() -> str:
    """The model that `--model` names; without it the tiny one, made once and kept in the folder for temporary files."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", help="folder or Hub name; default: a tiny model made on the spot")
    name: str | None = arguments.parse_args().model
    if name is not None:
        return name
    version = hashlib.sha256(Path(__file__).read_bytes() + (DATA / "train.jsonl").read_bytes()).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"embedgrad-tiny-model-{version}"
    if not kept.is_dir():
        made = make(Path(tempfile.mkdtemp()) / "model")
        shutil.move(made, kept)
    return str(kept)


def make(folder: Path, steps: int = 250) -> Path:
    """Config, weights and tokenizer in `folder`, as transformers saves them."""
    logging.disable_progress_bar()
    rows = [json.loads(line) for line in (DATA / "train.jsonl").open()]
    tokenizer = _tokenizer([*(row["text"] for row in rows), *QUESTIONS, "good bad praise complaint user assistant"])
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 512}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}
    ends = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), initializer_range=0.1, **shape, **heads, **ends))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.1)
    chance = random.Random(0)
    for _ in range(steps):
        batch = [_conversation(tokenizer, row, chance) for row in chance.sample(rows, 32)]
        width = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in batch])
        labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in batch])
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    words.train_from_iterator(
        texts * 3,
        trainers.BpeTrainer(
            vocab_size=700,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHAT
    )


def _conversation(
    tokenizer: PreTrainedTokenizerFast, row: dict[str, str], chance: random.Random
) -> tuple[list[int], list[int]]:
    """Ids of question, message and answer; the labels are the answer's ids, -100 elsewhere."""
    question, answers = chance.choice(list(QUESTIONS.items()))
    user = f"<|im_start|>user\n{question}\n\n{row['text']}<|im_end|>\n<|im_start|>assistant\n"
    asked = tokenizer(user)["input_ids"]
    answer = tokenizer(answers[row["label"] == "complaint"] + "<|im_end|>")["input_ids"]
    return asked + answer, [-100] * len(asked) + answer


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
