"""However rows go through the model, loss and gradient are the plain path's; and nothing is left behind."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import Gemma3Config, PhimoeConfig
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

import embedgrad as eg
import tiny
from embedgrad.engine.after_prefix import Techniques, usable_techniques
from embedgrad.engine.last_layer import TargetPositions
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine, choose
from embedgrad.model import attention
from embedgrad.model.anatomy import decoder_layers
from embedgrad.model.attention import CannotAttend, grouped_attention
from embedgrad.model.load import load_model
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.template.layout import Layout, Span
from paths import PATHS

WORDS = ("happy", "so sad", "I can't believe it worked!", "the dog", "Once upon a time there was a little dog", "no")
ROWS = [eg.Example(text, WORDS[-n]) for n, text in enumerate(WORDS)]
PLACES = {"shared prefix": "{prompt}\n\n{input}", "cached input": "{input}\n\n{prompt}\n"}
ALL_MEANS = [Techniques(*choice) for choice in product([True, False], repeat=3)]
ALL_MEANS += [
    Techniques(True, trims, checkpoints, packs, True)
    for trims, checkpoints, packs in product([True, False], [True, False], [True, False])
]
NO_CAP = ("gemma2",)  # own attention has no soft cap


def in_words(techniques: Techniques) -> str:
    chosen = (
        ("own attention", techniques.own_attention),
        ("trims", techniques.trims),
        ("checkpoints", techniques.checkpoints),
        ("packs", techniques.packs),
        ("fuses", techniques.fuses),
    )
    return ", ".join(name for name, is_on in chosen if is_on) or "none"


def rows_of(model: eg.FrozenModel, path: str, rows=ROWS) -> tuple[Tensor, list[Layout]]:
    """A prompt away from its text, and its rows."""
    prompt = eg.start(model, "Determine the main emotion. Answer with one word.", eg.Template.chat(PLACES[path]))
    noise = torch.randn(prompt.embeddings.shape, generator=torch.Generator().manual_seed(3))
    layouts = lay_out_rows(model, prompt, rows)
    return prompt.embeddings + 0.1 * noise, layouts


def tried(model: eg.FrozenModel) -> list[Techniques]:
    """All that the plan may use for this model."""
    return [
        replace(techniques, checkpoints=again) for techniques in usable_techniques(model) for again in (False, True)
    ]


def check_undone(model: eg.FrozenModel) -> None:
    assert model.lm.config.get_text_config()._attn_implementation not in (attention.NAME, attention.MASKED)
    assert [layer for layer in decoder_layers(model.lm) if "forward" in layer.__dict__] == []


def check(found, slow) -> None:
    assert found.loss == pytest.approx(slow.loss, rel=1e-5)
    assert (found.gradient - slow.gradient).norm() <= 1e-5 * slow.gradient.norm()
    assert found.row_nats.tolist() == pytest.approx(slow.row_nats.tolist(), rel=1e-5)


@pytest.mark.parametrize("family", tiny.SHARING)
def test_own_attention_is_tried_where_the_model_lets_one_in(family: str, tiny_model) -> None:
    own = {techniques.own_attention for techniques in tried(tiny_model(family))}
    assert own == ({False} if family in ("bloom", "gpt_neo", "mpt") else {True, False})


@pytest.mark.parametrize("family", NO_CAP)
def test_own_attention_refuses_what_it_does_not_know(family: str, tiny_model) -> None:
    model = tiny_model(family)
    for path in PLACES:
        prompt, layouts = rows_of(model, path)
        for techniques in tried(model):
            if techniques.own_attention:
                with pytest.raises(CannotAttend):
                    Engine(PATHS[path](model, techniques)).loss_and_gradient(prompt, layouts)
                check_undone(model)


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("family", tiny.SHARING)
def test_all_means_give_the_plain_gradient(family: str, path: str, tiny_model) -> None:
    """Of rows with targets of different lengths, and of one row."""
    model = tiny_model(family)
    usable = [techniques for techniques in tried(model) if not (techniques.own_attention and family in NO_CAP)]
    for some, techniques in product((ROWS, ROWS[2:3]), usable):
        prompt, layouts = rows_of(model, path, some)
        slow = loss_and_gradient(Plain(model), prompt, [layouts])
        check(loss_and_gradient(PATHS[path](model, techniques), prompt, [layouts]), slow)
        nats = Engine(PATHS[path](model, techniques)).row_nats(prompt, layouts)
        assert nats.tolist() == pytest.approx(slow.row_nats.tolist(), rel=1e-5)
        check_undone(model)


@pytest.mark.parametrize("techniques", ALL_MEANS, ids=in_words)
@pytest.mark.parametrize("path", PLACES)
def test_several_micro_batches_give_the_same(path: str, techniques: Techniques, tiny_model) -> None:
    model = tiny_model("llama")
    prompt, layouts = rows_of(model, path)
    slow = loss_and_gradient(Plain(model), prompt, [layouts])
    for batch_tokens in (1, 80):
        check(Engine(PATHS[path](model, techniques), "", batch_tokens).loss_and_gradient(prompt, layouts), slow)


@pytest.mark.parametrize("family", tiny.SHARING)
def test_the_plain_path_with_checkpoints_gives_the_same(family: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt, layouts = rows_of(model, "shared prefix")
    slow = loss_and_gradient(Plain(model), prompt, [layouts])
    check(Engine(Plain(model, Techniques(checkpoints=True))).loss_and_gradient(prompt, layouts), slow)
    check_undone(model)


@pytest.mark.parametrize("techniques", ALL_MEANS, ids=in_words)
@pytest.mark.parametrize("path", PLACES)
def test_all_is_undone_after_an_exception(path: str, techniques: Techniques, tiny_model) -> None:
    model = tiny_model("llama")
    prompt, layouts = rows_of(model, path)
    engine = Engine(PATHS[path](model, techniques))
    wanted = engine.loss_and_gradient(prompt, layouts)

    def breaks(*_: object) -> None:
        raise KeyboardInterrupt

    parts = [model.lm.get_output_embeddings(), *(decoder_layers(model.lm)[n].mlp for n in (0, -1))]
    for part in parts:
        hook = part.register_forward_pre_hook(breaks)
        with pytest.raises(KeyboardInterrupt):
            engine.loss_and_gradient(prompt, layouts)
        hook.remove()
        check_undone(model)
    again = engine.loss_and_gradient(prompt, layouts)
    assert torch.equal(again.gradient, wanted.gradient)


def ready(model: eg.FrozenModel, path: str, techniques: Techniques, prompt: Tensor, layouts: list[Layout]) -> Engine:
    """An engine that has read what comes before the prompt."""
    engine = Engine(PATHS[path](model, techniques, 1 << 30))
    engine.row_nats(prompt, layouts)
    return engine


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("own_attention", [True, False])
@pytest.mark.parametrize("trims", [True, False])
@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt_neox", "mixtral"])
def test_own_attention_is_really_used(
    family: str, trims: bool, own_attention: bool, path: str, tiny_model, monkeypatch
) -> None:
    """In every layer of the rows; in the prompt's all but the last, of which only keys and values are needed."""
    model = tiny_model(family)
    prompt, layouts = rows_of(model, path)
    engine = ready(model, path, Techniques(own_attention, trims), prompt, layouts)
    queries: list[int] = []

    def counted(module, query: Tensor, *arguments, **options):
        queries.append(query.shape[2])
        return grouped_attention(module, query, *arguments, **options)

    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS._global_mapping, attention.NAME, counted)
    engine.loss_and_gradient(prompt, layouts)
    layers = len(decoder_layers(model.lm))
    in_the_prompt = layers - 1 if path == "shared prefix" else 0
    assert len(queries) == (in_the_prompt + layers if own_attention else 0)
    if own_attention and trims:
        assert queries[-1] == max(len(layout.target) for layout in layouts)
        assert queries[-1] < queries[-2]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("family", ["llama", "gemma2", "gemma3", "gpt_neox", "phi3", "granite"])
def test_a_trimmed_last_layer_sees_only_the_targets_places(family: str, path: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt, layouts = rows_of(model, path)
    shapes: dict[bool, list[tuple[int, ...]]] = {True: [], False: []}
    for trims, found in shapes.items():
        engine = ready(model, path, Techniques(trims=trims), prompt, layouts)
        hooks = [
            layer.mlp.register_forward_pre_hook(lambda _, given, found=found: found.append(tuple(given[0].shape)))
            for layer in decoder_layers(model.lm)
        ]
        engine.row_nats(prompt, layouts)
        for hook in hooks:
            hook.remove()
    *whole, last = shapes[False]
    most = max(len(layout.target) for layout in layouts)
    assert shapes[True] == [*whole, (len(layouts), most, model.width)]
    assert most < last[1] == whole[-1][1]


def kept_bytes(model: eg.FrozenModel, path: str, techniques: Techniques) -> int:
    """What autograd holds on to between forward and backward."""
    prompt, layouts = rows_of(model, path)
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        Engine(PATHS[path](model, techniques)).loss_and_gradient(prompt, layouts)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.lm.parameters()}
    return sum(size for place, size in sizes.items() if place not in weights)


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize(
    "techniques", [Techniques(), Techniques(True), Techniques(False, True), Techniques(True, True)], ids=in_words
)
def test_checkpoints_keep_fewer_bytes(techniques: Techniques, path: str, tiny_model) -> None:
    model = tiny_model("llama")
    whole = kept_bytes(model, path, techniques)
    assert kept_bytes(model, path, replace(techniques, checkpoints=True)) < 0.75 * whole


def test_checkpoints_run_each_layer_again_in_the_backward(tiny_model) -> None:
    model = tiny_model("llama")
    prompt, layouts = rows_of(model, "cached input")
    runs: list[int] = []
    for techniques in (Techniques(True, True, True), Techniques(True, True), Techniques(True, False, True)):
        engine = ready(model, "cached input", techniques, prompt, layouts)
        hooks = [layer.mlp.register_forward_pre_hook(lambda *_: runs.append(1)) for layer in decoder_layers(model.lm)]
        engine.loss_and_gradient(prompt, layouts)
        for hook in hooks:
            hook.remove()
        runs.append(0)
    counts = "".join(map(str, runs)).split("0")[:-1]
    assert [len(count) for count in counts] == [3 + 2, 3, 3 + 3]  # a trimmed last layer is not run again


def test_places_are_each_rows_own() -> None:
    wanted = torch.tensor([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=torch.bool)
    places = TargetPositions.of(wanted)
    assert places.is_real.tolist() == [[True, True], [True, False], [False, False]]
    assert [places.columns[row][places.is_real[row]].tolist() for row in range(3)] == [[1, 2], [3], []]
    states = torch.arange(12).view(3, 4)
    assert torch.equal(places.gather(states)[places.is_real], states[wanted])
    assert torch.equal(places.gather(states[:1])[places.is_real], states[:1].expand(3, -1)[wanted])


def made_up(head: int, prompt: int, middle: int, target: int) -> Layout:
    """A row of random ids with so many tokens of each part."""
    length = head + prompt + middle + target
    ids = torch.randint(5, 250, (length,), generator=torch.Generator().manual_seed(length)).tolist()
    ids[head : head + prompt] = [0] * prompt
    return Layout(tuple(ids), Span(head, head + prompt), Span(0, head), Span(length - target, length))


def prompt_of(model: eg.FrozenModel, tokens: int = 4) -> Tensor:
    return 0.3 * torch.randn(tokens, model.width, generator=torch.Generator().manual_seed(1))


def alone(model: eg.FrozenModel, prompt: Tensor, layouts: list[Layout]) -> list[float]:
    """Each row's nats, by itself."""
    return [float(loss_and_gradient(Plain(model), prompt, [[layout]]).row_nats) for layout in layouts]


def test_as_many_targets_as_columns_do_not_hide_that_a_model_cannot_trim(tiny_model) -> None:
    """GPT-2 views its last layer's [1, N, D] as [-1, T, D]: no error where N = T."""
    model = tiny_model("gpt2")
    prompt, met = prompt_of(model), [made_up(5, 4, 2, 8), made_up(8, 4, 2, 8)]  # 16 targets, 16 columns
    engine = choose(model, prompt, met)
    later = [*met, made_up(8, 4, 1, 3)]
    found = engine.loss_and_gradient(prompt, later)
    assert found.row_nats.tolist() == pytest.approx(alone(model, prompt, later), rel=1e-5)


SMALL = tiny.BODY | {"sliding_window": tiny.WINDOW}


def loaded(config, folder: Path, monkeypatch) -> eg.FrozenModel:
    """A family that tests/tiny.py does not know; `config` takes the size of the vocabulary."""
    monkeypatch.setattr(tiny, "config", lambda family, vocabulary, **changed: config(vocabulary))
    return load_model(tiny.make_model_folder(folder, "other"), "float32")


@pytest.mark.parametrize("path", PLACES)
def test_a_window_that_only_the_mask_knows(path: str, tmp_path, monkeypatch) -> None:
    """The rows of the check were shorter than the window, those that come later are not."""
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2}
    model = loaded(lambda size: PhimoeConfig(vocab_size=size, **SMALL, **experts), tmp_path, monkeypatch)
    prompt = prompt_of(model)
    heads = path == "cached input"
    met, later = ([made_up(n, 4, 2, 4) if heads else made_up(0, 4, n, 4) for n in some] for some in ((5, 8), (5, 60)))
    engine = choose(model, prompt, met)
    assert engine.path.name == path
    found = engine.loss_and_gradient(prompt, later)
    assert found.row_nats.tolist() == pytest.approx(alone(model, prompt, later), rel=1e-5)


def test_a_vision_tower_as_deep_as_the_text_model(tmp_path, monkeypatch) -> None:
    text = SMALL | {"head_dim": 8, "query_pre_attn_scalar": 8}
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
    tower |= {"image_size": 28, "patch_size": 14}

    def config(size: int) -> Gemma3Config:
        return Gemma3Config(text_config=text | {"vocab_size": size}, vision_config=tower, mm_tokens_per_image=4)

    model = loaded(config, tmp_path, monkeypatch)
    prompt, layouts = prompt_of(model), [made_up(5, 4, 2, 4), made_up(8, 4, 2, 4)]
    found = Engine(PATHS["cached input"](model, Techniques(trims=True))).loss_and_gradient(prompt, layouts)
    assert found.row_nats.tolist() == pytest.approx(alone(model, prompt, layouts), rel=1e-5)


LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "factor": 4.0,
    "short_factor": [1.0] * 4,
    "long_factor": [1.0, 2.0, 4.0, 8.0],
    "original_max_position_embeddings": 50,  # not a multiple of 16: padding must not cross it either
}


@pytest.fixture(scope="module")
def switching(tmp_path_factory) -> eg.FrozenModel:
    folder = tiny.make_model_folder(
        tmp_path_factory.mktemp("longrope"), "phi3", rope_parameters=LONG_ROPE, original_max_position_embeddings=50
    )
    return load_model(folder, "float32")


@pytest.mark.parametrize("met", ["short", "both"])
@pytest.mark.parametrize("path", PLACES)
def test_rows_on_both_sides_of_a_rotary_switch(path: str, met: str, switching) -> None:
    """Phi-3's `longrope`: one set of factors up to 50 tokens, another beyond, for the whole batch."""
    model, prompt = switching, prompt_of(switching)
    heads = path == "cached input"
    layouts = [made_up(n, 4, 2, 4) if heads else made_up(0, 4, n + 2, 4) for n in (5, 8, 39, 40, 41, 60)]
    assert [len(layout) for layout in layouts] == [15, 18, 49, 50, 51, 70]
    slow = alone(model, prompt, layouts)
    engine = choose(model, prompt, layouts[:2] if met == "short" else layouts)
    assert engine.row_nats(prompt, layouts).tolist() == pytest.approx(slow, rel=1e-5)
    found = engine.loss_and_gradient(prompt, layouts)
    assert found.row_nats.tolist() == pytest.approx(slow, rel=1e-5)


@pytest.mark.parametrize("path", PLACES)
def test_rows_that_do_not_reach_a_rotary_switch_share(path: str, switching) -> None:
    model, prompt = switching, prompt_of(switching)
    heads = path == "cached input"
    layouts = [made_up(n, 4, 2, 4) if heads else made_up(0, 4, n + 2, 4) for n in (5, 8, 20)]
    engine = choose(model, prompt, layouts)
    assert engine.path.name == path
    assert engine.row_nats(prompt, layouts).tolist() == pytest.approx(alone(model, prompt, layouts), rel=1e-5)
