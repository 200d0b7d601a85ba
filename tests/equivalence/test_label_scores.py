"""Label scoring, behind a shared prefix or not == Hugging Face on every answer with its whole input."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.engine import plain
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.score import answer_nats
from embedgrad.prompt.rows import lay_out_rows

INPUTS = ["no", "I can't believe it worked!", "Once upon a time there was a little dog. " * 3, "yes"]
ANSWERS = [(5,), (7, 2), (9, 4, 11, 3), (7, 3)]


def by_hugging_face(model: eg.FrozenModel, prompt: eg.SoftPrompt, layout) -> float:
    """Nats of the layout's target."""
    with torch.no_grad():
        embeds = plain.join(model, prompt.embeddings, torch.tensor([layout.ids]), [layout])
        nats = -model.lm(inputs_embeds=embeds).logits[0].double().log_softmax(-1)
    return sum(float(nats[place - 1, layout.ids[place]]) for place in range(layout.target.start, layout.target.stop))


@pytest.mark.parametrize("place", ["{prompt}\n\n{input}", "{input}\n\n{prompt}\n"])
@pytest.mark.parametrize(("family", "changed"), tiny.VARIANTS)
def test_sharing_the_inputs_changes_nothing(family: str, changed: dict, place: str, tiny_model) -> None:
    model = tiny_model(family, **changed)
    prompt = eg.start(model, "Determine the main emotion.", eg.Template.chat(place))
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    wanted = [[by_hugging_face(model, prompt, row.with_target(answer)) for answer in ANSWERS] for row in layouts]
    for batch_tokens in (1, 8192):
        engine = choose(model, prompt.embeddings, layouts, batch_tokens, with_gradient=False)
        told: list[int] = []
        found = answer_nats(engine, prompt.embeddings, layouts, ANSWERS, told.append)
        alone = answer_nats(replace(engine, path=Plain(model)), prompt.embeddings, layouts, ANSWERS)
        for nats in (found, alone):
            torch.testing.assert_close(nats, torch.tensor(wanted, dtype=torch.float64), rtol=1e-5, atol=1e-5)
        assert sum(told) == len(INPUTS) * len(ANSWERS)


def test_the_inputs_are_really_shared(tiny_model, monkeypatch) -> None:
    model = tiny_model("llama")
    prompt = eg.start(model, "Determine the main emotion.")
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    engine = choose(model, prompt.embeddings, layouts, with_gradient=False)
    assert engine.shares
    monkeypatch.setattr(Engine, "row_nats", None)  # the plain way, which takes every input along
    assert answer_nats(engine, prompt.embeddings, layouts, ANSWERS).shape == (len(INPUTS), len(ANSWERS))
