"""Compiled norms and MLPs: the same numbers; a machine that cannot compile goes on without."""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
from embedgrad.engine.plan import choose
from embedgrad.model import compiled
from embedgrad.model.compiled import compile_parts, is_worth_it, uncompile
from embedgrad.model.load import load_model
from embedgrad.prompt.rows import lay_out_rows

PROMPT = "Determine the main emotion. Answer with one word."
ROWS = [eg.Example("I can't believe it worked!", "happy"), eg.Example("so sad", "sad")]


@pytest.fixture
def model(tiny_folder) -> eg.FrozenModel:
    """One of its own: compiling changes it."""
    return load_model(tiny_folder("llama"))


def changed_parts(model: eg.FrozenModel) -> set[str]:
    return {name for name, part in model.lm.named_modules() if "forward" in vars(part)}


def gradient(model: eg.FrozenModel, **options) -> torch.Tensor:
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, ROWS)
    return choose(model, prompt.embeddings, layouts, **options).loss_and_gradient(prompt.embeddings, layouts).gradient


def test_norms_and_mlps_are_compiled_and_give_the_same(model, monkeypatch) -> None:
    """With the compiler's place taken by one that counts: what it makes of the code is torch's business."""
    wanted, calls = gradient(model), []

    def counting(forward, *, dynamic: bool):
        assert dynamic

        def run(*arguments, **options):
            calls.append(forward)
            return forward(*arguments, **options)

        return run

    monkeypatch.setattr(torch, "compile", counting)
    found = gradient(model, compiled=True)
    layers = range(3)
    parts = ("mlp", "input_layernorm", "post_attention_layernorm")
    assert changed_parts(model) == {f"model.layers.{layer}.{part}" for layer in layers for part in parts}
    assert calls
    assert (found - wanted).norm() <= 1e-6 * wanted.norm()
    uncompile(model)
    assert changed_parts(model) == set()


@pytest.mark.stress
def test_really_compiled(model) -> None:
    wanted = gradient(model)
    found = gradient(model, compiled=True)
    assert changed_parts(model)
    assert (found - wanted).norm() <= 1e-5 * wanted.norm()


def test_a_machine_that_cannot_compile_goes_on(model, monkeypatch) -> None:
    def fails(forward, *, dynamic: bool):
        def run(*arguments, **options):
            raise RuntimeError("No working C++ compiler found\nin a long text")

        return run

    wanted = gradient(model)
    monkeypatch.setattr(torch, "compile", fails)
    said: list[str] = []
    assert torch.equal(gradient(model, compiled=True, say=said.append), wanted)
    assert said == [
        'not compiled: RuntimeError: No working C++ compiler found. Install a C++ compiler, or pass compile="off".'
    ]
    assert changed_parts(model) == set()


def test_experts_are_left_alone(tiny_folder) -> None:
    model = load_model(tiny_folder("qwen3_moe"))
    compile_parts(model)
    assert not any("mlp" in name for name in changed_parts(model))


@pytest.mark.parametrize(
    ("wanted", "flops", "worth"),
    [("on", 1.0, True), ("off", 1e30, False), ("auto", 1e12, False), ("auto", 1e17, True)],
)
def test_auto_is_for_long_runs(wanted: compiled.Compile, flops: float, worth: bool, model) -> None:
    assert is_worth_it(wanted, flops, model) is worth
