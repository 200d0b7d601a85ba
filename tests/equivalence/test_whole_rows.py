"""Generation that reads whole rows at every step == generation from the cache, and what is said of it."""

from __future__ import annotations

import inspect
from types import MethodType

import pytest
import transformers

import embedgrad as eg
import tiny
from embedgrad.engine import generate
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import choose
from embedgrad.engine.requests import Request, with_prefixes
from embedgrad.model.families import has_sliding_window
from embedgrad.model.hooks import CACHE_ARGUMENTS
from embedgrad.prompt.rows import lay_out_rows

PROMPT = "Determine the main emotion. Answer with one word."
INPUTS = ["no", "I can't believe it worked!", "the dog", "so sad", "Once upon a time there was a little dog. " * 3]
ROWS = [eg.Example("I can't believe it worked!", "happy"), eg.Example("so sad", "sad"), eg.Example("the dog", "calm")]


def answers(model: eg.FrozenModel, requests: list[Request], **options) -> list[tuple[tuple[int, ...], bool]]:
    found = dict(generate.generate_ids(model, requests, 8, **options))
    return [(found[number].ids, found[number].truncated) for number in range(len(requests))]


def cut_off(model: eg.FrozenModel) -> eg.FrozenModel:
    """The model as if its forward called the cache by a name that nobody here has heard of."""
    other = eg.FrozenModel(model.lm, model.tokenizer, model.identity, model.context_tokens)
    other.__dict__["forward_arguments"] = model.forward_arguments - {*CACHE_ARGUMENTS}
    return other


def told(model: eg.FrozenModel, problem: str) -> str:
    return (
        f"Each step of an answer reads its whole row again, which is slow: the cache of {model.identity.name} "
        f"({model.lm.config.model_type}) cannot be used with transformers {transformers.__version__} ({problem})."
    )


UNKNOWN = "its forward takes none that is known here"


@pytest.mark.parametrize("place", ["{prompt}\n\n{input}", "{input}\n\n{prompt}\n"])
@pytest.mark.parametrize(("family", "changed"), tiny.VARIANTS)
def test_whole_rows_are_answered_as_from_the_cache(family: str, changed: dict, place: str, tiny_model) -> None:
    model = tiny_model(family, **changed)
    assert model.cache_problem == ""
    whole = cut_off(model)
    assert whole.cache_problem == UNKNOWN
    prompt = eg.start(model, PROMPT, eg.Template.chat(place))
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    endless = answers(model, [Request(layout, prompt.embeddings) for layout in layouts])
    stops = frozenset(ids[row % 8] for row, (ids, _) in enumerate(endless))  # rows leave the batch one by one
    for ends in (frozenset(), stops):
        requests = [Request(layout, prompt.embeddings, ends) for layout in layouts]
        wanted = answers(model, requests)
        for padding in ("left", "right", "none"):
            if padding == "right" and has_sliding_window(model.lm.config):
                continue
            assert answers(whole, requests, padding=padding) == wanted
        assert answers(whole, requests, batch_tokens=130) == wanted
        assert answers(whole, with_prefixes(model, requests)) == wanted  # what is shared is read again, too


def test_an_unknown_argument_is_told_and_answered(tiny_model) -> None:
    model = tiny_model("llama")
    said: list[str] = []
    found = eg.generate(cut_off(model), PROMPT, INPUTS, max_new_tokens=6, say=said.append)
    wanted = eg.generate(model, PROMPT, INPUTS, max_new_tokens=6)
    assert [answer.tokens for answer in found] == [answer.tokens for answer in wanted]
    assert said == [told(model, UNKNOWN)]


def test_a_stream_is_told_and_answered(tiny_model) -> None:
    model = tiny_model("qwen2")
    said: list[str] = []
    pieces = "".join(eg.stream(cut_off(model), PROMPT, "the dog", max_new_tokens=6, say=said.append))
    assert pieces == eg.generate(model, PROMPT, ["the dog"], max_new_tokens=6)[0].text
    assert said == [told(model, UNKNOWN)]


def test_an_evaluation_is_told_once_and_scored(tiny_model) -> None:
    model = tiny_model("gpt2")
    said: list[str] = []
    found = eg.evaluate(cut_off(model), PROMPT, ROWS, say=said.append)
    wanted = eg.evaluate(model, PROMPT, ROWS)
    assert [p.output for p in found.predictions] == [p.output for p in wanted.predictions]
    assert said == [told(model, UNKNOWN)]


def test_a_tuning_is_told_once_and_tunes_the_same(tiny_model) -> None:
    model = tiny_model("llama")
    said: list[str] = []
    rows = [eg.Example(f"the dog number {number}", "calm") for number in range(8)]
    options = {"validation": ROWS, "min_steps": 2, "epochs": 1, "seed": 0}
    found = eg.tune(cut_off(model), PROMPT, rows, say=said.append, **options)
    wanted = eg.tune(model, PROMPT, rows, **options)
    assert (found.prompt.embeddings - wanted.prompt.embeddings).norm() <= 1e-4 * wanted.prompt.embeddings.norm()
    assert said.count(told(model, UNKNOWN)) == 1
    plain_path = (
        f"plain path: the model's forward takes no cache that is known here (transformers {transformers.__version__})"
    )
    assert [line.split(";")[0] for line in said if line.startswith("plain path")] == [plain_path]


def renamed(lm):
    """The argument has a new name, and an old one is swallowed, as 5.24 did to Mamba-like models."""
    forward, names = lm.forward, {*inspect.signature(lm.forward).parameters} & {*CACHE_ARGUMENTS}
    return lambda self, **kwargs: forward(**{name: value for name, value in kwargs.items() if name not in names})


def other_class(lm):
    """The model wants a class of its own."""
    forward, names = lm.forward, {*inspect.signature(lm.forward).parameters} & {*CACHE_ARGUMENTS}

    def strict(self, **kwargs):
        if any(kwargs.get(name) is not None for name in names):
            raise TypeError("expected PagedCache, got DynamicCache\nand more")
        return forward(**kwargs)

    return strict


def forgetful(lm):
    """The cache is taken, and loses its first token."""
    forward, names = lm.forward, {*inspect.signature(lm.forward).parameters} & {*CACHE_ARGUMENTS}

    def loses(self, **kwargs):
        out = forward(**kwargs)
        for name in names:
            for layer in getattr(kwargs.get(name), "layers", ()):
                if layer.keys is not None:
                    layer.keys[:, :, 0] = 0
                    layer.values[:, :, 0] = 0
        return out

    return loses


@pytest.mark.parametrize(
    ("stranger", "problem"),
    [
        (renamed, "logits behind it differ by "),
        (other_class, "TypeError: expected PagedCache, got DynamicCache)."),
        (forgetful, "logits behind it differ by "),
    ],
)
@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "gpt_neox"])
def test_a_cache_that_does_something_else(stranger, problem: str, family: str, tiny_model, monkeypatch) -> None:
    """Its answers are those of whole rows, and its loss and gradient those of the plain path."""
    model = tiny_model(family)
    wanted = eg.generate(model, PROMPT, INPUTS, max_new_tokens=6)
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, ROWS)
    slow = loss_and_gradient(Plain(model), prompt.embeddings, [layouts])
    other = eg.FrozenModel(model.lm, model.tokenizer, model.identity, model.context_tokens)
    other.__dict__["forward_arguments"] = model.forward_arguments
    monkeypatch.setattr(model.lm, "forward", MethodType(stranger(model.lm), model.lm))
    said: list[str] = []
    found = eg.generate(other, PROMPT, INPUTS, max_new_tokens=6, say=said.append)
    assert [answer.tokens for answer in found] == [answer.tokens for answer in wanted]
    (line,) = [line for line in said if line.startswith("Each step of an answer")]
    assert line.startswith(told(model, problem).removesuffix(").").removesuffix(")."))
    fast = choose(other, prompt.embeddings, layouts).loss_and_gradient(prompt.embeddings, layouts)
    assert fast.loss == pytest.approx(slow.loss, rel=1e-5)
    assert (fast.gradient - slow.gradient).norm() <= 1e-4 * slow.gradient.norm()


@pytest.mark.parametrize("family", ["llama", "gemma3", "mamba", "gpt2"])
def test_a_cache_that_cannot_be_made(family: str, tiny_model, monkeypatch) -> None:
    """A layer type without a class in transformers."""
    model = tiny_model(family)
    wanted = eg.generate(model, PROMPT, INPUTS, max_new_tokens=6)

    def unknown(config):
        raise KeyError("paged_attention")

    for place in ("model.hooks", "engine.prefix_cache", "engine.read_inputs"):
        monkeypatch.setattr(f"embedgrad.{place}.DynamicCache", unknown)
    other = eg.FrozenModel(model.lm, model.tokenizer, model.identity, model.context_tokens)
    said: list[str] = []
    found = eg.generate(other, PROMPT, INPUTS, max_new_tokens=6, say=said.append)
    assert [answer.tokens for answer in found] == [answer.tokens for answer in wanted]
    assert said == [told(model, "KeyError: 'paged_attention'")]
    prompt = eg.start(other, PROMPT)
    engine = choose(other, prompt.embeddings, lay_out_rows(other, prompt, ROWS))
    assert engine.reason == "plain path: a layer keeps a state instead of keys and values"


def test_half_precision_keeps_its_cache(tiny_model) -> None:
    """Rounding is no problem of the cache, a forgotten past is one."""
    for family in ("llama", "gemma3", "qwen2", "mamba"):
        assert tiny_model(family, dtype="bfloat16").cache_problem == ""
