"""Training the pocket model is reproducible and can be interrupted: the same steps, the same weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tools.pocket import train
from tools.pocket.batches import shard
from tools.pocket.tokenizer import train_tokenizer

pytestmark = pytest.mark.stress


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_interrupted_training_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY_STEPS", 2)
    monkeypatch.setattr(train, "WATCHED", 8)
    monkeypatch.setattr(torch, "compile", lambda module, **options: module)
    train.train(tmp_path / "whole", 4)
    monkeypatch.setattr(train, "save_state", _stops_after_one(train.save_state))
    with pytest.raises(KeyboardInterrupt):
        train.train(tmp_path / "halves", 4)
    monkeypatch.undo()
    monkeypatch.setattr(train, "WATCHED", 8)
    monkeypatch.setattr(torch, "compile", lambda module, **options: module)
    train.train(tmp_path / "halves", 4)
    first, second = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "halves"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def _stops_after_one(save):
    def saved(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    return saved


def test_shards_are_the_same_again_and_hold_each_answer(tokenizer):
    first, second = shard(3, tokenizer), shard(3, tokenizer)
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.weights, b.weights) for a, b in zip(first, second, strict=True)
    )
    for batch in first[:5]:
        for ids, weights in zip(batch.ids, batch.weights, strict=True):
            end = (ids == tokenizer.eos_token_id).nonzero()[0, 0]
            assert weights[end] > 0
            assert not weights[end + 1 :].any()
