"""Greedy generation: a batch == its rows alone == Hugging Face, whatever the padding, the sizes and the prompts."""

from __future__ import annotations

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.engine import plain
from embedgrad.engine.generate import generate_ids
from embedgrad.engine.plan import choose
from embedgrad.engine.requests import Request, with_prefixes
from embedgrad.model.families import has_sliding_window
from embedgrad.prompt.rows import lay_out_rows, stop_ids

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


def answers(model: eg.FrozenModel, prompt, layouts, tokens: int, stops, shares: bool = False, **options) -> list:
    """`prompt` may be a list with one for each of `layouts`."""
    prompts = [prompt] * len(layouts) if isinstance(prompt, eg.SoftPrompt) else prompt
    requests = [Request(row, one.embeddings, frozenset(stops)) for row, one in zip(layouts, prompts, strict=True)]
    found = dict(generate_ids(model, with_prefixes(model, requests) if shares else requests, tokens, **options))
    return [(found[number].ids, found[number].truncated) for number in range(len(layouts))]


def said(generations: list[eg.Generation]) -> list[tuple]:
    """All but the entropies, whose last digits depend on the batch."""
    return [(answer.text, answer.tokens, answer.truncated, answer.loops) for answer in generations]


def until(stops: frozenset[int], answer: tuple[tuple, bool]) -> tuple[tuple, bool]:
    """The endless `answer` as `stops` would have ended it."""
    ids, _ = answer
    place = next((place for place, token in enumerate(ids) if token in stops), None)
    return answer if place is None else (ids[:place], False)


def early_stops(answers: list[tuple[tuple, bool]]) -> frozenset[int]:
    """Tokens of these answers, so chosen that rows stop at different steps and leave the batch one after another."""

    def lengths(stops: frozenset[int]) -> int:
        return len({len(until(stops, answer)[0]) for answer in answers})

    picked: frozenset[int] = frozenset()
    for token in sorted({token for ids, _ in answers for token in ids}):
        picked = max(picked, picked | {token}, key=lengths)
    return picked


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("family", "changed"), tiny.VARIANTS)
def test_batched_equals_single_equals_hugging_face(family: str, changed: dict, place: str, tiny_model) -> None:
    model = tiny_model(family, **changed)
    prompt = eg.start(model, PROMPT, eg.Template.chat(place))
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    endless = [by_hugging_face(model, prompt, layout, 12, frozenset()) for layout in layouts]
    some = early_stops(endless)
    stopped = [by_hugging_face(model, prompt, layout, 12, some) for layout in layouts]
    assert stopped == [until(some, answer) for answer in endless]
    ends = stop_ids(model, prompt)
    first = [((), False) if ids[0] in ends else (ids[:1], True) for ids, _ in endless]
    for tokens, stops, wanted in ((1, ends, first), (12, frozenset(), endless), (12, some, stopped)):
        for padding in ("left", "right", "none"):
            if padding == "right" and has_sliding_window(model.lm.config):
                continue
            assert answers(model, prompt, layouts, tokens, stops, padding=padding) == wanted
        for batch_tokens in (1, 130, 300):  # 1: each row alone
            assert answers(model, prompt, layouts, tokens, stops, batch_tokens=batch_tokens) == wanted
        if choose(model, prompt.embeddings, layouts, with_gradient=False).shares:
            for batch_tokens in (1, 130, 8192):
                found = answers(model, prompt, layouts, tokens, stops, batch_tokens=batch_tokens, shares=True)
                assert found == wanted
    lengths = {len(ids) for ids, _ in stopped}
    assert len(lengths) > 1 or family in tiny.OTHERS  # rows really left the batch at different steps


PROMPTS = (PROMPT, "Sad or happy?", "Please decide whether the review is positive or negative. " * 2, "Why?")
PROMPT_OF = (0, 1, 2, 2, 1, 0, 3, 1, 2)  # of each row; the last of the four occurs once and is not shared


@pytest.mark.parametrize("places", [PLACES[:1], PLACES])
@pytest.mark.parametrize(("family", "changed"), tiny.VARIANTS)
def test_prompts_of_different_lengths_in_one_batch(family: str, changed: dict, places: tuple, tiny_model) -> None:
    """Prompts before the input, or every second one after it: each row == its solo run by Hugging Face."""
    model = tiny_model(family, **changed)
    templates = [eg.Template.chat(places[number % len(places)]) for number in range(4)]
    made = [eg.start(model, text, template) for text, template in zip(PROMPTS, templates, strict=True)]
    assert len({len(prompt) for prompt in made}) == 4
    prompts = [made[number] for number in PROMPT_OF]
    texts = [*INPUTS, *INPUTS[:3]]
    layouts = [
        lay_out_rows(model, prompt, [eg.Example(text)], with_target=False)[0]
        for prompt, text in zip(prompts, texts, strict=True)
    ]
    endless = [by_hugging_face(model, *row, 8, frozenset()) for row in zip(prompts, layouts, strict=True)]
    stops = early_stops(endless)
    wanted = [until(stops, answer) for answer in endless]
    for shares in (False, True):
        for batch_tokens in (300, 8192):
            found = answers(model, prompts, layouts, 8, stops, shares, batch_tokens=batch_tokens)
            assert found == wanted
        if not has_sliding_window(model.lm.config):
            assert answers(model, prompts, layouts, 8, stops, shares, padding="right") == wanted
    requests = [Request(row, prompt.embeddings) for row, prompt in zip(layouts, prompts, strict=True)]
    is_shared = [True, True, True, True, True, True, False, True, True]
    if len(places) == 2:  # rows 1 and 7 have the same input before their prompt, row 4 another one
        is_shared[4] = False
    if has_sliding_window(model.lm.config) or family in tiny.STATES:
        is_shared = [False] * len(layouts)
    assert [request.prefix is not None for request in with_prefixes(model, requests)] == is_shared


def test_long_prompts_and_long_inputs_do_not_meet(tiny_model) -> None:
    """A long prompt with a short input and a short one with a long input fit the context, padded to each other not."""
    model = tiny_model("gpt2")
    made = [eg.start(model, PROMPT, kind="random", tokens=count) for count in (300, 3)]
    texts = ["no", "yes", "the dog " * 80, "so sad " * 80]
    prompts = [made[0], made[0], made[1], made[1]]
    layouts = [
        lay_out_rows(model, prompt, [eg.Example(text)], with_target=False)[0]
        for prompt, text in zip(prompts, texts, strict=True)
    ]
    rest = max(len(layout) - layout.prompt.stop for layout in layouts)
    assert max(layout.prompt.stop for layout in layouts) + rest > model.context_tokens > max(map(len, layouts)) + 4
    wanted = [by_hugging_face(model, *row, 4, frozenset()) for row in zip(prompts, layouts, strict=True)]
    assert answers(model, prompts, layouts, 4, (), shares=True) == wanted


def test_right_padding_and_a_window(tiny_model) -> None:
    model = tiny_model("gemma2")
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, [eg.Example("no")], with_target=False)
    with pytest.raises(eg.EmbedgradError) as told:
        answers(model, prompt, layouts, 3, (), padding="right")
    name = model.identity.name
    assert str(told.value) == f"{name} has sliding windows, which right padding would use up; pad left."


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
    assert said(found) == said(alone)
    assert all(answer.text == model.tokenizer.decode(answer.tokens, skip_special_tokens=True) for answer in found)


def test_mixed_columns_and_history_in_one_batch(tiny_model) -> None:
    model = tiny_model("llama")
    template = eg.Template.messages([{"role": "system", "content": "{prompt}"}, {"role": "user", "content": "{input}"}])
    rows = [eg.Example("no"), eg.Example("and then?", history=(("user", "hi"), ("assistant", "Once upon a time")))]
    together = eg.generate(model, PROMPT, rows, template=template, max_new_tokens=6)
    alone = [eg.generate(model, PROMPT, [r], template=template, max_new_tokens=6)[0] for r in rows]
    assert said(together) == said(alone)
    without = eg.generate(model, PROMPT, [eg.Example("and then?")], template=template, max_new_tokens=6)
    assert together[1].tokens != without[0].tokens  # the earlier turns are seen


def test_the_prompt_is_really_shared(tiny_model, monkeypatch) -> None:
    """Each row's prompt is left out of what is embedded for it."""
    model = tiny_model("llama")
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    widths: list[tuple[int, int]] = []
    forward = model.lm.forward

    def watched(inputs_embeds, **options):
        widths.append(tuple(inputs_embeds.shape[:2]))
        return forward(inputs_embeds=inputs_embeds, **options)

    assert model.cache_problem == ""  # tried before the forward is watched
    monkeypatch.setattr(model.lm, "forward", watched)
    monkeypatch.setitem(model.__dict__, "forward_arguments", model.forward_arguments)  # read from the true one
    answers(model, prompt, layouts, 1, (), shares=True)
    *before, rows = widths
    head = layouts[0].prompt.stop
    assert {count for count, _ in before} == {1}
    assert sum(tokens for _, tokens in before) == head
    assert rows == (len(layouts), max(map(len, layouts)) - head)
