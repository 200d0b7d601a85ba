"""Reading a prompt back: an untuned one is its own text; a tuned one is scored as the text that it reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from studied import EXAMPLES, LABELS, TEXT, moved

import embedgrad as eg
from embedgrad.analysis.read_back.measure import READ_BACK, read_back
from embedgrad.analysis.vocabulary import token_text
from embedgrad.errors import PromptError
from embedgrad.evaluation.judging import Judging
from embedgrad.watch import Watch

JUDGING = Judging(LABELS, max_new_tokens=4)


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("qwen2")


@pytest.fixture(scope="module")
def start(model):
    return eg.start(model, TEXT)


@pytest.mark.parametrize("text", [TEXT, " Two words ", "It ends with a stop."])
def test_an_untuned_prompt_is_its_own_text(model, text):
    prompt = eg.start(model, text)
    told: list[str] = []
    found = read_back(model, prompt, prompt, EXAMPLES, JUDGING, Watch(note=told.append))
    assert found.text == prompt.text
    assert told == []
    assert found.hints == ()
    scores = [score.model_copy(update={"prompt": ""}) for score in (found.before, found.after, found.read_back)]
    assert scores[0] == scores[1] == scores[2]


def test_a_token_that_is_part_template(model):
    """`.\\n\\n` is one token here: its line feeds are the template's, and are not written twice."""
    prompt = eg.start(model, "Choose one.")
    assert model.tokenizer.decode([prompt.initial_ids[-1]]).endswith("\n\n")
    rows = prompt.embeddings.clone()
    rows[0] = model.embed(model.tokenizer.convert_tokens_to_ids(["B"]))[0].float()
    found = read_back(model, prompt, prompt.moved(rows), EXAMPLES[:4], JUDGING)
    assert found.text == "B" + prompt.text.removeprefix(token_text(model, prompt.initial_ids[0]))


def test_a_prompt_that_became_another_text_scores_like_it(model, start):
    other = eg.start(model, "Is it negative or positive?")
    tuned = replace(start, embeddings=other.embeddings, initial_ids=other.initial_ids, text=start.text)
    found = read_back(model, start, tuned, EXAMPLES, JUDGING)
    expected = eg.evaluate(model, found.text, EXAMPLES, LABELS, max_new_tokens=4).score
    assert found.read_back == expected.model_copy(update={"prompt": READ_BACK})


def test_hints_name_the_token_that_a_position_became(model, start):
    happy = model.tokenizer(" happy", add_special_tokens=False)["input_ids"][-1]
    rows = start.embeddings.clone()
    rows[2] = model.embed([happy])[0].float()
    rows[1] += 0.01 * rows[1].norm() * torch.nn.functional.normalize(torch.ones(32), dim=0)
    found = read_back(model, start, start.moved(rows), EXAMPLES[:4], JUDGING)
    first, second = found.hints
    assert (first.position, second.position) == (2, 1)
    assert first.nearest == first.towards[0] == model.tokenizer.decode([happy])
    table = torch.nn.functional.normalize(model.table.double(), dim=1)
    before, now = (torch.nn.functional.normalize(p[2].double(), dim=0) for p in (start.embeddings, rows))
    best = (table @ (now - before)).topk(5).indices.tolist()
    assert list(first.towards) == [token_text(model, token) for token in best]
    assert first.drift == pytest.approx(((rows[2] - start.embeddings[2]).norm() / start.embeddings[2].norm()).item())


def test_special_tokens_are_not_read(model, start):
    end = model.tokenizer.convert_tokens_to_ids("<|im_end|>")
    rows = start.embeddings.clone()
    rows[0] = model.embed([end])[0].float()
    found = read_back(model, start, start.moved(rows), EXAMPLES[:4], JUDGING)
    assert "<|" not in found.text


def test_a_text_that_is_tokenized_otherwise_is_told(model, start):
    ids = [model.tokenizer.convert_tokens_to_ids(letter) for letter in "positive"]
    split = replace(
        eg.start(model, "x" * 3), embeddings=model.embed(ids).float(), initial_ids=None, text=None, trainable=None
    )
    told: list[str] = []
    found = read_back(model, start, split, EXAMPLES[:4], JUDGING, Watch(note=told.append))
    assert found.text == "positive"
    length = len(eg.start(model, "positive"))
    assert told == [
        f"The text that was read back is tokenized otherwise than the nearest tokens ({length} tokens, not 8), so its "
        "score is the text's, not theirs."
    ]
    assert found.hints == ()


def test_blank_words(model, start):
    blank = model.tokenizer.convert_tokens_to_ids("Ġ")
    prompt = replace(start, embeddings=model.embed([blank] * 3).float(), initial_ids=None, text=None)
    with pytest.raises(PromptError) as error:
        read_back(model, start, prompt, EXAMPLES)
    assert str(error.value) == "The nearest tokens of this prompt are blank: there is no text to read back."


def test_rows_that_fit_behind_one_prompt_only_are_left_out_for_all(tiny_folder):
    from embedgrad.model.load import load_model

    model = replace(load_model(tiny_folder("qwen2"), "float32"), context_tokens=80)
    start = eg.start(model, TEXT)
    long = eg.Example("word " * 40, "positive")
    judging = replace(JUDGING, overlong="skip")
    found = read_back(model, start, moved(start), [*EXAMPLES[:4], long], judging)
    assert found.rows == 4
    assert {found.before.total, found.after.total, found.read_back.total} == {4}
