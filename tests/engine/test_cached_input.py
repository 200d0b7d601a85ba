"""What is computed once per run: inputs before the prompt, up to a budget, and the constant text before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

import embedgrad as eg
import tiny
from embedgrad.engine.after_prefix import PLAIN_TECHNIQUES, Techniques
from embedgrad.engine.cached_input import CachedInput, InputCache, bytes_per_token
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.shared_prefix import SharedPrefix
from embedgrad.model.load import load_model
from embedgrad.template.layout import Layout, Span

PROMPT_TOKENS = 4
PLENTY = 1 << 30
OWN = Techniques(own_attention=True, trims=True)


def row(head: int, after: int = 2, target: int = 3, seed: int = 0) -> Layout:
    """A row of random ids with so many tokens before the prompt, after it, and in its target."""
    length = head + PROMPT_TOKENS + after + target
    ids = torch.randint(5, 250, (length,), generator=torch.Generator().manual_seed(100 * length + seed)).tolist()
    ids[head : head + PROMPT_TOKENS] = [0] * PROMPT_TOKENS
    return Layout(tuple(ids), Span(head, head + PROMPT_TOKENS), Span(0, head), Span(length - target, length))


def prompt_of(model: eg.FrozenModel, seed: int = 1) -> Tensor:
    return 0.3 * torch.randn(PROMPT_TOKENS, model.width, generator=torch.Generator().manual_seed(seed))


def engine_of(
    model: eg.FrozenModel, budget: int = PLENTY, batch_tokens: int = 8192, techniques: Techniques = OWN
) -> Engine:
    return Engine(CachedInput(model, techniques, budget), "", batch_tokens)


@contextmanager
def forwards(model: eg.FrozenModel) -> Iterator[list[tuple[int, ...]]]:
    """Rows and tokens of each forward."""
    seen: list[tuple[int, ...]] = []

    def note(_, arguments, options) -> None:
        seen.append(tuple(options["inputs_embeds"].shape[:2]))

    hook = model.lm.base_model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


def check(engine: Engine, prompt: Tensor, layouts: list[Layout]) -> None:
    slow = loss_and_gradient(Plain(engine.model), prompt, [[layout] for layout in layouts])
    found = engine.loss_and_gradient(prompt, layouts)
    assert found.loss == pytest.approx(slow.loss, rel=1e-5)
    assert (found.gradient - slow.gradient).norm() <= 1e-5 * slow.gradient.norm()
    assert found.row_nats.tolist() == pytest.approx(slow.row_nats.tolist(), rel=1e-5)
    assert engine.row_nats(prompt, layouts).tolist() == pytest.approx(slow.row_nats.tolist(), rel=1e-5)
    check_bytes(engine.path.inputs)


def check_bytes(cache: InputCache) -> None:
    """What is counted is what is held, and none of it is a view that holds more."""
    assert cache.used_bytes == sum(states.nbytes for states in cache.kept.values())
    assert cache.used_bytes == sum(states.untyped_storage().nbytes() for states in cache.kept.values())
    assert cache.used_bytes <= cache.budget_bytes


LENGTHS = (3, 9, 17, 9, 30, 1)


def test_an_input_goes_through_the_model_once(tiny_model) -> None:
    model = tiny_model("llama")
    layouts = [row(n, seed=number) for number, n in enumerate(LENGTHS)]
    engine = engine_of(model)
    with forwards(model) as seen:
        for step in range(3):
            engine.loss_and_gradient(prompt_of(model, step), layouts)
            if step == 0:
                assert sum(rows for rows, _ in seen) == len(layouts) + len(layouts)
                seen.clear()
        engine.row_nats(prompt_of(model), layouts)
    assert seen == 3 * [(len(layouts), 9)]  # the prompt and what follows it, and nothing else
    assert set(engine.path.inputs.kept) == {layout.header_ids for layout in layouts}


def test_judging_reads_many_inputs_in_one_forward(tiny_model) -> None:
    model = tiny_model("llama")
    layouts = [row(n, seed=number) for number, n in enumerate(LENGTHS)]
    engine = engine_of(model)
    with forwards(model) as seen:
        engine.row_nats(prompt_of(model), layouts)
    assert seen == [(6, 32), (6, 9)]
    with forwards(model) as seen:
        engine_of(model, batch_tokens=60).row_nats(prompt_of(model), layouts)
    assert all(rows == 1 or rows * tokens <= 60 + rows * 15 for rows, tokens in seen)  # lengths are rounded up to 16


@pytest.mark.parametrize("techniques", [PLAIN_TECHNIQUES, OWN])
@pytest.mark.parametrize("tokens", [0, 1, 9, 10, 27, 40, 69, 10**6])
def test_any_budget_gives_the_same_numbers(tokens: int, techniques: Techniques, tiny_model) -> None:
    model = tiny_model("llama")
    prompt = prompt_of(model)
    layouts = [row(n, seed=number) for number, n in enumerate(LENGTHS)]
    budget = tokens * bytes_per_token(model, prompt)
    engine = engine_of(model, budget, techniques=techniques)
    for _ in range(2):
        check(engine, prompt, layouts)
    held = sum(map(len, engine.path.inputs.kept))
    assert engine.path.inputs.used_bytes == held * bytes_per_token(model, prompt)
    assert len(engine.path.inputs.kept) == len(LENGTHS) if tokens >= sum(LENGTHS) else held <= tokens


@pytest.mark.parametrize("techniques", [PLAIN_TECHNIQUES, OWN])
@pytest.mark.parametrize("head", [1, 16, 33])
def test_one_row_by_itself_gives_the_plain_numbers(head: int, techniques: Techniques, tiny_model) -> None:
    model = tiny_model("llama")
    prompt, batches = prompt_of(model), [[row(head)]]
    slow = loss_and_gradient(Plain(model), prompt, batches)
    path = CachedInput(model, techniques, PLENTY)
    for _ in range(2):
        found = loss_and_gradient(path, prompt, batches)
        assert found.loss == pytest.approx(slow.loss, rel=1e-5)
        assert (found.gradient - slow.gradient).norm() <= 1e-5 * slow.gradient.norm()
    check_bytes(path.inputs)


def test_one_byte_short_keeps_nothing(tiny_model) -> None:
    model = tiny_model("llama")
    size = 9 * bytes_per_token(model, prompt_of(model))
    for budget, kept in ((size - 1, 0), (size, 1)):
        engine = engine_of(model, budget)
        engine.row_nats(prompt_of(model), [row(9), row(10)])
        assert len(engine.path.inputs.kept) == kept


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3", "gpt2", "bloom"])
def test_bytes_per_token_are_the_true_ones(family: str, dtype: str, tiny_model) -> None:
    model = tiny_model(family, dtype)
    engine = engine_of(model, techniques=PLAIN_TECHNIQUES)
    engine.row_nats(prompt_of(model), [row(n) for n in (3, 9, 30)])
    check_bytes(engine.path.inputs)
    assert engine.path.inputs.used_bytes == (3 + 9 + 30) * bytes_per_token(model, prompt_of(model))


def test_equal_inputs_are_read_and_kept_once(tiny_model) -> None:
    model = tiny_model("llama")
    first = row(9)
    layouts = [first, first.with_target((7, 8)), first.with_target((9,)), row(9, seed=1)]
    assert len({layout.header_ids for layout in layouts}) == 2
    engine = engine_of(model)
    with forwards(model) as seen:
        engine.row_nats(prompt_of(model), layouts)
    assert [rows for rows, _ in seen] == [2, 4]
    assert len(engine.path.inputs.kept) == 2
    check(engine, prompt_of(model), layouts)


def test_another_input_of_the_same_length_is_read(tiny_model) -> None:
    model = tiny_model("llama")
    engine = engine_of(model)
    for number in range(3):
        check(engine, prompt_of(model), [row(3), row(9, seed=number)])
        assert len(engine.path.inputs.kept) == number + 2
    last = row(9)
    ids = (last.ids[0] + 1, *last.ids[1:])  # one token differs
    check(engine, prompt_of(model), [row(3), Layout(ids, last.prompt, last.input, last.target)])
    assert len(engine.path.inputs.kept) == 5


def test_an_input_that_begins_like_another_is_read(tiny_model) -> None:
    model = tiny_model("llama")
    long = row(20)
    short = Layout(long.ids[:9] + long.ids[20:], Span(9, 13), Span(0, 9), Span(15, 18))
    engine = engine_of(model)
    check(engine, prompt_of(model), [row(3), long])
    check(engine, prompt_of(model), [row(3), short])
    assert sorted(map(len, engine.path.inputs.kept)) == [3, 9, 20]


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt_neox", "bloom"])
def test_a_prompt_that_moves_leaves_the_inputs(family: str, tiny_model) -> None:
    model = tiny_model(family)
    layouts = [row(n) for n in (3, 9, 30)]
    engine = choose(model, prompt_of(model), layouts)
    assert engine.path.name == "cached input"
    check(engine, prompt_of(model), layouts)
    kept = dict(engine.path.inputs.kept)
    for seed in (2, 3):
        check(engine, prompt_of(model, seed), layouts)
    assert {head: id(states) for head, states in engine.path.inputs.kept.items()} == {h: id(s) for h, s in kept.items()}


@pytest.mark.parametrize("techniques", [PLAIN_TECHNIQUES, OWN])
@pytest.mark.parametrize("lengths", [(1, 120), (1, 1, 64, 15, 16, 17), (16, 16)])
def test_inputs_of_any_lengths_share_a_batch(lengths: tuple[int, ...], techniques: Techniques, tiny_model) -> None:
    model = tiny_model("llama")
    layouts = [row(n, after=1 + number, target=1 + 2 * number) for number, n in enumerate(lengths)]
    check(engine_of(model, techniques=techniques), prompt_of(model), layouts)
    check(engine_of(model, techniques=techniques), prompt_of(model), layouts[::-1])


def test_a_cache_filled_in_training_serves_judging_and_back(tiny_model) -> None:
    model = tiny_model("llama")
    layouts = [row(n, seed=number) for number, n in enumerate(LENGTHS)]
    prompt = prompt_of(model)
    one, other = engine_of(model), engine_of(model)
    trained, judged = one.loss_and_gradient(prompt, layouts), other.row_nats(prompt, layouts)
    with forwards(model) as seen:
        again, later = other.loss_and_gradient(prompt, layouts), one.row_nats(prompt, layouts)
    assert len(seen) == 2
    assert again.loss == pytest.approx(trained.loss, rel=1e-6)
    assert (again.gradient - trained.gradient).norm() <= 1e-5 * trained.gradient.norm()
    assert later.tolist() == pytest.approx(judged.tolist(), rel=1e-6)


def test_what_is_kept_needs_no_gradient(tiny_model) -> None:
    model = tiny_model("llama")
    engine = engine_of(model)
    engine.loss_and_gradient(prompt_of(model).requires_grad_(), [row(3), row(9)])
    assert not any(states.requires_grad for states in engine.path.inputs.kept.values())


def test_forgetting_drops_everything(tiny_model) -> None:
    model = tiny_model("llama")
    engine = engine_of(model)
    engine.row_nats(prompt_of(model), [row(3), row(9)])
    engine.path.inputs.forget()
    assert (engine.path.inputs.kept, engine.path.inputs.used_bytes) == ({}, 0)
    check(engine, prompt_of(model), [row(3), row(9)])


def test_inputs_are_kept_in_the_models_dtype(tiny_model) -> None:
    model = tiny_model("llama", "bfloat16")
    engine = engine_of(model)
    engine.row_nats(prompt_of(model), [row(3), row(9)])
    assert {states.dtype for states in engine.path.inputs.kept.values()} == {model.dtype}


@pytest.mark.parametrize("rows", [1, 2])
def test_rows_of_one_input_use_the_cache(rows: int, tiny_model) -> None:
    """As in every step of one row."""
    model = tiny_model("llama")
    layouts = [row(30).with_target(target) for target in ((7, 8), (9,))][:rows]
    engine = choose(model, prompt_of(model), [row(30), row(9)])
    assert engine.path.name == "cached input"
    engine.loss_and_gradient(prompt_of(model), layouts)
    with forwards(model) as seen:
        engine.loss_and_gradient(prompt_of(model), layouts)
        engine.row_nats(prompt_of(model), layouts)
    assert seen == 2 * [(rows, 16)]


def test_a_long_input_beside_a_long_answer_fits_learned_positions(tiny_model) -> None:
    """60 and 54 tokens of 64: each row fits, the longest input and the longest rest together do not."""
    model = tiny_model("gpt2", n_positions=64)
    check(
        engine_of(model, techniques=Techniques(own_attention=True)), prompt_of(model), [row(50, 2, 4), row(10, 4, 36)]
    )


@pytest.mark.parametrize("techniques", [PLAIN_TECHNIQUES, OWN])
def test_a_long_input_beside_a_long_answer_keeps_the_rotary_factors(techniques: Techniques, tmp_path) -> None:
    """`dynamic` ones change where a batch passes the context; no row does, and its padding must not."""
    rope = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
    folder = tiny.make_model_folder(tmp_path, "llama", rope_parameters=rope, max_position_embeddings=64)
    model = load_model(folder, "float32")
    check(engine_of(model, techniques=techniques), prompt_of(model), [row(50, 2, 4), row(10, 4, 36)])


@pytest.mark.parametrize("techniques", [PLAIN_TECHNIQUES, OWN])
def test_constant_text_before_the_prompt_goes_through_the_model_once(techniques: Techniques, tiny_model) -> None:
    model = tiny_model("llama")
    head = row(7).header_ids
    layouts = [
        Layout((*head, *row(0, after, 3).ids), Span(7, 11), Span(11, 11), row(7, after, 3).target) for after in (3, 9)
    ]
    engine = Engine(SharedPrefix(model, techniques))
    with forwards(model) as seen:
        for step in range(3):
            found = engine.loss_and_gradient(prompt_of(model, step), layouts)
        engine.row_nats(prompt_of(model), layouts)
    a_step = [(1, PROMPT_TOKENS), (len(layouts), 16)]
    assert seen == [(1, 7), *a_step, *a_step, *a_step, *a_step]
    slow = loss_and_gradient(Plain(model), prompt_of(model, 2), [layouts])
    assert (found.gradient - slow.gradient).norm() <= 1e-5 * slow.gradient.norm()
    assert list(engine.path.headers) == [head]


def test_another_constant_text_is_read_anew(tiny_model) -> None:
    model = tiny_model("llama")
    engine = Engine(SharedPrefix(model, OWN))
    for seed in (0, 1):
        layout = row(7, 5, 3, seed)
        slow = loss_and_gradient(Plain(model), prompt_of(model), [[layout]])
        for _ in range(2):
            assert engine.loss_and_gradient(prompt_of(model), [layout]).loss == pytest.approx(slow.loss, rel=1e-5)
    assert len(engine.path.headers) == 2
    assert not any(states.requires_grad for read in engine.path.headers.values() for pair in read for states in pair)
