"""Attention of rows end to end equals attention of the whole sequence under a mask that says what each token sees."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from embedgrad.model import packed_attention
from embedgrad.model.attention import CannotAttend
from embedgrad.model.packed_attention import ARGUMENT, Pack
from embedgrad.model.packed_attention import packed_attention as attend

WIDTH, CPU = 8, torch.device("cpu")
PACKS = {
    "rows of one length": Pack(0, 3, (5, 5, 5), CPU),
    "one row": Pack(0, 4, (6,), CPU),
    "rows of many lengths": Pack(0, 3, (2, 3, 7, 20, 21, 60), CPU),
    "behind a header": Pack(4, 3, (2, 3, 7, 40), CPU),
    "the prompt in the past": Pack(7, 0, (2, 5), CPU),
}
PLACES = {
    "all": None,
    "the last two": lambda tokens: range(tokens - 2, tokens),
    "one to three": lambda tokens: range(max(0, tokens - 1 - tokens % 3), tokens),
}


def sees(pack: Pack) -> Tensor:
    """[N, past + N] True where a query sees a key."""
    owner = [-1] * (pack.past + pack.shared)
    for row, tokens in enumerate(pack.lengths):
        owner += [row] * tokens
    of_key = torch.tensor(owner)
    of_query = of_key[pack.past :, None]
    positions = torch.arange(len(owner))
    return ((of_key == -1) | (of_key == of_query)) & (positions <= positions[pack.past :, None])


def slowly(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """[1, N, H, E]"""
    repeats = query.shape[1] // key.shape[1]
    keys, values = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    scores = (query @ keys.mT / math.sqrt(query.shape[-1])).masked_fill(~mask, -math.inf)
    return (scores.softmax(-1) @ values).transpose(1, 2)


def given(pack: Pack, heads: int, groups: int, by_position: bool) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    tokens = pack.shared + sum(pack.lengths)
    found = []
    for count, positions in ((heads, tokens), (groups, pack.past + tokens), (groups, pack.past + tokens)):
        states = torch.randn(1, positions, count, WIDTH, generator=draw).transpose(1, 2)
        found.append((states if by_position else states.contiguous()).requires_grad_())
    return found


@pytest.fixture(params=["kept", "computed again, in small pieces"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "kept":
        monkeypatch.setattr(packed_attention, "_KEPT_WIDTHS", 0)
        monkeypatch.setattr(packed_attention, "_SCORES_AT_ONCE", 100)
        monkeypatch.setattr(packed_attention, "_FEW_TOKENS", 1)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("by_position", [True, False])
@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (4, 2), (3, 1)])
@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("name", PACKS)
def test_equals_the_masked_sequence(name: str, places: str, heads: int, groups: int, by_position: bool) -> None:
    pack = Pack(PACKS[name].past, PACKS[name].shared, PACKS[name].lengths, CPU)  # nothing kept from another test
    query, key, value = given(pack, heads, groups, by_position)
    mask, wanted, chosen = sees(pack), query, PLACES[places]
    if chosen is not None:
        some = [chosen(tokens) for tokens in pack.lengths]
        starts = [pack.shared + sum(pack.lengths[:row]) for row in range(len(some))]
        at = torch.tensor([start + column for start, row in zip(starts, some, strict=True) for column in row])
        wanted, mask, pack = query[:, :, at], mask[at], pack.at(some)
    slow = slowly(wanted, key, value, mask)
    fast, _ = attend(torch.nn.Module(), wanted, key, value, None, **{ARGUMENT: pack})
    slope = torch.randn(slow.shape, generator=torch.Generator().manual_seed(1), dtype=slow.dtype)
    needed = torch.ones(pack.past + pack.shared + sum(pack.lengths), 1)
    needed[: pack.past] = 0  # nobody asks for the gradient of what came before
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-5)
    found, right = (
        torch.autograd.grad(output, (query, key, value), slope, retain_graph=True) for output in (fast, slow)
    )
    for a, b, counts in zip(found, right, (1, needed, needed), strict=True):
        torch.testing.assert_close(a, b * counts, rtol=1e-4, atol=1e-5)


def test_refuses_what_it_does_not_know() -> None:
    pack = PACKS["one row"]
    query, key, value = given(pack, 2, 2, True)
    for options, what in (
        ({}, "attention without its own arguments"),
        ({ARGUMENT: pack, "softcap": 3.0}, "attention with softcap"),
        ({ARGUMENT: pack, "sliding_window": 3}, "attention with a window"),
    ):
        with pytest.raises(CannotAttend) as error:
            attend(torch.nn.Module(), query, key, value, None, **options)
        assert str(error.value) == what
