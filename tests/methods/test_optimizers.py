"""Muon as it is published, and what a step of it is in lengths of a token."""

from __future__ import annotations

import pytest
import torch

from embedgrad.methods.method import Point
from embedgrad.methods.optimizers import Muon, orthogonalised


def gradients(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    """With singular values over two orders of magnitude, as real ones have."""
    draw = torch.Generator().manual_seed(seed)
    found = torch.randn(rows, width, generator=draw)
    u, s, v = torch.linalg.svd(found, full_matrices=False)
    return u @ torch.diag(torch.logspace(0, -2, len(s))) @ v


@pytest.mark.parametrize("shape", [(5, 64), (40, 576), (64, 5), (1, 8)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    found = orthogonalised(gradients(*shape))
    values = torch.linalg.svdvals(found)
    assert found.shape == shape
    assert bool((values > 0.3).all())
    assert bool((values < 1.3).all())


def test_it_is_the_published_iteration() -> None:
    """Written out as in Jordan et al.'s `zeropower_via_newtonschulz5`, in float32."""
    matrix = gradients(6, 20)
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    torch.testing.assert_close(orthogonalised(matrix), x, rtol=1e-4, atol=1e-5)


def test_the_momentum_is_nesterovs() -> None:
    first, second = gradients(4, 16), gradients(4, 16, seed=1)
    start = Point(0, {"p": torch.zeros(4, 16)}, Muon().begin({"p": torch.zeros(4, 16)}))
    one = Muon().step(start, {"p": first}, 0.01)
    two = Muon().step(one, {"p": second}, 0.01)
    momentum = 0.9 * first + second
    moved = two.tensors["p"] - one.tensors["p"]
    torch.testing.assert_close(moved, -0.01 * 16**0.5 * orthogonalised(second + 0.9 * momentum), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(two.moments["p.momentum"], momentum)
    assert (two.step, float(start.tensors["p"].abs().max())) == (2, 0.0), "nothing is changed in place"


@pytest.mark.parametrize("shape", [(5, 64), (40, 576), (90, 30)])
def test_a_step_moves_a_token_by_the_rate_times_a_usual_length(shape: tuple[int, int]) -> None:
    """Whatever the width: a usual token is sqrt(D) times the table's RMS long."""
    start = Point(0, {"p": torch.zeros(shape)}, Muon().begin({"p": torch.zeros(shape)}))
    moved = Muon().step(start, {"p": gradients(*shape)}, 0.15 * 0.02).tensors["p"]
    lengths = moved.norm(dim=1) / (0.02 * shape[1] ** 0.5)
    assert float(lengths.square().mean().sqrt()) == pytest.approx(0.15, rel=0.35)


def test_frozen_rows_do_not_move() -> None:
    zero = gradients(4, 16)
    zero[2] = 0.0
    start = Point(0, {"p": torch.ones(4, 16)}, Muon().begin({"p": torch.ones(4, 16)}))
    moved = Muon().step(start, {"p": zero}, 0.1).tensors["p"]
    assert torch.equal(moved[2], torch.ones(16))
    assert not torch.equal(moved[1], torch.ones(16))


def test_no_gradient_at_all_moves_nothing() -> None:
    start = Point(0, {"p": torch.ones(4, 16)}, Muon().begin({"p": torch.ones(4, 16)}))
    assert torch.equal(Muon().step(start, {"p": torch.zeros(4, 16)}, 0.1).tensors["p"], torch.ones(4, 16))
