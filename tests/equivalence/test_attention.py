"""`grouped_attention` == transformers' eager attention with its mask written out: output and gradients."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers.models.llama.modeling_llama import eager_attention_forward

from embedgrad.model import attention
from embedgrad.model.attention import CannotAttend, grouped_attention

MANY_BLOCKS = 80  # queries, where a block has 32
NONE = torch.nn.Module()


def heads(*sizes: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed)).to(dtype)


def inputs(rows=2, of=4, groups=2, tokens=7, past=0, width=8, dtype=torch.float32) -> list[Tensor]:
    """Query [B, H, T, E], key and value [B, G, P + T, E]."""
    query = heads(rows, of, tokens, width, seed=1, dtype=dtype)
    return [query, *(heads(rows, groups, past + tokens, width, seed=seed, dtype=dtype) for seed in (2, 3))]


def sees(tokens: int, positions: int, window: int | None = None) -> Tensor:
    """[1, 1, T, T'] one entry at a time."""
    seen = torch.zeros(1, 1, tokens, positions, dtype=torch.bool)
    for number, key in product(range(tokens), range(positions)):
        query = positions - tokens + number
        seen[0, 0, number, key] = key <= query and (window is None or key > query - window)
    return seen


def eager(query: Tensor, key: Tensor, value: Tensor, seen: Tensor, scale: float | None = None) -> Tensor:
    module = SimpleNamespace(num_key_value_groups=query.shape[1] // key.shape[1], training=False)
    mask = torch.zeros(seen.shape, dtype=query.dtype).masked_fill(~seen, torch.finfo(query.dtype).min)
    return eager_attention_forward(module, query, key, value, mask, scale or query.shape[-1] ** -0.5)[0]


def ours(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, **options) -> Tensor:
    return grouped_attention(NONE, query, key, value, mask, **options)[0]


def fused(query: Tensor, key: Tensor, value: Tensor, seen: Tensor, **options) -> Tensor:
    """torch's own, heads repeated."""
    key, value = (tensor.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for tensor in (key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, **options).transpose(1, 2)


def with_gradients(call, given: list[Tensor]) -> list[Tensor]:
    """Output, and the gradients of a sum that weighs every entry otherwise; in float32."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in given]
    found = call(*leaves)
    weights = heads(*found.shape, seed=4, dtype=found.dtype)
    found.backward(weights)
    return [found.detach(), *(leaf.grad for leaf in leaves)]


def errors(found: list[Tensor], wanted: list[Tensor]) -> list[float]:
    """Relative, of output and gradients."""
    pairs = zip(found, wanted, strict=True)
    return [float((a.double() - b.double()).norm() / b.double().norm().clamp_min(1e-9)) for a, b in pairs]


def check(given: list[Tensor], window: int | None = None, scale: float | None = None) -> None:
    query, key, _ = given
    seen = sees(query.shape[2], key.shape[2], window)
    wanted = with_gradients(lambda *qkv: eager(*qkv, seen, scale), given)
    found = with_gradients(lambda *qkv: ours(*qkv, scaling=scale, sliding_window=window), given)
    by_mask = with_gradients(lambda *qkv: ours(*qkv, seen, scaling=scale), given)
    assert [tensor.dtype for tensor in found] == [tensor.dtype for tensor in wanted]
    assert max(errors(found, wanted)) <= 1e-5
    assert max(errors(by_mask, wanted)) <= 1e-5


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    monkeypatch.setattr(attention, "_SCORES_AT_ONCE", 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("past", [0, 1, 11])
@pytest.mark.parametrize("tokens", [1, 2, 7, 33])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_equals_eager(groups: int, tokens: int, past: int, dtype: torch.dtype) -> None:
    check(inputs(groups=groups, tokens=tokens, past=past, dtype=dtype))


@pytest.mark.parametrize("past", [0, 5, 32, 50])
@pytest.mark.parametrize("tokens", [31, 32, 33, 64, MANY_BLOCKS])
def test_many_blocks_equal_eager(tokens: int, past: int, small_blocks) -> None:
    check(inputs(tokens=tokens, past=past))


def test_blocks_are_as_small_as_asked_for(small_blocks) -> None:
    sight = attention.Sight(1.0, None, 0, 8, MANY_BLOCKS, MANY_BLOCKS + 5)
    assert list(sight.blocks(None)) == [(0, 32, 37), (32, 64, 69), (64, 80, 85)]
    assert list(sight.blocks(torch.ones(1))) == [(0, 32, 85), (32, 64, 85), (64, 80, 85)]


@pytest.mark.parametrize("window", [1, 2, 6, 7, 12, 17, 18, 19, 99])
@pytest.mark.parametrize(("tokens", "past"), [(7, 0), (7, 11), (1, 17)])
def test_a_sliding_window_equals_eager(tokens: int, past: int, window: int) -> None:
    check(inputs(tokens=tokens, past=past), window)


@pytest.mark.parametrize("window", [1, 20, 40, 85])
def test_a_sliding_window_over_many_blocks_equals_eager(window: int, small_blocks) -> None:
    check(inputs(tokens=MANY_BLOCKS, past=5), window)


@pytest.mark.parametrize("scale", [0.2, 1.0, 0.7])
def test_another_scale_equals_eager(scale: float) -> None:
    check(inputs(past=3), scale=scale)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("of", "groups"), [(1, 1), (6, 2), (8, 8)])
def test_any_number_of_rows_and_heads_equals_eager(rows: int, of: int, groups: int) -> None:
    check(inputs(rows=rows, of=of, groups=groups, past=2))


@pytest.mark.parametrize("value_width", [3, 16])
def test_values_of_another_width_equal_eager(value_width: int, small_blocks) -> None:
    query, key, _ = inputs(tokens=40, past=2)
    check([query, key, heads(2, 2, 42, value_width, seed=5)])


def padded_on_the_left(tokens: int, positions: int, padding: list[int]) -> Tensor:
    """[B, 1, T, T'] as engine/after_prefix.py makes it."""
    keys = torch.arange(positions)
    return sees(tokens, positions) & (keys >= torch.tensor(padding)[:, None])[:, None, None]


@pytest.mark.parametrize("tokens", [1, 7, 40])
def test_padding_on_the_left_equals_eager(tokens: int, small_blocks) -> None:
    given = inputs(rows=3, tokens=tokens, past=9)
    seen = padded_on_the_left(tokens, tokens + 9, [0, 4, 9])
    wanted = with_gradients(lambda *qkv: eager(*qkv, seen), given)
    found = with_gradients(lambda *qkv: ours(*qkv, seen), given)
    assert max(errors(found, wanted)) <= 1e-5
    for gradient in found[2:]:
        assert [float(gradient[row, :, :blind].abs().sum()) for row, blind in enumerate([0, 4, 9])] == [0, 0, 0]


@pytest.mark.parametrize("window", [1, 6, 13])
def test_a_window_and_padding_on_the_left_equal_eager(window: int) -> None:
    given = inputs(rows=3, past=9)
    padded = padded_on_the_left(7, 16, [0, 4, 9])
    wanted = with_gradients(lambda *qkv: eager(*qkv, padded & sees(7, 16, window)), given)
    found = with_gradients(lambda *qkv: ours(*qkv, padded, sliding_window=window), given)
    assert max(errors(found, wanted)) <= 1e-5


def test_gathered_queries_equal_the_whole_at_their_places(small_blocks) -> None:
    query, key, value = inputs(rows=3, tokens=40, past=9)
    columns = torch.tensor([[39, 3], [0, 0], [17, 38]])  # in any order, and twice
    seen = padded_on_the_left(40, 49, [0, 4, 9])
    rows = torch.arange(3)[:, None]
    whole = with_gradients(lambda *qkv: eager(*qkv, seen)[rows, columns], [query, key, value])
    mask = seen[:, 0][rows, columns][:, None]

    def gathered(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return ours(query.transpose(1, 2)[rows, columns].transpose(1, 2), key, value, mask)

    assert max(errors(with_gradients(gathered, [query, key, value]), whole)) <= 1e-5


@pytest.mark.parametrize("wanted", [w for w in product([True, False], repeat=3) if any(w)])
def test_only_what_needs_a_gradient_gets_one(wanted: tuple[bool, ...], small_blocks) -> None:
    given = inputs(tokens=40, past=3)
    whole = with_gradients(ours, given)
    leaves = [tensor.clone().requires_grad_(is_wanted) for tensor, is_wanted in zip(given, wanted, strict=True)]
    found = ours(*leaves)
    found.backward(heads(*found.shape, seed=4))
    assert torch.equal(found, whole[0])
    for leaf, is_wanted, gradient in zip(leaves, wanted, whole[1:], strict=True):
        assert torch.equal(leaf.grad, gradient) if is_wanted else leaf.grad is None


def test_without_gradient_it_is_the_same() -> None:
    given = inputs()
    with torch.no_grad():
        found = ours(*(tensor.requires_grad_() for tensor in given))
    assert not found.requires_grad
    assert torch.equal(found, ours(*given))


@pytest.mark.parametrize(("rows", "of", "groups"), [(2, 4, 2), (1, 4, 2), (2, 4, 1), (1, 1, 1)])
def test_tensors_as_layers_give_them_equal_contiguous_ones(rows: int, of: int, groups: int, small_blocks) -> None:
    """[B, T, H, E] seen as [B, H, T, E], keys a part of something longer, and the upstream gradient not contiguous."""
    given = inputs(rows=rows, of=of, groups=groups, tokens=40)
    whole = with_gradients(lambda *qkv: ours(*qkv).transpose(1, 2), given)

    def as_layers_do(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        by_position = (query.transpose(1, 2).contiguous(), key.transpose(1, 2).contiguous())
        longer = torch.cat([value, value], dim=-1)[..., : value.shape[-1]]
        assert not longer.is_contiguous()
        return ours(*(tensor.transpose(1, 2) for tensor in by_position), longer).transpose(1, 2)

    assert max(errors(with_gradients(as_layers_do, given), whole)) <= 1e-6


def test_one_key_for_all_rows_equals_its_copies() -> None:
    query, key, value = inputs(rows=3)
    shared = [query, key[:1], value[:1]]
    copied = with_gradients(lambda q, k, v: ours(q, k.repeat(3, 1, 1, 1), v.repeat(3, 1, 1, 1)), shared)
    expanded = with_gradients(lambda q, k, v: ours(q, k.expand(3, -1, -1, -1), v.expand(3, -1, -1, -1)), shared)
    assert max(errors(expanded, copied)) <= 1e-6


@pytest.mark.parametrize("past", [0, 60])
def test_bfloat16_is_no_worse_than_the_fused_kernel(past: int) -> None:
    """Errors against float32 on the same numbers: at most those of torch's own attention, and a thousandth."""
    given = inputs(of=8, tokens=96, past=past, width=32, dtype=torch.bfloat16)
    seen = sees(96, 96 + past)
    exact = with_gradients(lambda *qkv: eager(*qkv, seen), [tensor.float() for tensor in given])
    naive = errors(with_gradients(lambda *qkv: fused(*qkv, seen), given), exact)
    found = with_gradients(ours, given)
    assert {tensor.dtype for tensor in found} == {torch.bfloat16}
    for our_error, naive_error in zip(errors(found, exact), naive, strict=True):
        assert our_error <= naive_error + 1e-3


@pytest.mark.parametrize("window", [None, 2])
def test_gradient_equals_finite_differences(window: int | None) -> None:
    """In wide steps: scores are float32 even for float64 inputs."""
    given = [tensor.requires_grad_() for tensor in inputs(tokens=3, past=2, width=2, dtype=torch.float64)]
    assert torch.autograd.gradcheck(lambda *qkv: ours(*qkv, sliding_window=window), given, eps=1e-3, atol=1e-3)


@pytest.mark.parametrize("term", ["softcap", "s_aux", "position_bias"])
def test_an_unknown_term_is_refused(term: str) -> None:
    with pytest.raises(CannotAttend) as told:
        ours(*inputs(), **{term: torch.ones(4)})
    assert str(told.value) == f"attention with {term}"
    ours(*inputs(), **{term: None})


@pytest.mark.parametrize("tokens", [7, MANY_BLOCKS])
def test_frozen_keys_leave_the_other_gradients_as_they_are(tokens: int, small_blocks) -> None:
    past = 5
    torch.manual_seed(0)
    query = torch.randn(2, 4, tokens, 8, requires_grad=True)
    before = [torch.randn(2, 2, past, 8) for _ in range(2)]
    own = [torch.randn(2, 2, tokens, 8, requires_grad=True) for _ in range(2)]
    found = {}
    for is_marked in (False, True):
        joined = [torch.cat(pair, dim=2) for pair in zip(before, own, strict=True)]
        if is_marked:
            for states in joined:
                attention.mark_frozen(states, past)
        output, _ = attention.grouped_attention(torch.nn.Module(), query, *joined, None)
        found[is_marked] = (output, *torch.autograd.grad(output.square().sum(), [query, *own]))
    for plainly, marked in zip(found[False], found[True], strict=True):
        torch.testing.assert_close(marked, plainly)
