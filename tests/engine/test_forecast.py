"""What a tuning says before it begins: the path, its arithmetic, its memory, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import embedgrad as eg
from embedgrad.engine import forecast as forecasts
from embedgrad.engine import shared_prefix
from embedgrad.engine.forecast import dear_fallback, fitted, forecast, kept_bytes, naive_flops, step_flops
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.shared_prefix import SharedPrefix
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.tuning.settings import TuningSettings, parse_bytes
from embedgrad.units import bytes_words

PROMPT = "Determine the main emotion. Answer with one word."
ROWS = [eg.Example("the dog " * n, "happy") for n in (1, 3, 8)] * 4
PLACES = {"shared prefix": "{prompt}\n\n{input}", "cached input": "{input}\n\n{prompt}"}


def chosen(model: eg.FrozenModel, path: str, batch_tokens: int = 8192) -> tuple[Engine, torch.Tensor, list]:
    prompt = eg.start(model, PROMPT, eg.Template.chat(PLACES[path]))
    layouts = lay_out_rows(model, prompt, ROWS)
    return choose(model, prompt.embeddings, layouts, batch_tokens), prompt.embeddings, layouts


def checkpointing(engine: Engine) -> Engine:
    return engine.through(type(engine.path), replace(engine.techniques, checkpoints=True))


def test_arithmetic_is_the_formula(tiny_model) -> None:
    """4 per weight of the layers and token that goes through them, and per weight of the head and target."""
    model = tiny_model("llama")
    body = sum(p.numel() for p in model.lm.model.layers.parameters())
    head = model.lm.config.vocab_size * model.width
    for path in PLACES:
        engine, prompt, layouts = chosen(model, path)
        tokens = sum(map(len, layouts)) / len(layouts)
        before = sum(layout.prompt.start for layout in layouts) / len(layouts)
        targets = sum(len(layout.target) for layout in layouts) / len(layouts)
        rows = 5
        through = rows * (tokens - before)
        if path == "shared prefix":
            through = len(prompt) + rows * (tokens - before - len(prompt))
        found = forecast(engine, prompt, layouts, rows)
        assert found.naive_flops == pytest.approx(4 * (body + head) * rows * tokens)
        assert found.naive_flops == naive_flops(model, layouts, rows)
        assert found.step_flops == pytest.approx(4 * (body * through + head * rows * targets), rel=0.02)


@pytest.mark.parametrize("path", PLACES)
def test_memory_is_what_a_step_keeps(path: str, tiny_model) -> None:
    """Measured on two rows and scaled; here against all twelve of them."""
    engine, prompt, layouts = chosen(tiny_model("llama"), path)
    longest = [layout for layout in layouts if len(layout) == max(map(len, layouts))] * 3
    expected = forecast(engine, prompt, longest, len(longest))
    with kept_bytes(engine.model) as kept:
        engine.loss_and_gradient(prompt, longest)
    assert 0.9 * kept.total <= expected.pass_bytes <= 1.5 * kept.total  # rows of unequal length are padded
    weights = (*engine.model.lm.parameters(), *engine.model.lm.buffers())
    assert expected.weights_bytes == sum(tensor.nbytes for tensor in weights)


def test_kept_inputs_are_counted_once_each(tiny_model) -> None:
    engine, prompt, layouts = chosen(tiny_model("llama"), "cached input")
    expected = forecast(engine, prompt, layouts, 4)
    engine, _ = fitted(engine, prompt, layouts, 4, 10**9)
    engine.loss_and_gradient(prompt, layouts)
    assert engine.path.inputs.used_bytes == expected.inputs_bytes > 0
    assert len(engine.path.inputs.kept) == 3


@pytest.mark.parametrize("path", PLACES)
def test_a_limit_brings_checkpoints_and_the_same_numbers(path: str, tiny_model) -> None:
    engine, prompt, layouts = chosen(tiny_model("llama"), path)
    free = forecast(engine, prompt, layouts, len(layouts))
    limit = free.least_bytes - 1
    said: list[str] = []
    held, expected = fitted(engine, prompt, layouts, len(layouts), limit, said.append)
    assert held.techniques.checkpoints
    assert expected.least_bytes <= limit
    words = f"layers are computed again in the backward, to stay under {bytes_words(limit)}; this takes longer"
    assert said[0] == words
    found, wanted = (e.loss_and_gradient(prompt, layouts) for e in (held, engine))
    assert found.loss == pytest.approx(wanted.loss, rel=1e-6)
    assert (found.gradient - wanted.gradient).norm() <= 1e-5 * wanted.gradient.norm()


def test_the_plain_path_checkpoints_too(tiny_model) -> None:
    engine, prompt, layouts = chosen(tiny_model("mamba"), "shared prefix")
    assert engine.path.name == "plain"
    held = checkpointing(engine)
    found, wanted = (e.loss_and_gradient(prompt, layouts) for e in (held, engine))
    assert (found.gradient - wanted.gradient).norm() <= 1e-5 * wanted.gradient.norm()
    assert forecast(held, prompt, layouts, 4).pass_bytes < forecast(engine, prompt, layouts, 4).pass_bytes


def test_a_limit_that_cannot_be_kept_is_an_error(tiny_model) -> None:
    engine, prompt, layouts = chosen(tiny_model("llama"), "shared prefix", batch_tokens=4000)
    with pytest.raises(eg.EmbedgradError) as told:
        fitted(engine, prompt, layouts, 12, 1000)
    least = forecast(checkpointing(engine), prompt, layouts, 12).least_bytes
    assert str(told.value) == (
        f"A step is predicted to need {bytes_words(least)} with the weights, more than memory_limit 1.0 kB. "
        "Pass a smaller batch_tokens, for example 1000; results stay the same."
    )


def test_what_is_free_is_no_limit_but_told(tiny_model, monkeypatch) -> None:
    engine, prompt, layouts = chosen(tiny_model("llama"), "shared prefix", batch_tokens=4000)
    monkeypatch.setattr(forecasts, "free_bytes", lambda place: 7)
    said: list[str] = []
    held, expected = fitted(engine, prompt, layouts, 12, None, said.append)
    room = bytes_words(expected.weights_bytes + 7)
    assert held.techniques.checkpoints
    assert said == [
        f"layers are computed again in the backward, to stay under {room}; this takes longer",
        f"A step is predicted to need {bytes_words(expected.least_bytes)} with the weights; {room} are free. Pass a "
        "smaller batch_tokens, for example 1000; results stay the same.",
    ]


def test_inputs_above_the_budget_are_told(tiny_model) -> None:
    engine, prompt, layouts = chosen(tiny_model("llama"), "cached input")
    free = forecast(engine, prompt, layouts, 4)
    said: list[str] = []
    held, _ = fitted(engine, prompt, layouts, 4, free.least_bytes + 5, said.append)
    assert len(said) == 1
    assert said[0] == (
        f"the inputs' keys and values take {bytes_words(free.inputs_bytes)}, more than the 5 bytes there are for them: "
        "what does not fit is computed again at each step"
    )
    found, wanted = (e.loss_and_gradient(prompt, layouts) for e in (held, engine))
    assert held.path.inputs.used_bytes == 0
    assert (found.gradient - wanted.gradient).norm() <= 1e-5 * wanted.gradient.norm()


def test_a_run_says_its_path_and_cost(tiny_model) -> None:
    said: list[str] = []
    eg.tune(
        tiny_model("llama"), PROMPT, ROWS, validation=[eg.Example("a cat", "happy")], task=eg.Task("text"),
        min_steps=1, epochs=0.1, say=said.append,
    )  # fmt: skip
    path = next(line for line in said if line.startswith("shared prefix: "))
    assert path.startswith("shared prefix: the prompt goes through the model once a step; ")
    assert " times less arithmetic than with prompt and header for every row (" in path
    assert path.endswith(
        " a step); with own attention, the last layer only at targets, packed rows, fused norms and MLPs"
    )
    assert not any(line.startswith("Warning: ") for line in said)
    assert any(line.startswith("memory: ") and "predicted at most" in line for line in said)


def test_a_dear_fallback_is_a_warning(tiny_model, monkeypatch) -> None:
    """Where a step takes more than a quarter more for it; where it does not, it is only said."""

    def fails(*_: object) -> None:
        raise RuntimeError("no cache of this kind")

    for name in ("prefill", "predict_packed"):
        monkeypatch.setattr(shared_prefix, name, fails)
    engine, _, layouts = chosen(tiny_model("llama"), "shared prefix")
    assert (engine.path.name, engine.refused) == ("plain", SharedPrefix)
    shared = engine.through(SharedPrefix, engine.techniques)
    more = step_flops(engine, layouts, 16) / step_flops(shared, layouts, 16)
    assert more > 1.25
    assert dear_fallback(engine, layouts, 16) == (
        f"Warning: a step takes {more:.2g} times the arithmetic of the shared prefix. If transformers runs this model "
        "right, please report it, with the model's name and this line."
    )
    assert dear_fallback(engine, layouts, 1) is None
    assert dear_fallback(replace(engine, refused=None), layouts, 16) is None
    said: list[str] = []
    eg.tune(
        tiny_model("llama"), PROMPT, ROWS * 4, validation=[eg.Example("a cat", "happy")], task=eg.Task("text"),
        min_steps=1, epochs=0.1, say=said.append,
    )  # fmt: skip
    assert [line for line in said if line.startswith("Warning: a step takes ")] != []


def test_a_run_keeps_how_it_was_computed(tiny_model) -> None:
    run = eg.tune(
        tiny_model("llama"), PROMPT, ROWS, validation=[eg.Example("a cat", "happy")], task=eg.Task("text"),
        min_steps=1, epochs=0.1,
    )  # fmt: skip
    assert run.engine is not None
    assert run.engine.model_dump() == {
        "path": "shared prefix",
        "techniques": ["own attention", "the last layer only at targets", "packed rows", "fused norms and MLPs"],
        "reason": "shared prefix: the prompt goes through the model once a step",
    }


@pytest.mark.parametrize(
    ("text", "size"), [("8GB", 8 * 10**9), ("1.5 gb", 1_500_000_000), ("500MB", 500_000_000), ("1000", 1000)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size
    assert TuningSettings(memory_limit=text).memory_limit_bytes == size


@pytest.mark.parametrize("text", ["", "GB", "8 apples", "-1GB", "0"])
def test_no_size(text: str) -> None:
    with pytest.raises(ValueError, match='expected a size like "8GB" or "500MB"'):
        parse_bytes(text)
