"""`token_losses` == cross-entropy of the whole matrix of logits; `FrozenModel.output_head` == the model's logits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import CohereConfig
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

import embedgrad as eg
import tiny
from embedgrad.engine import after_prefix, lm_head, losses, packed_rows
from embedgrad.engine.lm_head import token_losses
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import choose
from embedgrad.model.anatomy import last_hidden, output_head
from embedgrad.prompt.rows import lay_out_rows

V, D = 50, 12


def given(rows: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hidden states [N, D], the head's weight [V, D], targets [N], and the gradient of each loss [N]."""
    source = torch.Generator().manual_seed(rows)
    hidden, weight = torch.randn(rows, D, generator=source), torch.randn(V, D, generator=source)
    targets = torch.randint(V, (rows,), generator=source)
    return hidden.to(dtype), weight.to(dtype), targets, torch.randn(rows, generator=source)


def with_gradient(call, hidden: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    leaf = hidden.detach().clone().requires_grad_()
    nats = call(leaf)
    nats.backward(upstream)
    return nats.detach(), leaf.grad


def off(found: Tensor, wanted: Tensor) -> float:
    return float((found.float() - wanted).norm() / wanted.norm())


HEADS = {
    "plain": lambda logits: logits,
    "scaled": lambda logits: logits * 0.25,
    "capped": lambda logits: torch.tanh(logits / 3.0) * 3.0,
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("chunk", [0, 1, 3, 7, 8, 99])  # 0: not even one row's logits are allowed
@pytest.mark.parametrize("rows", [1, 7, 8])
def test_chunks_equal_the_whole(rows: int, chunk: int, kind: str, monkeypatch) -> None:
    monkeypatch.setattr(lm_head, "LOGITS_AT_ONCE", max(1, chunk * V))
    hidden, weight, targets, upstream = given(rows)
    seen: list[int] = []

    def whole_head(states: Tensor) -> Tensor:
        seen.append(len(states))
        return HEADS[kind](F.linear(states, weight))

    wanted = with_gradient(
        lambda h: F.cross_entropy(whole_head(h).float(), targets, reduction="none"), hidden, upstream
    )
    seen.clear()
    found = with_gradient(lambda h: token_losses(whole_head, h, targets, V), hidden, upstream)
    assert max(off(a, b) for a, b in zip(found, wanted, strict=True)) <= 1e-6
    assert sum(seen) == rows
    assert max(seen) <= max(1, chunk)


@pytest.mark.parametrize("chunk", [2, 99])
def test_without_gradient_it_is_the_same(chunk: int, monkeypatch) -> None:
    monkeypatch.setattr(lm_head, "LOGITS_AT_ONCE", chunk * V)
    hidden, weight, targets, _ = given(7)

    def whole_head(states: Tensor) -> Tensor:
        return F.linear(states, weight)

    nats = token_losses(whole_head, hidden, targets, V)
    assert not nats.requires_grad
    with torch.no_grad():
        assert torch.equal(token_losses(whole_head, hidden.requires_grad_(), targets, V), nats)


def test_a_head_with_a_trainable_weight_stays_frozen() -> None:
    hidden, weight, targets, upstream = given(5)
    weight.requires_grad_()
    with_gradient(lambda h: token_losses(lambda states: F.linear(states, weight), h, targets, V), hidden, upstream)
    assert weight.grad is None


@pytest.mark.parametrize("chunk", [1, 3, 99])
def test_bfloat16_is_no_worse_than_the_whole(chunk: int, monkeypatch) -> None:
    monkeypatch.setattr(lm_head, "LOGITS_AT_ONCE", chunk * V)
    hidden, weight, targets, upstream = given(64, torch.bfloat16)

    def nats(states: Tensor, table: Tensor) -> Tensor:
        return F.cross_entropy(F.linear(states, table).float(), targets, reduction="none")

    exact = with_gradient(lambda h: nats(h, weight.float()), hidden.float(), upstream)
    naive = with_gradient(lambda h: nats(h, weight), hidden, upstream)
    found = with_gradient(lambda h: token_losses(lambda s: F.linear(s, weight), h, targets, V), hidden, upstream)
    assert found[0].dtype == torch.float32
    assert found[1].dtype == torch.bfloat16
    for ours, theirs, right in zip(found, naive, exact, strict=True):
        assert off(ours, right) <= off(theirs, right) + 2e-3


NO_HEAD = ("llama4",)  # its `base_model` is the whole model


@pytest.mark.parametrize("family", [family for family in tiny.SHARING if family not in NO_HEAD])
def test_the_head_gives_the_models_logits(family: str, tiny_model) -> None:
    model = tiny_model(family)
    assert model.output_head is not None
    check_head(model.lm, model.output_head, model.embed(list(range(3, 60)))[None])


def check_head(lm, found, embeds: Tensor) -> None:
    with torch.no_grad():
        whole = lm(inputs_embeds=embeds).logits[0]
        parts = found(last_hidden(lm, inputs_embeds=embeds)[0])
    assert off(parts, whole) <= 1e-6


@pytest.mark.parametrize(
    ("family", "changed", "field"),
    [
        ("gemma2", {"final_logit_softcapping": 2.0}, "final_logit_softcapping"),
        ("gemma3", {"final_logit_softcapping": 2.0}, "final_logit_softcapping"),
        ("granite", {"logits_scaling": 8.0}, "logits_scaling"),
    ],
)
def test_a_cap_or_scale_is_part_of_the_head(family: str, changed: dict, field: str, tiny_model) -> None:
    model = tiny_model(family, **changed)
    embeds = model.embed(list(range(3, 60)))[None]
    assert model.output_head is not None
    check_head(model.lm, model.output_head, embeds)
    with torch.no_grad():
        whole = model.lm(inputs_embeds=embeds).logits[0]
        bare = model.lm.get_output_embeddings()(last_hidden(model.lm, inputs_embeds=embeds)[0])
    assert off(bare, whole) > 0.1  # so the field is really seen


def untrained(config):
    torch.manual_seed(0)
    lm = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, 0.2)
    return lm, lm.get_input_embeddings()(torch.tensor([[5, 6]])).detach()


def test_coheres_scale_is_part_of_the_head() -> None:
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    lm, embeds = untrained(CohereConfig(vocab_size=100, logit_scale=0.0625, **small))
    found = output_head(lm, embeds)
    assert found is not None
    check_head(lm, found, embeds)


@pytest.mark.parametrize(
    ("family", "changed"),
    [
        ("llama4", {}),
        ("llama", {"logit_scale": 0.5}),  # a field that Llama does not read
        ("llama", {"logit_scale": "inv_sqrt_d_model"}),  # MPT's may be a word
        ("falcon_h1", {"lm_head_multiplier": 0.5}),  # a scale under another name
    ],
)
def test_a_head_that_is_not_known_is_none(family: str, changed: dict) -> None:
    assert output_head(*untrained(tiny.config(family, 100, **changed))) is None


def test_a_model_that_names_no_head_has_none(tiny_model, monkeypatch) -> None:
    lm = tiny_model("llama").lm
    monkeypatch.setattr(lm, "get_output_embeddings", lambda: None)
    assert output_head(lm, torch.zeros(1, 2, 32)) is None


WORDS = ("happy", "so sad", "I can't believe it worked!", "the dog")
ROWS = [eg.Example(text, WORDS[-n]) for n, text in enumerate(WORDS)]


@pytest.mark.parametrize("place", ["{prompt}\n\n{input}", "{input}\n\n{prompt}\n"])
@pytest.mark.parametrize("family", tiny.SHARING)
def test_many_logits_are_taken_in_chunks(family: str, place: str, tiny_model, monkeypatch) -> None:
    model = tiny_model(family)
    prompt = eg.start(model, "Determine the main emotion.", eg.Template.chat(place))
    layouts = lay_out_rows(model, prompt, ROWS)
    engine = choose(model, prompt.embeddings, layouts)
    assert engine.path.name != "plain"
    rows: list[int] = []

    def counted(*arguments) -> Tensor:
        rows.append(len(arguments[1]))
        return token_losses(*arguments)

    monkeypatch.setattr(losses, "token_losses", counted)
    wanted = engine.loss_and_gradient(prompt.embeddings, layouts)
    assert rows == []  # few logits
    for module in (after_prefix, packed_rows):
        monkeypatch.setattr(module, "LOGITS_AT_ONCE", 1)
    monkeypatch.setattr(lm_head, "LOGITS_AT_ONCE", 3 * model.head_rows)
    for techniques in {engine.techniques, after_prefix.PLAIN_TECHNIQUES}:
        rows.clear()
        found = engine.through(type(engine.path), techniques).loss_and_gradient(prompt.embeddings, layouts)
        assert sum(rows) == (0 if family in NO_HEAD else found.tokens)
        assert found.loss == pytest.approx(wanted.loss, rel=1e-5)
        assert off(found.gradient, wanted.gradient) <= 1e-5
        assert found.row_nats.tolist() == pytest.approx(wanted.row_nats.tolist(), rel=1e-5)
    slow = loss_and_gradient(Plain(model), prompt.embeddings, [layouts])
    assert off(wanted.gradient, slow.gradient) <= 1e-5
