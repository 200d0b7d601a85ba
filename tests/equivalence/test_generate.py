"""Greedy generation: a batch == its rows alone == Hugging Face, whatever the padding and the batch size."""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.engine import generate, plain
from embedgrad.engine.generate import generate_ids
from embedgrad.engine.plan import choose
from embedgrad.layouts import lay_out_rows, stop_ids
from embedgrad.model.families import has_sliding_window

PROMPT = "Determine the main emotion. Answer with one word."
INPUTS = [
    "no",
    "I can't believe it worked!",
    "the dog",
    "so sad",
    "Once upon a time there was a little dog. " * 3,
    "yes",
]
PLACES = ("{prompt}\n\n{input}", "{input}\n\n{prompt}\n")


def by_hugging_face(model: eg.FrozenModel, prompt: eg.SoftPrompt, layout, tokens: int, stops) -> tuple[tuple, bool]:
    """Ids without the stop token, and whether the limit came first."""
    with torch.no_grad():
        embeds = plain.join(model, prompt.embeddings, torch.tensor([layout.ids]), [layout])
        ids = model.lm.generate(
            inputs_embeds=embeds,
            attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long),
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=sorted(stops) or None,
            pad_token_id=0,
        )[0].tolist()
    if ids and ids[-1] in stops:
        return tuple(ids[:-1]), False
    return tuple(ids), True


def answers(model: eg.FrozenModel, prompt: eg.SoftPrompt, layouts, tokens: int, stops, **options) -> list:
    found = dict(generate_ids(model, prompt.embeddings, layouts, tokens, frozenset(stops), **options))
    return [(found[number].ids, found[number].truncated) for number in range(len(layouts))]


def early_stops(answers: list[tuple[tuple, bool]]) -> frozenset[int]:
    """Tokens that these answers hold, so that rows stop at different steps and leave the batch one after another."""
    picked = {ids[step] for (ids, _), step in zip(answers, (0, 2, 5, 9), strict=False) if step < len(ids)}
    return frozenset(picked)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_batched_equals_single_equals_hugging_face(family: str, place: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = eg.start(model, PROMPT, eg.Template.chat(place))
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    endless = [by_hugging_face(model, prompt, layout, 12, frozenset()) for layout in layouts]
    for tokens, stops in ((1, stop_ids(model, prompt)), (12, frozenset()), (12, early_stops(endless))):
        wanted = [by_hugging_face(model, prompt, layout, tokens, stops) for layout in layouts]
        assert [answers(model, prompt, [layout], tokens, stops)[0] for layout in layouts] == wanted
        for padding in ("left", "right", "none"):
            if padding == "right" and has_sliding_window(model.lm.config):
                continue
            assert answers(model, prompt, layouts, tokens, stops, padding=padding) == wanted
        for batch_tokens in (1, 130, 300):
            assert answers(model, prompt, layouts, tokens, stops, batch_tokens=batch_tokens) == wanted
        if choose(model, prompt.embeddings, layouts, with_gradient=False).shares:
            for batch_tokens in (1, 130, 8192):
                found = answers(model, prompt, layouts, tokens, stops, batch_tokens=batch_tokens, shares=True)
                assert found == wanted
    lengths = {len(ids) for ids, _ in wanted}
    assert len(lengths) > 1 or family in tiny.OTHERS  # rows really left the batch at different steps


def test_right_padding_and_a_window(tiny_model) -> None:
    model = tiny_model("gemma2")
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, [eg.Example("no")], with_target=False)
    with pytest.raises(eg.EmbedgradError) as told:
        answers(model, prompt, layouts, 3, (), padding="right")
    name = model.identity.name
    assert str(told.value) == f"{name} has sliding windows, which right padding would use up; pad left."


def test_a_model_without_a_cache_is_refused(tiny_model, monkeypatch) -> None:
    """GPT-1 swallows a cache it does not know: every token but the first would be wrong."""
    model = tiny_model("gpt2")
    prompt = eg.start(model, PROMPT)
    monkeypatch.setitem(model.__dict__, "forward_arguments", model.forward_arguments - {"past_key_values"})
    with pytest.raises(eg.EmbedgradError) as told:
        eg.generate(model, prompt, ["no"])
    assert str(told.value) == (
        f"{model.identity.name} (gpt2) keeps no keys and values from token to token, which generating needs. Use "
        "another model, or score labels by likelihood."
    )


def test_truncated_is_told_per_row(tiny_model) -> None:
    model = tiny_model("llama")
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    endless = answers(model, prompt, layouts, 8, ())
    assert all(truncated and len(ids) == 8 for ids, truncated in endless)
    stop = endless[0][0][3]
    first = endless[0][0].index(stop)
    ids, truncated = answers(model, prompt, layouts, 8, [stop])[0]
    assert (ids, truncated) == (endless[0][0][:first], False)
    assert answers(model, prompt, layouts, first, [stop])[0] == (endless[0][0][:first], True)


def test_generate_keeps_the_order_and_decodes(tiny_model) -> None:
    model = tiny_model("qwen2")
    found = eg.generate(model, PROMPT, INPUTS, max_new_tokens=5)
    alone = [eg.generate(model, PROMPT, [text], max_new_tokens=5)[0] for text in INPUTS]
    assert found == alone
    assert all(answer.text == model.tokenizer.decode(answer.tokens, skip_special_tokens=True) for answer in found)


def test_mixed_columns_and_history_in_one_batch(tiny_model) -> None:
    model = tiny_model("llama")
    template = eg.Template.messages([{"role": "system", "content": "{prompt}"}, {"role": "user", "content": "{input}"}])
    rows = [eg.Example("no"), eg.Example("and then?", history=(("user", "hi"), ("assistant", "Once upon a time")))]
    together = eg.generate(model, PROMPT, rows, template=template, max_new_tokens=6)
    assert together == [eg.generate(model, PROMPT, [r], template=template, max_new_tokens=6)[0] for r in rows]
    without = eg.generate(model, PROMPT, [eg.Example("and then?")], template=template, max_new_tokens=6)
    assert together[1] != without[0]  # the earlier turns are seen


def test_the_prompt_is_really_shared(tiny_model, monkeypatch) -> None:
    model = tiny_model("llama")
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    plainly = answers(model, prompt, layouts, 4, ())
    monkeypatch.setattr(generate, "join", None)  # puts the prompt into every row
    assert answers(model, prompt, layouts, 4, (), shares=True) == plainly
