"""Only the prompt changes: the base model is the same to the last bit before and after tuning."""

from __future__ import annotations

import hashlib

import pytest
import torch

import embedgrad as eg
import rows

PROMPT = "Please decide whether the review is positive or negative."
SHORT = {"epochs": 1, "min_steps": 4, "batch_size": 4, "evaluate_every": 2, "learning_rate": "0.5rms"}


def examples(count: int, first: int = 0) -> list[eg.Example]:
    return [eg.Example(row["text"], row["label"]) for row in rows.sentiment(count, first)]


def digest(model: eg.FrozenModel) -> str:
    found = hashlib.sha256()
    for name, tensor in [*model.lm.named_parameters(), *model.lm.named_buffers()]:
        found.update(name.encode())
        found.update(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("place", ["{prompt}\n\n{input}", "{input}\n\n{prompt}"])  # shared prefix, plain path
def test_no_weight_changes(place: str, dtype: str, tiny_model) -> None:
    model = tiny_model("llama", dtype)
    before = digest(model)
    run = eg.tune(model, PROMPT, examples(12), validation=examples(6, 20), template=eg.Template.chat(place), **SHORT)
    assert run.steps == 4
    assert digest(model) == before
    assert not any(parameter.requires_grad for parameter in model.lm.parameters())
    assert all(parameter.grad is None for parameter in model.lm.parameters())
    assert not any(module.training for module in model.lm.modules())


def test_only_trainable_rows_move(tiny_model) -> None:
    model = tiny_model("qwen2")
    start = eg.start(model, PROMPT, frozen=[0, 3, -1])
    run = eg.tune(model, start, examples(12), validation=examples(6, 20), task=eg.Task("text"), **SHORT)
    assert run.best_step > 0  # else nothing moved at all
    is_frozen = ~torch.tensor(start.trainable)
    assert is_frozen.sum() == 3
    assert torch.equal(run.prompt.embeddings[is_frozen], start.embeddings[is_frozen])
    assert (run.prompt.embeddings != start.embeddings)[~is_frozen].any(1).all()
    assert run.prompt.trainable == start.trainable
