"""A right path is taken and a wrong one refused, however deep the model and whatever its dtype."""

from __future__ import annotations

import pytest
import torch
from mutants import MUTANTS, Mutant
from torch import Tensor

import embedgrad as eg
from embedgrad.engine import self_check
from embedgrad.engine.behind import PLAIN_MEANS, Means
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.self_check import Measured
from embedgrad.template.layout import Layout, Span

DEPTHS = (2, 12, 30)
DTYPES = ("float32", "bfloat16")
PATHS = ("shared prefix", "cached input")
DEPTH_OF = {"llama": "num_hidden_layers", "qwen2": "num_hidden_layers", "gpt2": "n_layer"}
BEST = Means(own_attention=True, trims=True)


@pytest.fixture(autouse=True)
def nothing_is_proven(monkeypatch) -> None:
    monkeypatch.setattr(self_check, "_PROOFS", {})


def row(head: int, prompt: int, middle: int, target: int, seed: int) -> Layout:
    """Random ids; rows of one seed and one head length have one head."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 250, (head + prompt + middle + target,), generator=draw).tolist()
    ids[head : head + prompt] = [0] * prompt
    return Layout(tuple(ids), Span(head, head + prompt), Span(0, head), Span(len(ids) - target, len(ids)))


def rows_of(path: str) -> list[Layout]:
    if path == "shared prefix":
        return [row(5, 6, 4, 2, 1), row(5, 6, 17, 3, 1)]
    return [row(4, 6, 3, 2, 1), row(17, 6, 3, 3, 2)]


def prompt_of(model: eg.FrozenModel) -> Tensor:
    return 0.3 * torch.randn(6, model.width, generator=torch.Generator().manual_seed(1))


def measured(model: eg.FrozenModel, path: str, rows: list[Layout], means: Means = PLAIN_MEANS) -> Measured:
    found = Engine(model, path, means=means).loss_and_gradient(prompt_of(model), rows)
    return Measured(found.row_nats, found.gradient)


@pytest.fixture(scope="module")
def deep(tiny_model):
    def model(family: str, depth: int, dtype: str) -> eg.FrozenModel:
        return tiny_model(family, dtype, **{DEPTH_OF[family]: depth})

    return model


def test_rounding_is_that_of_a_real_model(deep) -> None:
    """SmolLM2 of 30 layers: 0.06 to 0.2. With less, these tests would show nothing."""
    deepest, shallow = (
        measured(deep("llama", depth, "bfloat16"), "plain", rows).apart(
            measured(deep("llama", depth, "float32"), "plain", rows), 1.0
        )
        for depth, rows in ((30, rows_of("shared prefix")), (2, rows_of("shared prefix")))
    )
    assert 0.06 < deepest < 0.4
    assert shallow < deepest


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dtype", [*DTYPES, "float16"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("family", DEPTH_OF)
def test_a_right_path_is_taken(family: str, depth: int, dtype: str, path: str, deep) -> None:
    model, said = deep(family, depth, dtype), []
    engine = choose(model, prompt_of(model), rows_of(path), say=said.append)
    assert (engine.path, engine.means, said) == (path, BEST, [])
    assert engine.refused is None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
@pytest.mark.parametrize("with_gradient", [True, False], ids=["gradient", "losses"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_wrong_path_is_refused(
    family: str, depth: int, dtype: str, with_gradient: bool, mutant: Mutant, deep, monkeypatch
) -> None:
    if not with_gradient and "gradient" in mutant.name:
        pytest.skip("without a gradient it is right")
    model = deep(family, depth, dtype)
    mutant.install(monkeypatch)
    for path in PATHS:
        engine = choose(model, prompt_of(model), rows_of(path), with_gradient=with_gradient)
        assert not mutant.acts_on(engine), (engine.path, engine.means)
