"""The entropy of the next-token distribution."""

from __future__ import annotations

import math

import pytest
import torch

from embedgrad.engine import entropy
from embedgrad.engine.entropy import entropy_bits


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("offset", [0.0, 500.0])
def test_equals_the_definition_in_float64(scale: float, offset: float) -> None:
    logits = torch.randn(5, 1000, generator=torch.Generator().manual_seed(0)) * scale + offset
    wanted = torch.distributions.Categorical(logits=logits.double()).entropy() / math.log(2)
    torch.testing.assert_close(entropy_bits(logits).double(), wanted, rtol=1e-5, atol=1e-5)


def test_known_values() -> None:
    never = -math.inf
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [5.0, never, never, never], [1.0, 1.0, never, -1e30]])
    assert entropy_bits(logits).tolist() == pytest.approx([2.0, 0.0, 1.0])
    assert entropy_bits(torch.zeros(1, 8, dtype=torch.bfloat16)).tolist() == [3.0]


def test_pieces_change_nothing(monkeypatch) -> None:
    logits = torch.randn(7, 50, generator=torch.Generator().manual_seed(1))
    before = logits.clone()
    whole = entropy_bits(logits)
    for numbers in (1, 50, 120):
        monkeypatch.setattr(entropy, "_NUMBERS_AT_ONCE", numbers)
        assert entropy_bits(logits).tolist() == pytest.approx(whole.tolist())
    assert torch.equal(logits, before)
