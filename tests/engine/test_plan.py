"""Which path is taken, and what is said when the fast one cannot be."""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.engine import plan, prefix_cache, shared_prefix
from embedgrad.engine.forecast import step_flops
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import choose
from embedgrad.engine.row_path import MeanRow
from embedgrad.prompt.rows import lay_out_rows

PROMPT = "Determine the main emotion. Answer with one word."
ROWS = [eg.Example("I can't believe it worked!", "happy"), eg.Example("so sad", "sad"), eg.Example("the dog", "calm")]
CACHED = "cached input: what stands before the prompt goes through the model once"
SHARED = "shared prefix: the prompt goes through the model once a step"


def chosen(model: eg.FrozenModel, place: str = "{prompt}\n\n{input}", rows=ROWS, text=False):
    """The engine, the prompt, its layouts and what was said."""
    template = eg.Template.text(place) if text else eg.Template.chat(place)
    prompt = eg.start(model, PROMPT, template)
    layouts = lay_out_rows(model, prompt, rows)
    said: list[str] = []
    return choose(model, prompt.embeddings, layouts, say=said.append), prompt, layouts, said


def check_against_plain(engine, prompt, layouts) -> None:
    found = engine.loss_and_gradient(prompt.embeddings, layouts)
    slow = loss_and_gradient(Plain(engine.model), prompt.embeddings, [layouts])
    assert found.loss == pytest.approx(slow.loss, rel=1e-5)
    assert (found.gradient - slow.gradient).norm() <= 1e-5 * slow.gradient.norm()
    assert engine.row_nats(prompt.embeddings, layouts).tolist() == pytest.approx(slow.row_nats.tolist(), rel=1e-5)


@pytest.mark.parametrize("family", tiny.SHARING)
def test_prompt_first_shares(family: str, tiny_model) -> None:
    engine, prompt, layouts, said = chosen(tiny_model(family))
    assert (engine.shares, engine.reason, said) == (True, SHARED, [])
    check_against_plain(engine, prompt, layouts)


@pytest.mark.parametrize("family", tiny.SHARING)
def test_prompt_after_the_input_caches_the_input(family: str, tiny_model) -> None:
    engine, prompt, layouts, said = chosen(tiny_model(family), "{input}\n\n{prompt}")
    assert (engine.path.name, engine.reason, said) == ("cached input", CACHED, [])
    check_against_plain(engine, prompt, layouts)


def test_a_target_right_after_the_prompt(tiny_model) -> None:
    """Equal inputs: the head is shared, but the first target token is predicted inside the prefix."""
    rows = [eg.Example("the dog", "calm"), eg.Example("the dog", "happy")]
    engine, prompt, layouts, said = chosen(tiny_model("llama", chat=False), "{input} {prompt}", rows, text=True)
    assert (engine.path.name, engine.reason, said) == ("cached input", CACHED, [])
    assert list(engine.path.inputs.kept) == []
    check_against_plain(engine, prompt, layouts)


def test_a_target_right_after_a_prompt_that_comes_first(tiny_model) -> None:
    rows = [eg.Example("", "calm"), eg.Example("", "happy")]
    engine, prompt, layouts, said = chosen(
        tiny_model("llama", chat=False, bos=False), "{prompt}{input}", rows, text=True
    )
    assert (engine.path.name, engine.reason) == ("plain", "plain path: the target follows the prompt at once")
    assert said == []
    check_against_plain(engine, prompt, layouts)


def test_later_rows_that_cannot_share_take_the_plain_path(tiny_model) -> None:
    engine, *_ = chosen(tiny_model("llama"))
    after = eg.start(engine.model, PROMPT, eg.Template.chat("{input}\n\n{prompt}\n"))
    check_against_plain(engine, after, lay_out_rows(engine.model, after, ROWS))


@pytest.mark.parametrize("family", tiny.WINDOWED)
def test_a_window_shorter_than_the_prefix(family: str, tiny_model) -> None:
    engine, prompt, layouts, said = chosen(tiny_model(family, **tiny.NARROW))
    assert (engine.path.name, said) == ("shared prefix", [])
    check_against_plain(engine, prompt, layouts)


@pytest.mark.parametrize("window", [12, 13, 14, 15, 16, 17, 18, 24, 40])
@pytest.mark.parametrize("family", tiny.WINDOWED)
def test_any_window_gives_the_plain_loss(family: str, window: int, tiny_model) -> None:
    engine, prompt, layouts, said = chosen(tiny_model(family, sliding_window=window))
    assert said == []
    check_against_plain(engine, prompt, layouts)


@pytest.mark.parametrize("family", tiny.STATES)
def test_a_state_takes_the_plain_path(family: str, tiny_model) -> None:
    engine, prompt, layouts, said = chosen(tiny_model(family))
    assert engine.reason == "plain path: a layer keeps a state instead of keys and values"
    assert said == []
    check_against_plain(engine, prompt, layouts)


def test_a_fast_path_that_is_wrong_is_told_once(tiny_model, monkeypatch) -> None:
    right = shared_prefix.prefill

    def wrong(*arguments: object) -> list:
        return [(keys * 1.1, values) for keys, values in right(*arguments)]

    packed = shared_prefix.predict_packed

    def wrong_packed(model, past, prompt, *given: object):
        return packed(model, past, 1.1 * prompt, *given)

    monkeypatch.setattr(shared_prefix, "prefill", wrong)
    monkeypatch.setattr(shared_prefix, "predict_packed", wrong_packed)
    engine, prompt, layouts, said = chosen(tiny_model("llama"))
    assert not engine.shares
    assert len(said) == 1
    assert said[0].startswith("plain path: the shared prefix does not fit this model (loss or gradient differ by ")
    assert said == [engine.reason]
    check_against_plain(engine, prompt, layouts)


@pytest.mark.parametrize("error", [RuntimeError, TypeError, ValueError, KeyError, IndexError, AttributeError])
def test_a_fast_path_that_fails_is_told_once(error: type[Exception], tiny_model, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise error("no cache\nof this kind")

    for name in ("prefill", "predict_packed"):
        monkeypatch.setattr(shared_prefix, name, fails)
    engine, prompt, layouts, said = chosen(tiny_model("llama"))
    words = "'no cache\\nof this kind'" if error is KeyError else "no cache"
    assert said == [f"plain path: the shared prefix does not fit this model ({error.__name__}: {words})"]
    check_against_plain(engine, prompt, layouts)


def test_out_of_memory_is_told(tiny_model, monkeypatch) -> None:
    model = tiny_model("llama")
    engine, prompt, layouts, _ = chosen(model)

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(model.lm, "forward", full)
    told = (
        "A forward pass of up to 8192 tokens does not fit the GPU's memory. Pass a smaller batch_tokens, for "
        "example 2048; results stay the same."
    )
    for attempt in (
        lambda: engine.loss_and_gradient(prompt.embeddings, layouts),
        lambda: engine.row_nats(prompt.embeddings, layouts),
        lambda: choose(model, prompt.embeddings, layouts),  # not taken for a model that cannot share
        lambda: eg.generate(model, prompt, ["the dog"]),
    ):
        with pytest.raises(eg.EmbedgradError) as error:
            attempt()
        assert str(error.value) == told


def test_layers_that_keep_different_shapes_take_the_plain_path(tiny_model, monkeypatch) -> None:
    right = prefix_cache.prefill

    def uneven(*arguments: object) -> list:
        first, *others = right(*arguments)
        return [(first[0], first[1][..., :4]), *others]

    monkeypatch.setattr(prefix_cache, "prefill", uneven)
    engine, prompt, layouts, said = chosen(tiny_model("llama"), "{input}\n\n{prompt}")
    assert engine.reason == "plain path: its layers keep keys and values of different shapes"
    assert said == []
    check_against_plain(engine, prompt, layouts)


def test_a_pass_of_few_tokens_through_few_weights_takes_the_plain_path(tiny_model, monkeypatch) -> None:
    """Its calls cost more than its arithmetic. A longer one goes the way that was chosen."""
    engine, prompt, layouts, _ = chosen(tiny_model("llama"))
    taken: list[int] = []
    packed = shared_prefix.predict_packed

    def counted(model, past, prompt, rows, *given: object):
        taken.append(len(rows))
        return packed(model, past, prompt, rows, *given)

    monkeypatch.setattr(shared_prefix, "predict_packed", counted)
    work = engine.model.body_parameters * sum(map(len, layouts))
    for smallest, rows in ((work + 1, []), (work, [len(layouts)])):
        taken.clear()
        monkeypatch.setattr(plan, "SMALL_PASS", smallest)
        engine.loss_and_gradient(prompt.embeddings, layouts)
        assert taken == rows


@pytest.mark.parametrize("family", ["mamba", "recurrent_gemma"])
def test_what_cannot_share_is_seen_on_two_rows_of_few_tokens(family, tiny_model, monkeypatch) -> None:
    """Which would themselves take the plain path, unlike all rows together."""
    monkeypatch.setattr(plan, "SMALL_PASS", 2e7)
    engine, prompt, layouts, _ = chosen(tiny_model(family))
    assert engine.used.path == "plain"
    engine.loss_and_gradient(prompt.embeddings, 200 * layouts)


class LastTokens(Plain):
    """A path of somebody's own: all but the forecast is the plain one's."""

    name = "last tokens"
    saves = "little"

    def step_tokens(self, row: MeanRow, rows: int) -> float:
        return rows * row.target


def test_a_path_that_is_listed_is_chosen_named_and_asked_what_it_costs(tiny_model, monkeypatch) -> None:
    monkeypatch.setattr(plan, "FASTER", (LastTokens,))
    model = tiny_model("llama")
    engine, prompt, layouts, said = chosen(model)
    assert (engine.used.path, engine.reason, said) == ("last tokens", "last tokens: little", [])
    check_against_plain(engine, prompt, layouts)
    targets = sum(len(layout.target) for layout in layouts) / len(layouts)
    weights = model.body_parameters + model.head_rows * model.width
    assert step_flops(engine, layouts, 5) == pytest.approx(4 * weights * 5 * targets)


def test_a_layer_that_shows_no_keys_cannot_share(tiny_model, monkeypatch) -> None:
    model = tiny_model("llama")
    monkeypatch.setattr(model.lm, "forward", lambda **options: None)
    with pytest.raises(prefix_cache.CannotShare, match=r"^a layer keeps no keys and values of its own$"):
        prefix_cache.prefill(model, torch.zeros(1, 3, model.width))
