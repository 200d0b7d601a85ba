"""Changes of a live model: they nest, they are undone bit for bit however they end, and no other thread computes with
them."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
import torch
from torch import Tensor

import embedgrad as eg
from embedgrad.engine.after_prefix import Techniques, checkpointed
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine
from embedgrad.engine.shared_prefix import SharedPrefix
from embedgrad.model import attention
from embedgrad.model.anatomy import decoder_layers
from embedgrad.model.surgery import changes, cuts
from embedgrad.model.surgery.changes import Change, NotNested, Surgery
from embedgrad.model.surgery.cuts import Attending, Forward, Wrapped
from embedgrad.prompt.rows import lay_out_rows

ROWS = [eg.Example("I can't believe it worked!", "happy"), eg.Example("so sad", "the dog"), eg.Example("no", "no")]
PATIENCE = 60.0  # seconds after which a thread counts as stuck


def state_of(model: eg.FrozenModel) -> dict[str, object]:
    """All that a change could leave behind: what each part has of its own, its mode, the whole config, logits."""
    found: dict[str, object] = {"config": model.lm.config.to_dict(), "names": model.surgery.names}
    found["attention"] = model.lm.config.get_text_config()._attn_implementation
    for name, part in model.lm.named_modules():
        found[f"{name}: own"] = {key: value for key, value in vars(part).items() if callable(value)}
        found[f"{name}: mode"] = part.training, [weight.requires_grad for weight in part.parameters()]
        found[f"{name}: hooks"] = len(part._forward_hooks), len(part._forward_pre_hooks)
    with torch.no_grad():
        found["logits"] = model.lm(inputs_embeds=model.embed([5, 9, 300, 7])[None]).logits.tolist()
    return found


def steering(model: eg.FrozenModel, layer: int, size: float = 1.0) -> Change:
    """A toy: a vector is added to what one layer gives."""
    vector = size * torch.randn(model.width, generator=torch.Generator().manual_seed(7)).to(model.dtype)

    def steered(forward: Forward) -> Forward:
        def run(*args: Any, **kwargs: Any) -> Any:
            found = forward(*args, **kwargs)
            return (found[0] + vector, *found[1:]) if isinstance(found, tuple) else found + vector

        return run

    return model.surgery.change(f"steering at layer {layer}", Wrapped(decoder_layers(model.lm)[layer], steered))


def rows_of(model: eg.FrozenModel) -> tuple[Tensor, list]:
    prompt = eg.start(model, "Determine the main emotion. Answer with one word.")
    return prompt.embeddings, lay_out_rows(model, prompt, ROWS)


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize("layer", [0, -1])
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3"])
def test_steering_under_a_trimmed_last_layer(family: str, layer: int, checkpoints: bool, tiny_model) -> None:
    """All that the engine does to a model, over a change that it knows nothing of: loss and gradient are those of the
    steered plain path, and afterwards the model is what it was."""
    model = tiny_model(family)
    prompt, layouts = rows_of(model)
    before = state_of(model)
    means = Techniques(own_attention=True, trims=True, checkpoints=checkpoints)
    unsteered = loss_and_gradient(Plain(model), prompt, [layouts])
    with steering(model, layer):
        slow = loss_and_gradient(Plain(model), prompt, [layouts])
        found = Engine(SharedPrefix(model, means)).loss_and_gradient(prompt, layouts)
        assert model.surgery.names == (f"steering at layer {layer}",)
    assert abs(slow.loss - unsteered.loss) > 1e-3
    assert found.loss == pytest.approx(slow.loss, rel=1e-5)
    assert (found.gradient - slow.gradient).norm() <= 1e-5 * slow.gradient.norm()
    assert state_of(model) == before
    assert torch.equal(loss_and_gradient(Plain(model), prompt, [layouts]).gradient, unsteered.gradient)


def test_changes_of_one_part_nest(tiny_model) -> None:
    """Both vectors are added; the one that was made first is the one that is left."""
    model = tiny_model("llama")
    states = [state_of(model)]
    with steering(model, 1):
        states.append(state_of(model))
        with steering(model, 1, -1.0):
            assert state_of(model)["logits"] != states[1]["logits"]
            assert torch.tensor(state_of(model)["logits"]) == pytest.approx(torch.tensor(states[0]["logits"]), abs=1e-5)
        assert state_of(model) == states[1]
    assert state_of(model) == states[0]
    assert states[0]["logits"] != states[1]["logits"]


def test_what_was_set_before_is_set_again(tiny_model) -> None:
    """A forward that another library has put there, and an attention that nobody has named."""
    part, config = torch.nn.Linear(2, 2), copy.deepcopy(tiny_model("llama").lm.config)
    theirs = part.forward = lambda x: x + 1
    config._attn_implementation = None
    made = Surgery()
    with made.change("both", Wrapped(part, lambda forward: lambda x: 2 * forward(x)), Attending(config, "eager")):
        assert part(torch.ones(1)) == 4
        assert config._attn_implementation == "eager"
    assert vars(part)["forward"] is theirs
    assert config._attn_implementation is None


@contextmanager
def all_changes(model: eg.FrozenModel) -> Iterator[None]:
    """What the engine sets, between two steerings."""
    means = Techniques(own_attention=True, trims=True, checkpoints=True)
    with steering(model, 0), attention.in_use(model), checkpointed(model, means), steering(model, -1):
        yield


def made_and_undone(model: eg.FrozenModel) -> None:
    with all_changes(model):
        assert len(model.surgery.names) == 4


def raising(error: BaseException) -> None:
    raise error


class TestItIsUndone:
    def test_after_an_exception_while_it_is_made(self, tiny_model) -> None:
        model = tiny_model("llama")
        before = state_of(model)

        def fails(forward: Forward) -> Forward:
            raise RuntimeError

        layers = decoder_layers(model.lm)
        wraps = [Wrapped(layer, lambda forward: lambda *_: 1 / 0) for layer in layers[:2]]
        with pytest.raises(RuntimeError), model.surgery.change("half", *wraps, Wrapped(layers[2], fails)):
            raise AssertionError("not reached")
        assert state_of(model) == before
        assert model.turns.depth == 0

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_after_an_exception_within(self, error: type[BaseException], tiny_model) -> None:
        model = tiny_model("llama")
        before = state_of(model)
        with pytest.raises(error), all_changes(model):
            raising(error("within"))
        assert state_of(model) == before

    def test_where_a_generator_is_closed(self, tiny_model) -> None:
        model = tiny_model("llama")
        before = state_of(model)

        def generator() -> Iterator[int]:
            with all_changes(model):
                yield len(model.surgery.names)

        changed = generator()
        assert next(changed) == 4
        changed.close()
        assert state_of(model) == before
        assert model.turns.depth == 0

    def test_at_whichever_line_an_interrupt_comes(self, tiny_model) -> None:
        """Every line of the room, in turn: making, within, undoing. Not the `try` with which `__enter__` and `__exit__`
        begin: Python looks for a signal at calls."""
        model = tiny_model("llama")
        before, line = state_of(model), 0
        while True:
            if not interrupted(lambda: made_and_undone(model), line):
                break
            assert model.surgery.names == (), line
            assert model.turns.depth == 0, line
            assert state_of(model) == before, line
            line += 1
        assert line > 100


def interrupted(call: Callable[[], object], line: int) -> bool:
    """Runs `call` with a KeyboardInterrupt at the line of that number within the room; False if it has fewer."""
    left = line

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in (changes.__file__, cuts.__file__):
            return None
        first = frame.f_code.co_firstlineno
        is_try = frame.f_code.co_name in ("__enter__", "__exit__") and frame.f_lineno <= first + 1
        if event == "line" and not is_try:
            if not left:
                raise KeyboardInterrupt
            left -= 1
        return trace

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


class TestOrder:
    """Nested only; and whatever the order was, nothing is left."""

    def test_the_first_ends_first(self, tiny_model) -> None:
        model = tiny_model("llama")
        before = state_of(model)
        first, second = steering(model, 0), steering(model, 1)
        first.__enter__()
        second.__enter__()
        with pytest.raises(NotNested) as raised:
            first.__exit__(None)
        assert str(raised.value) == "'steering at layer 0' ends before 'steering at layer 1', which was made over it."
        assert state_of(model) == before
        assert model.turns.depth == 0
        with pytest.raises(NotNested) as raised:
            second.__exit__(None)
        assert str(raised.value) == (
            "'steering at layer 1' was undone before its end, with a change that it was made over."
        )
        assert state_of(model) == before
        assert model.turns.depth == 0

    def test_another_exception_comes_first(self, tiny_model) -> None:
        model = tiny_model("llama")
        before = state_of(model)

        def broken_off() -> None:
            with steering(model, 0):
                steering(model, 1).__enter__()
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            broken_off()
        assert state_of(model) == before
        assert model.turns.depth == 0

    def test_turns_within_are_kept(self, tiny_model) -> None:
        model = tiny_model("llama")
        first = steering(model, 0)
        first.__enter__()
        with model.turns:
            first.__exit__(None)
            assert model.turns.depth == 1
        assert model.turns.depth == 0

    def test_an_end_in_another_thread(self, tiny_model) -> None:
        model = tiny_model("llama")
        before = state_of(model)
        change = steering(model, 0)
        with change, ThreadPoolExecutor(1) as pool, pytest.raises(NotNested) as raised:
            pool.submit(change.__exit__, None).result(PATIENCE)
        assert str(raised.value) == "'steering at layer 0' ends in a thread that did not make it."
        assert state_of(model) == before


class TestKept:
    """Changes without a `with`."""

    def test_until_it_is_undone(self, tiny_model) -> None:
        model = tiny_model("llama")
        before = state_of(model)
        model.surgery.keep("doubled", Wrapped(decoder_layers(model.lm)[0], lambda f: lambda *a, **k: 2 * f(*a, **k)))
        kept = state_of(model)
        assert model.turns.depth == 0
        with steering(model, 0):
            assert model.surgery.names == ("doubled", "steering at layer 0")
        assert state_of(model) == kept != before
        model.surgery.undo("doubled")
        assert state_of(model) == before

    def test_not_over_what_ends_sooner(self, tiny_model) -> None:
        model = tiny_model("llama")
        with steering(model, 0), pytest.raises(NotNested) as raised:
            model.surgery.keep("doubled")
        assert str(raised.value) == "'doubled' is to stay, and 'steering at layer 0', which would be under it, is not."
        assert model.surgery.names == ()

    def test_only_the_last_is_undone(self, tiny_model) -> None:
        model = tiny_model("llama")
        model.surgery.keep("doubled")
        with steering(model, 0), pytest.raises(NotNested) as raised:
            model.surgery.undo("doubled")
        assert str(raised.value) == (
            "'doubled' is not the last change that is kept; there are ['doubled', 'steering at layer 0']."
        )
        model.surgery.undo("doubled")
        with pytest.raises(NotNested, match="'doubled' is not the last change that is kept; there are \\[\\]\\."):
            model.surgery.undo("doubled")


def test_no_other_thread_computes_with_it(tiny_model) -> None:
    """Threads that steer, each by its own vector, beside threads that do not: all get what they get alone."""
    model = tiny_model("llama")
    prompt, layouts = rows_of(model)

    def loss(size: float) -> float:
        if not size:
            return loss_and_gradient(Plain(model), prompt, [layouts]).loss
        with steering(model, 1, size):
            return loss_and_gradient(Plain(model), prompt, [layouts]).loss

    sizes = (0.0, 1.0, 0.0, -2.0)
    alone = {size: loss(size) for size in sizes}
    gate = threading.Barrier(len(sizes))

    def one(size: float) -> list[float]:
        gate.wait(PATIENCE)
        return [loss(size) for _ in range(20)]

    with ThreadPoolExecutor(len(sizes)) as pool:
        assert list(pool.map(one, sizes)) == [[alone[size]] * 20 for size in sizes]
    assert len(set(alone.values())) == 3


def test_again_asks_for_no_turn(tiny_model) -> None:
    """As autograd's threads on a GPU, while the thread that has the turn waits for them."""
    model = tiny_model("llama")

    def backward() -> str | None:
        with attention.in_use_again(model, True):
            return model.lm.config._attn_implementation

    with model.turns, ThreadPoolExecutor(1) as pool:
        assert pool.submit(backward).result(PATIENCE) == attention.NAME
    assert model.surgery.names == ()


def test_a_copy_has_changes_of_its_own(tiny_model) -> None:
    model = tiny_model("llama")
    with steering(model, 0):
        for other in (copy.deepcopy(model.surgery), pickle.loads(pickle.dumps(model.surgery))):
            assert other.names == ()
