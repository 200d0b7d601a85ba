"""Norms and MLPs in few passes give what the modules give, or are left alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import Module

import tiny
from embedgrad.model import fused
from embedgrad.model.compiled import compile_parts, uncompile
from embedgrad.model.load import load_model

TAKEN = {  # norms and MLPs of three layers
    "gemma2": (0, 0), "gemma3": (0, 0), "gpt2": (0, 0), "gpt_neox": (0, 0), "bloom": (0, 0), "gpt_neo": (0, 0),
    "mpt": (0, 0), "phi3": (6, 0), "mixtral": (6, 0), "qwen3_moe": (6, 0), "llama4": (6, 0),
}  # fmt: skip


def is_mlp(part: Module) -> bool:
    return hasattr(part, "gate_proj")


@pytest.mark.parametrize("family", tiny.SHARING)
def test_which_parts_are_taken(family: str, tiny_model) -> None:
    parts = [cut.part for cut in fused.cuts(tiny_model(family))]
    assert (sum(not is_mlp(part) for part in parts), sum(map(is_mlp, parts))) == TAKEN.get(family, (6, 3))


def measured(part: Module, hidden: Tensor, slope: Tensor) -> list[Tensor]:
    at = hidden.clone().requires_grad_()
    found = part(at)
    return [found.detach(), *torch.autograd.grad(found, at, slope)]


@pytest.mark.parametrize("family", ["llama", "qwen3", "olmo2", "phi3", "granite"])
def test_loss_and_gradient_are_the_parts_own(family: str, tiny_model) -> None:
    model = tiny_model(family)
    hidden, slope = (3 * torch.randn(2, 7, model.width, generator=torch.Generator().manual_seed(n)) for n in (0, 1))
    for cut in fused.cuts(model):
        own = measured(cut.part, hidden, slope)
        with fused.in_use(model):
            assert "forward" in vars(cut.part)
            fast = measured(cut.part, hidden, slope)
        assert "forward" not in vars(cut.part)
        for a, b in zip(fast, own, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_in_bfloat16_no_further_from_float32_than_autograd(tiny_model) -> None:
    model, exact = tiny_model("llama", "bfloat16"), tiny_model("llama").lm
    wide = dict(exact.named_modules())
    names = {id(part): name for name, part in model.lm.named_modules()}
    hidden, slope = (
        torch.randn(2, 7, model.width, generator=torch.Generator().manual_seed(n)).bfloat16() for n in (0, 1)
    )
    for cut in fused.cuts(model):
        best = measured(wide[names[id(cut.part)]], hidden.float(), slope.float())
        own = measured(cut.part, hidden, slope)
        with fused.in_use(model):
            fast = measured(cut.part, hidden, slope)
        for a, b, c in zip(fast, own, best, strict=True):
            assert (a.float() - c).norm() <= (b.float() - c).norm() + 0.01 * c.norm()


def test_without_a_gradient_the_part_runs_itself(tiny_model) -> None:
    model = tiny_model("llama")
    part = next(cut.part for cut in fused.cuts(model) if not is_mlp(cut.part))
    hidden = torch.randn(1, 4, model.width)
    with fused.in_use(model):
        assert torch.equal(part(hidden), type(part).forward(part, hidden))
        assert part(hidden.requires_grad_()).grad_fn.name() == "_RMSNormBackward"


def test_a_compiled_part_is_left_alone(tiny_folder) -> None:
    model = load_model(tiny_folder("llama"), "float32")
    assert len(fused.cuts(model)) == 9
    compile_parts(model)
    assert fused.cuts(model) == ()
    uncompile(model)
    assert len(fused.cuts(model)) == 9


def test_a_part_that_only_looks_like_it_is_left_alone(tiny_folder) -> None:
    model = load_model(tiny_folder("llama"), "float32")

    class Doubled(type(model.layers[0].input_layernorm)):
        def forward(self, hidden: Tensor) -> Tensor:
            return 2 * super().forward(hidden)

    norm = Doubled(model.width)
    norm.requires_grad_(False)
    model.layers[0].input_layernorm = norm
    assert norm not in [cut.part for cut in fused.cuts(model)]
    assert len(fused.cuts(model)) == 8
