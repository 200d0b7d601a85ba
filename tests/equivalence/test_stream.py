"""What comes bit by bit == what comes at once; stop strings in a batch; what is recorded beside the tokens."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import embedgrad as eg
from embedgrad.engine import generate, plain, requests
from embedgrad.evaluation import answering
from embedgrad.evaluation.answer_text import decode
from embedgrad.prompt import place as placement
from embedgrad.prompt.rows import lay_out_rows

PROMPT = "Determine the main emotion. Answer with one word."
INPUTS = ["no", "I can't believe it worked!", "the dog", "so sad", "Once upon a time there was a little dog."]


def listened(stream) -> tuple[list[str], eg.Generation]:
    """All pieces, and the whole at the end."""
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value


def some_stops(model: eg.FrozenModel, answers: list[eg.Generation]) -> tuple[str, ...]:
    """Strings of these answers that lie across token borders, so that rows end at different steps."""
    found = []
    for start, answer in enumerate(answers):
        whole = decode(model, answer.tokens)[start + 2 : start + 5]
        found += [whole] if len(whole) == 3 and "\ufffd" not in whole else []
    return tuple(found[:3])


@pytest.mark.parametrize("family", ["qwen2", "llama", "gemma2", "mamba", "stories"])
def test_a_stream_is_the_answer_bit_by_bit(family: str, tiny_model, request) -> None:
    model = request.getfixturevalue("stories") if family == "stories" else tiny_model(family)
    endless = eg.generate(model, PROMPT, INPUTS, max_new_tokens=12)
    for stops in ((), some_stops(model, endless)):
        answers = eg.generate(model, PROMPT, INPUTS, max_new_tokens=12, stop=stops)
        for text, answer in zip(INPUTS, answers, strict=True):
            pieces, whole = listened(eg.stream(model, PROMPT, text, max_new_tokens=12, stop=stops))
            assert all(pieces)
            assert "".join(pieces) == whole.text == answer.text
            assert (whole.tokens, whole.truncated, whole.loops) == (answer.tokens, answer.truncated, answer.loops)
            assert whole.entropies_bits == pytest.approx(answer.entropies_bits, abs=1e-4)


@pytest.mark.parametrize("family", ["qwen2", "llama", "gpt2", "stories"])
def test_stop_strings_end_each_row_by_itself(family: str, tiny_model, request) -> None:
    model = request.getfixturevalue("stories") if family == "stories" else tiny_model(family)
    endless = eg.generate(model, PROMPT, INPUTS, max_new_tokens=16)
    stops = some_stops(model, endless)
    found = eg.generate(model, PROMPT, INPUTS, max_new_tokens=16, stop=stops)
    ended = 0
    for answer, before in zip(found, endless, strict=True):
        texts = [decode(model, before.tokens[:count]) for count in range(len(before.tokens) + 1)]
        taken = next((count for count, text in enumerate(texts) if any(stop in text for stop in stops)), None)
        if taken is None:
            assert (answer.text, answer.tokens, answer.truncated) == (before.text, before.tokens, before.truncated)
            continue
        ended += 1
        places = [place for stop in stops if (place := texts[taken].find(stop)) >= 0]
        assert (answer.text, answer.tokens) == (texts[taken][: min(places)], before.tokens[:taken])
        assert not answer.truncated
        assert len(answer.entropies_bits) == taken
    assert ended > 1


def test_rows_leave_as_soon_as_a_stop_string_is_there(tiny_model, monkeypatch) -> None:
    model = tiny_model("qwen2")
    endless = eg.generate(model, PROMPT, INPUTS, max_new_tokens=12)
    stops = some_stops(model, endless)
    found = eg.generate(model, PROMPT, INPUTS, max_new_tokens=12, stop=stops)
    rows: list[int] = []
    advance = generate._Batch.advance
    monkeypatch.setattr(
        generate._Batch, "advance", lambda batch, tokens: (rows.append(len(tokens)), advance(batch, tokens))
    )
    eg.generate(model, PROMPT, INPUTS, max_new_tokens=12, stop=stops)
    steps = [len(answer.entropies_bits) for answer in found]
    assert rows == [sum(count > step for count in steps) for step in range(1, max(steps))]


def test_one_stop_string_needs_no_list(tiny_model) -> None:
    model = tiny_model("qwen2")
    (endless,) = eg.generate(model, PROMPT, ["so sad"], max_new_tokens=12)
    stop = some_stops(model, [endless])[0]
    (one,) = eg.generate(model, PROMPT, ["so sad"], max_new_tokens=12, stop=stop)
    assert one == eg.generate(model, PROMPT, ["so sad"], max_new_tokens=12, stop=[stop])[0] != endless


@pytest.mark.parametrize("family", ["qwen2", "gemma2", "bloom"])
def test_entropies_are_those_of_every_step(family: str, tiny_model) -> None:
    """By hand: the whole answer through the model at once. One more where a stop token ended the answer."""
    model = tiny_model(family)
    prompt = eg.start(model, PROMPT)
    layouts = lay_out_rows(model, prompt, [eg.Example(text) for text in INPUTS], with_target=False)
    endless = eg.generate(model, prompt, INPUTS, max_new_tokens=8)
    stop = endless[0].tokens[4]
    wanted = [requests.Request(row, prompt.embeddings, frozenset([stop])) for row in layouts]
    found = dict(generate.generate_ids(model, wanted, 8, with_entropies=True))
    assert not found[0].truncated
    for number, layout in enumerate(layouts):
        answer = found[number]
        row = layout.with_target(answer.ids)
        with torch.no_grad():
            embeds = plain.join(model, prompt.embeddings, torch.tensor([row.ids]), [row])
            logits = model.lm(inputs_embeds=embeds).logits[0, len(layout) - 1 :].double()
        bits = torch.distributions.Categorical(logits=logits).entropy() / math.log(2)
        steps = len(answer.ids) + (not answer.truncated)
        assert answer.entropies_bits == pytest.approx(bits[:steps].tolist(), abs=1e-4)
    assert dict(generate.generate_ids(model, wanted, 8))[0].entropies_bits == ()  # nobody pays who does not ask


def test_loops_are_told(tiny_model, monkeypatch) -> None:
    model = tiny_model("qwen2")
    ids = (7, 8) * 10
    monkeypatch.setattr(answering, "generate_ids", lambda *_, **__: [(0, generate.GeneratedIds(ids, True))])
    assert eg.generate(model, PROMPT, ["so sad"])[0].loops
    monkeypatch.setattr(answering, "generate_ids", lambda *_, **__: [(0, generate.GeneratedIds(ids[:9], True))])
    assert not eg.generate(model, PROMPT, ["so sad"])[0].loops


def test_a_prompt_that_occurs_often_is_read_once(tiny_model, tmp_path, monkeypatch) -> None:
    model = tiny_model("llama")
    path = tmp_path / "short.safetensors"
    eg.start(model, "Why?").save(path)
    made = eg.start(model, "Sad or happy?")
    prompts = [PROMPT, path, made, PROMPT, path, made]
    texts = [*INPUTS, "yes"]
    alone = [eg.generate(model, one, [text], max_new_tokens=6)[0] for one, text in zip(prompts, texts, strict=True)]
    started: list[object] = []
    prefilled: list[int] = []
    checked: list[object] = []
    watch = {"start": (placement, started), "choose": (requests, checked)}
    for name, (module, seen) in watch.items():
        plainly = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, seen=seen, plainly=plainly, **k: (seen.append(a[1]), plainly(*a, **k))[1]
        )
    prefill = requests.prefill
    monkeypatch.setattr(requests, "prefill", lambda *a: (prefilled.append(len(a[1])), prefill(*a))[1])
    found = eg.generate(model, prompts, texts, max_new_tokens=6)
    assert [(a.text, a.tokens, a.truncated) for a in found] == [(a.text, a.tokens, a.truncated) for a in alone]
    assert started == [PROMPT, path, made]
    assert prefilled == [len(eg.start(model, prompt)) for prompt in (PROMPT, path, made)]
    assert len(checked) == 1


def test_an_unfit_model_is_told_and_answers_plainly(tiny_model, monkeypatch) -> None:
    model = tiny_model("llama")
    wanted = [answer.tokens for answer in eg.generate(model, PROMPT, INPUTS, max_new_tokens=4)]

    def fails(*_: object) -> None:
        raise RuntimeError("no cache of this kind")

    monkeypatch.setattr("embedgrad.engine.shared_prefix.prefill", fails)
    told: list[str] = []
    found = eg.generate(model, PROMPT, INPUTS, max_new_tokens=4, say=told.append)
    assert [answer.tokens for answer in found] == wanted
    assert told == ["plain path: the shared prefix does not fit this model (RuntimeError: no cache of this kind)"]


def test_where_sharing_is_impossible_nothing_is_said(tiny_model) -> None:
    for family in ("gemma2", "mamba"):
        told: list[str] = []
        eg.generate(tiny_model(family), PROMPT, INPUTS[:2], max_new_tokens=2, say=told.append)
        assert told == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([PROMPT, PROMPT], INPUTS[:1]), "There are 2 prompts and 1 input. Give one prompt for all of them, or a list "
         "with one for each."),
        ((PROMPT, "no"), "generate takes a list of inputs; put the one text into brackets: [text]."),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit(arguments: tuple, message: str, tiny_model) -> None:
    with pytest.raises(eg.EmbedgradError) as told:
        eg.generate(tiny_model("llama"), *arguments)
    assert str(told.value) == message
    assert told.value.exit_code == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0; expected a whole number from 1 to 1000000000."),
        ({"stop": ("\n", "")}, "A stop string is empty, which would end every answer at once. Leave it out."),
    ],
)
def test_options_that_do_not_fit(options: dict, message: str, tiny_model) -> None:
    for call in (lambda: eg.generate(tiny_model("llama"), PROMPT, ["no"], **options),
                 lambda: eg.stream(tiny_model("llama"), PROMPT, "no", **options)):  # fmt: skip
        with pytest.raises(eg.EmbedgradError) as told:
            call()  # a stream says so before its first piece
        assert str(told.value) == message


def test_several_inputs_are_no_stream(tiny_model) -> None:
    with pytest.raises(eg.EmbedgradError) as told:
        eg.stream(tiny_model("llama"), PROMPT, ["no", "yes"])
    assert str(told.value) == "stream answers one input, a text or an Example; for several use generate."


def test_a_missing_file_among_the_prompts(tiny_model) -> None:
    with pytest.raises(eg.EmbedgradError) as told:
        eg.generate(tiny_model("llama"), [PROMPT, Path("nowhere.safetensors")], ["no", "yes"])
    with pytest.raises(eg.EmbedgradError) as wanted:
        eg.start(tiny_model("llama"), "nowhere.safetensors")
    assert str(told.value) == str(wanted.value)


def test_rows_too_long_under_one_of_the_prompts(tiny_model) -> None:
    model = tiny_model("llama")
    prompts, texts = [PROMPT, "Why?", "Why?"], ["no", "no", "no " * 600]
    with pytest.raises(eg.EmbedgradError) as told:
        eg.generate(model, prompts, texts, max_new_tokens=4)
    words = len(eg.start(model, "Why?"))
    assert str(told.value) == (
        f"1 of 2 rows does not fit the 512 tokens that {model.identity.name} takes, with the {words} tokens of the "
        'prompt and 4 tokens of answer: line 3. Shorten them, or pass overlong="skip" or '
        'overlong="truncate-input".'
    )
    found = eg.generate(model, prompts, texts, max_new_tokens=4, overlong="skip")
    assert [answer is None for answer in found] == [False, False, True]
    notes: list[str] = []
    eg.generate(model, prompts, texts, max_new_tokens=4, overlong="truncate-input", say=notes.append)
    assert len(notes) == 1
    assert notes[0].startswith("line 3: the last ")
