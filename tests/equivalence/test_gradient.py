"""Loss and gradient of both paths == plain autograd, one row at a time, written out here."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import embedgrad as eg
import tiny
from embedgrad.engine.losses import loss_and_gradient
from embedgrad.engine.plain import Plain
from embedgrad.engine.plan import Engine, choose
from embedgrad.engine.shared_prefix import SharedPrefix
from embedgrad.prompt.rows import lay_out_rows
from paths import PATHS

PROMPT = "Determine the main emotion. Answer with one word."
WORDS = ("happy", "so sad", "I can't believe it worked!", "the dog", "Once upon a time there was a little dog", "no")
ROWS = [eg.Example(text, WORDS[-n]) for n, text in enumerate(WORDS)]
PLACES = ("{prompt}\n\n{input}", "{input}\n\n{prompt}\n")


def drifted_prompt(model: eg.FrozenModel, place: str = PLACES[0]) -> eg.SoftPrompt:
    """Away from the text, so that nothing holds by luck."""
    prompt = eg.start(model, PROMPT, eg.Template.chat(place))
    noise = torch.randn(prompt.embeddings.shape, generator=torch.Generator().manual_seed(3))
    return prompt.moved(prompt.embeddings + 0.1 * noise, {}, {})


def by_hand(model: eg.FrozenModel, prompt: eg.SoftPrompt, layouts) -> tuple[float, torch.Tensor, list[float]]:
    """Mean nats over all target tokens, its gradient, and each row's sum."""
    leaf = prompt.embeddings.clone().requires_grad_()
    table = model.lm.get_input_embeddings()
    nats = []
    for layout in layouts:
        with torch.no_grad():
            before = table(torch.tensor(layout.ids[: layout.prompt.start], dtype=torch.long))
            after = table(torch.tensor(layout.ids[layout.prompt.stop :], dtype=torch.long))
        embeds = torch.cat([before, leaf.to(before.dtype), after])[None]
        logits = model.lm(inputs_embeds=embeds).logits[0, :-1].float()
        wanted = torch.tensor(layout.ids[1:])
        wanted[: layout.target.start - 1] = -100
        nats.append(F.cross_entropy(logits, wanted, ignore_index=-100, reduction="sum"))
    loss = torch.stack(nats).sum() / sum(len(layout.target) for layout in layouts)
    loss.backward()
    return loss.item(), leaf.grad, [nat.item() for nat in nats]


def close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return bool((found - wanted).norm() <= 1e-5 * wanted.norm())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_plain_equals_autograd(family: str, place: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = drifted_prompt(model, place)
    layouts = lay_out_rows(model, prompt, ROWS)
    loss, gradient, nats = by_hand(model, prompt, layouts)
    found = loss_and_gradient(Plain(model), prompt.embeddings, [layouts])
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert close(found.gradient, gradient)
    assert found.row_nats.tolist() == pytest.approx(nats, rel=1e-5)
    assert found.tokens == sum(len(layout.target) for layout in layouts)
    assert found.gradient.dtype == torch.float32


@pytest.mark.parametrize("family", tiny.SHARING)
def test_shared_prefix_equals_autograd(family: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = drifted_prompt(model)
    layouts = lay_out_rows(model, prompt, ROWS)
    if family in tiny.WINDOWED:
        assert layouts[0].prompt.stop < tiny.WINDOW < max(map(len, layouts))
    loss, gradient, nats = by_hand(model, prompt, layouts)
    for batches in ([layouts], [layouts[:1], layouts[1:4], layouts[4:]]):
        found = loss_and_gradient(SharedPrefix(model), prompt.embeddings, batches)
        assert found.loss == pytest.approx(loss, rel=1e-5)
        assert close(found.gradient, gradient)
        assert found.row_nats.tolist() == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("family", "changed"), tiny.VARIANTS)
def test_the_chosen_path_equals_autograd(family: str, changed: dict, place: str, tiny_model) -> None:
    """Whichever path it is, in one batch, in several, and row by row."""
    model = tiny_model(family, **changed)
    prompt = drifted_prompt(model, place)
    layouts = lay_out_rows(model, prompt, ROWS)
    loss, gradient, nats = by_hand(model, prompt, layouts)
    for batch_tokens in (1, 200, 8192):
        said: list[str] = []
        engine = choose(model, prompt.embeddings, layouts, batch_tokens, said.append)
        assert said == []
        found = engine.loss_and_gradient(prompt.embeddings, layouts)
        assert found.loss == pytest.approx(loss, rel=1e-5)
        assert close(found.gradient, gradient)
        assert found.row_nats.tolist() == pytest.approx(nats, rel=1e-5)
        assert engine.row_nats(prompt.embeddings, layouts).tolist() == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize("path", ["shared prefix", "cached input", "plain"])
@pytest.mark.parametrize("batch_tokens", [1, 100, 200, 8192])
def test_gradient_accumulation_equals_one_batch(path: str, batch_tokens: int, tiny_model) -> None:
    model = tiny_model("llama")
    prompt = drifted_prompt(model, PLACES[path == "cached input"])
    layouts = lay_out_rows(model, prompt, ROWS)
    loss, gradient, nats = by_hand(model, prompt, layouts)
    engine = Engine(PATHS[path](model), "", batch_tokens)
    found = engine.loss_and_gradient(prompt.embeddings, layouts)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert close(found.gradient, gradient)
    assert found.row_nats.tolist() == pytest.approx(nats, rel=1e-5)  # in the order of the rows, not of the batches
    assert engine.row_nats(prompt.embeddings, layouts).tolist() == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_bfloat16_is_no_worse_than_the_naive_way(family: str, place: str, tiny_model) -> None:
    """Of the plain path and of the one that is chosen: errors against float32, at most as large as those of plain
    autograd in bfloat16 and one percent."""
    exact, model = tiny_model(family), tiny_model(family, "bfloat16")
    prompt = drifted_prompt(exact, place)
    layouts = lay_out_rows(exact, prompt, ROWS)
    loss, gradient, _ = by_hand(exact, prompt, layouts)
    naive_loss, naive_gradient, _ = by_hand(model, prompt, layouts)
    tolerance = 0.01
    said: list[str] = []
    for engine in (Engine(Plain(model)), choose(model, prompt.embeddings, layouts, say=said.append)):
        found = engine.loss_and_gradient(prompt.embeddings, layouts)
        assert abs(found.loss - loss) <= abs(naive_loss - loss) + tolerance * loss
        assert (found.gradient - gradient).norm() <= (naive_gradient - gradient).norm() + tolerance * gradient.norm()
        assert found.gradient.dtype == torch.float32
    assert said == []


@pytest.mark.parametrize("old_way", [True, False])
def test_a_head_that_takes_no_mask_gives_the_same(old_way: bool, tiny_model, monkeypatch) -> None:
    """transformers before 5.21 and BioGPT take columns; some families take no `logits_to_keep` at all."""
    model = tiny_model("llama")
    prompt = drifted_prompt(model)
    layouts = lay_out_rows(model, prompt, ROWS)
    loss, gradient, _ = by_hand(model, prompt, layouts)
    if old_way:
        monkeypatch.setitem(model.__dict__, "takes_logit_mask", False)
    else:
        monkeypatch.setitem(model.__dict__, "forward_arguments", model.forward_arguments - {"logits_to_keep"})
    for path in (Plain, SharedPrefix):
        found = loss_and_gradient(path(model), prompt.embeddings, [layouts])
        assert found.loss == pytest.approx(loss, rel=1e-5)
        assert close(found.gradient, gradient)


def test_a_row_that_fills_the_context(tiny_model) -> None:
    """Lengths are rounded up, but never past the positions that GPT-2 has learned."""
    model = tiny_model("gpt2", n_positions=61)
    prompt = drifted_prompt(model)
    filler = next(n for n in range(80) if len(lay_out_rows(model, prompt, [row_of(n)])[0]) == 61)
    layouts = lay_out_rows(model, prompt, [row_of(filler), row_of(2)])
    loss, gradient, _ = by_hand(model, prompt, layouts)
    for path in (Plain, SharedPrefix):
        found = loss_and_gradient(path(model), prompt.embeddings, [layouts])
        assert found.loss == pytest.approx(loss, rel=1e-5)
        assert close(found.gradient, gradient)


def row_of(words: int) -> eg.Example:
    return eg.Example("7" * words, "sad")


def test_forward(tiny_model) -> None:
    model = tiny_model("qwen2")
    prompt = drifted_prompt(model)
    loss, gradient, nats = by_hand(model, prompt, lay_out_rows(model, prompt, ROWS))
    found = eg.forward(model, prompt, ROWS)
    assert (found.loss, found.row_nats.tolist()) == (pytest.approx(loss, rel=1e-5), pytest.approx(nats, rel=1e-5))
    assert close(found.gradient, gradient)
    other = eg.start(model, PROMPT)
    assert eg.forward(model, other, ROWS, embeddings=prompt.embeddings).loss == pytest.approx(loss, rel=1e-5)
    with pytest.raises(eg.EmbedgradError) as told:
        eg.forward(model, prompt, [eg.Example("no target")])
    assert str(told.value) == "forward needs at least one row, and a target in every row."


def test_one_step_along_the_gradient_lowers_the_loss(tiny_model) -> None:
    model = tiny_model("llama")
    prompt = drifted_prompt(model)
    layouts = lay_out_rows(model, prompt, ROWS)
    engine = choose(model, prompt.embeddings, layouts)
    first = engine.loss_and_gradient(prompt.embeddings, layouts)
    later = engine.loss_and_gradient(prompt.embeddings - 1e-3 * first.gradient, layouts)
    assert later.loss == pytest.approx(first.loss - 1e-3 * float(first.gradient.square().sum()), rel=1e-4)
