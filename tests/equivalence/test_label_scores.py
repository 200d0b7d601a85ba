"""Label scoring behind a shared prefix == every answer with its whole input."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.score import answer_nats
from embedgrad.layouts import lay_out_rows

INPUTS = ["no", "I can't believe it worked!", "Once upon a time there was a little dog. " * 3, "yes"]
ANSWERS = [(5,), (7, 2), (9, 4, 11, 3), (7, 3)]


@pytest.mark.parametrize("place", ["{prompt}\n\n{input}", "{input}\n\n{prompt}\n"])
@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_sharing_the_inputs_changes_nothing(family: str, place: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = eg.start(model, "Determine the main emotion.", eg.Template.chat(place))
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    for batch_tokens in (1, 8192):
        engine = choose(model, prompt.embeddings, layouts, batch_tokens, with_gradient=False)
        told: list[int] = []
        found = answer_nats(engine, prompt.embeddings, layouts, ANSWERS, told.append)
        plain = answer_nats(replace(engine, shares=False), prompt.embeddings, layouts, ANSWERS)
        torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-4)
        assert sum(told) == len(INPUTS) * len(ANSWERS)


def test_the_inputs_are_really_shared(tiny_model, monkeypatch) -> None:
    model = tiny_model("llama")
    prompt = eg.start(model, "Determine the main emotion.")
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    engine = choose(model, prompt.embeddings, layouts, with_gradient=False)
    assert engine.shares
    monkeypatch.setattr(Engine, "row_nats", None)  # the plain way, which takes every input along
    assert answer_nats(engine, prompt.embeddings, layouts, ANSWERS).shape == (len(INPUTS), len(ANSWERS))
