"""A right path is taken and a wrong one refused, however deep the model and whatever its dtype."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor
from wrong_paths import MUTANTS, Mutant

import embedgrad as eg
from embedgrad.engine import self_check
from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.self_check import Measured
from embedgrad.model import packed_attention
from embedgrad.model.in_float32 import InFloat32
from embedgrad.template.layout import Layout, Span
from paths import PATHS

DEPTHS = (2, 12, 30)
DTYPES = ("float32", "bfloat16")
FAST = ("shared prefix", "cached input")
DEPTH_OF = {"llama": "num_hidden_layers", "qwen2": "num_hidden_layers", "gpt2": "n_layer"}
BEST = Techniques(own_attention=True, trims=True)
FUSED = ("llama", "qwen2")  # GPT-2 has other norms and MLPs, and wants all positions back from a packed last layer


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


def measured(
    model: eg.FrozenModel, path: str, rows: list[Layout], techniques: Techniques = PLAIN_TECHNIQUES
) -> Measured:
    found = Engine(PATHS[path](model, techniques)).loss_and_gradient(prompt_of(model), rows)
    return Measured(found.row_nats, found.gradient)


@pytest.fixture(scope="module")
def deep(tiny_model):
    def model(family: str, depth: int, dtype: str) -> eg.FrozenModel:
        return tiny_model(family, dtype, **{DEPTH_OF[family]: depth})

    return model


def widened(model: eg.FrozenModel) -> eg.FrozenModel:
    """All of it at once."""
    return eg.FrozenModel(copy.deepcopy(model.lm).float(), model.tokenizer, model.identity, model.context_tokens)


def test_rounding_is_that_of_a_real_model(deep) -> None:
    """SmolLM2 of 30 layers: 0.05 to 0.2. With less, these tests would show nothing."""
    rows, rounding = rows_of("shared prefix"), {}
    for depth in DEPTHS:
        model = deep("llama", depth, "bfloat16")
        exact = measured(widened(model), "plain", rows)
        rounding[depth] = measured(model, "plain", rows).apart(exact, 1.0).most
    assert rounding[2] < rounding[30]
    assert 0.05 < rounding[30] < 0.4


@pytest.mark.parametrize("path", FAST)
@pytest.mark.parametrize("dtype", [*DTYPES, "float16"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("family", DEPTH_OF)
def test_a_right_path_is_taken(family: str, depth: int, dtype: str, path: str, deep) -> None:
    model, said = deep(family, depth, dtype), []
    engine = choose(model, prompt_of(model), rows_of(path), say=said.append)
    packs = path == "shared prefix"
    best = replace(BEST, packs=packs, fuses=family in FUSED)
    assert (engine.path.name, engine.techniques, said) == (path, best, [])
    assert engine.refused is None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
@pytest.mark.parametrize(
    ("family", "depth", "dtype"),
    [*product(["llama"], DEPTHS, DTYPES), ("gpt2", 12, "float16"), ("gpt2", 30, "bfloat16")],
)
def test_a_wrong_path_is_refused(family: str, depth: int, dtype: str, mutant: Mutant, deep, monkeypatch) -> None:
    check_refused(mutant, deep(family, depth, dtype), monkeypatch)


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if "gradient" not in m.name], ids=lambda mutant: mutant.name)
@pytest.mark.parametrize("depth", [2, 30])
def test_a_wrong_path_is_refused_by_losses_alone(depth: int, mutant: Mutant, deep, monkeypatch) -> None:
    check_refused(mutant, deep("llama", depth, "bfloat16"), monkeypatch, with_gradient=False)


def check_refused(mutant: Mutant, model: eg.FrozenModel, monkeypatch, **options: bool) -> None:
    """On every path that it acts on; what it does not act on may be chosen, but that nothing is packed where that is
    not the mistake."""
    mutant.install(monkeypatch)
    packed = replace(BEST, packs=True)
    packs = mutant.acts_on(Engine(PATHS["shared prefix"](model, packed)))
    if not packs:
        monkeypatch.setattr(packed_attention, "fits", lambda model: False)
    best = {"shared prefix": packed if packs else BEST, "cached input": BEST}
    paths = [path for path in FAST if mutant.acts_on(Engine(PATHS[path](model, best[path])))]
    assert paths
    for path in paths:
        engine = choose(model, prompt_of(model), rows_of(path), **options)
        assert not mutant.acts_on(engine), (engine.path.name, engine.techniques)


def test_a_proof_is_for_rows_no_longer_and_of_one_kind(deep, monkeypatch) -> None:
    """Made once for a model; longer rows, unpadded ones and a gradient need another."""
    model, made = deep("llama", 12, "bfloat16"), []
    right = InFloat32.__init__
    monkeypatch.setattr(InFloat32, "__init__", lambda self, half: (made.append(half), right(self, half))[1])

    def proofs(rows: list[Layout], with_gradient: bool = True) -> int:
        choose(model, prompt_of(model), rows, with_gradient=with_gradient)
        return len(made)

    short, long = [row(5, 6, n, 2, 1) for n in (4, 9)], [row(5, 6, n, 2, 1) for n in (4, 30)]
    assert [proofs(short, False), proofs(short, False), proofs(short), proofs(short, False)] == [1, 1, 2, 2]
    assert [proofs(long), proofs(short), proofs(short[:1])] == [3, 3, 4]


def test_rows_that_round_more_than_those_of_the_proof(deep, monkeypatch) -> None:
    """They are compared in float32 themselves before anything is refused."""
    model, rows = deep("llama", 30, "bfloat16"), rows_of("shared prefix")
    monkeypatch.setitem(self_check.ROUNDING, torch.bfloat16, 0.0)
    assert choose(model, prompt_of(model), rows).techniques == replace(BEST, packs=True, fuses=True)
    [proof] = self_check._PROOFS[model]
    self_check._PROOFS[model] = [replace(proof, rounding=0.0)]
    assert choose(model, prompt_of(model), rows).techniques == replace(BEST, packs=True, fuses=True)
    assert [round(each.rounding, 6) for each in self_check._PROOFS[model]] == [0.0, round(proof.rounding, 6)]


def test_float32_takes_the_table_and_no_second_model(deep) -> None:
    model = deep("llama", 12, "bfloat16")
    before = {name: id(weight) for name, weight in model.lm.named_parameters()}
    wide = InFloat32(model)
    rows = rows_of("shared prefix")
    with wide.differentiable():
        found = measured(wide.model, "plain", rows)
    assert found.apart(measured(widened(model), "plain", rows), 1.0).is_same
    own = [name for name, weight in wide.model.lm.named_parameters() if id(weight) != before[name]]
    assert own == ["model.embed_tokens.weight"]
    assert {name: id(weight) for name, weight in model.lm.named_parameters()} == before
    assert {weight.dtype for weight in model.lm.parameters()} == {torch.bfloat16}


def test_float32_is_of_the_model_as_it_was_made(deep) -> None:
    """What was patched in or compiled is not in it."""
    model, rows = deep("llama", 2, "bfloat16"), rows_of("shared prefix")
    layer = model.lm.model.layers[0]
    layer.forward = lambda hidden, **options: 0 * hidden
    try:
        wide = InFloat32(model)
    finally:
        del layer.forward
    with wide.differentiable():
        found = measured(wide.model, "plain", rows)
    assert found.apart(measured(widened(model), "plain", rows), 1.0).is_same


@pytest.mark.parametrize("depth", DEPTHS)
def test_without_float32_the_last_bit_tells_rounding(depth: int, deep, monkeypatch) -> None:
    """Where the model cannot be computed in float32: a right path is taken, a grossly wrong one is not."""

    def cannot(self, half) -> None:
        raise RuntimeError("int4 kernels know no float32")

    monkeypatch.setattr(InFloat32, "__init__", cannot)
    model = deep("llama", depth, "bfloat16")
    assert choose(model, prompt_of(model), rows_of("shared prefix")).techniques == replace(BEST, packs=True, fuses=True)
    dropped = next(mutant for mutant in MUTANTS if mutant.name == "the text before the prompt is dropped")
    check_refused(dropped, model, monkeypatch)


def test_rows_that_are_all_but_right_are_not_refused_for_their_rounding() -> None:
    """Of 0.001 nats, rounding is the most."""
    nothing = torch.zeros(0)
    rounded, right = Measured(torch.tensor([1e-3, 2.0]), nothing), Measured(torch.tensor([2e-3, 2.0]), nothing)
    assert rounded.apart(right, 1.0).most < 2e-3
    assert math.isnan(Measured(torch.tensor([math.nan, 2.0]), nothing).apart(right, 1.0).most)
