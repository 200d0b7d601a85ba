"""Anchoring: Eq. 10, ranks, cosine and distance, each against a few lines over the whole table at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from studied import TEXT, moved

import embedgrad as eg
from embedgrad.analysis import vocabulary
from embedgrad.analysis.anchoring.measure import anchoring
from embedgrad.errors import PromptError


@pytest.fixture(scope="module", params=["qwen2", "gemma2"])
def model(request, tiny_model):
    return tiny_model(request.param)  # Gemma's embedding module scales


@pytest.fixture(scope="module")
def start(model):
    return eg.start(model, TEXT)


@pytest.fixture(scope="module")
def tuned(start):
    return moved(start, by=2.5)


@pytest.fixture(scope="module")
def table(model):
    return model.embed(torch.arange(model.vocabulary)).double()


def test_eq_10(model, start, tuned, table):
    found = anchoring(model, start, tuned).tokens
    for position, token in enumerate(start.initial_ids):
        for side, prompt in enumerate((start, tuned)):
            p = torch.softmax(table @ prompt.embeddings[position].double(), dim=0)[token]
            assert found[position].probability[side] == pytest.approx(p.item(), rel=1e-9)
    assert {token.position for token in found} == set(range(len(start)))


def test_ranks_cosine_distance_and_drift(model, start, tuned, table):
    ranks = set()
    for found, token in zip(anchoring(model, start, tuned).tokens, start.initial_ids, strict=True):
        v, v0 = tuned.embeddings[found.position].double(), start.embeddings[found.position].double()
        nearness = {
            "inner": table @ v,
            "cosine": torch.cosine_similarity(table, v[None]),
            "l2": -(table - v).norm(dim=1),
        }
        for name, values in nearness.items():
            rank = 1 + int((values > values[token]).sum())
            assert getattr(found, f"rank_{name}") == rank
            ranks.add(rank)
        assert found.cosine == pytest.approx(nearness["cosine"][token].item())
        assert found.l2 == pytest.approx(-nearness["l2"][token].item())
        assert found.drift == pytest.approx(((v - v0).norm() / v0.norm()).item())
        best = nearness["cosine"].topk(5)
        assert [near.cosine for near in found.nearest] == pytest.approx(best.values.tolist())
        assert found.nearest[0].token == vocabulary.token_text(model, int(best.indices[0]))
    assert len(ranks) > 1, "the noise changes some ranks"


def test_a_table_in_pieces_is_the_table(model, start, tuned, monkeypatch):
    whole = anchoring(model, start, tuned)
    monkeypatch.setattr(vocabulary, "_ROWS_AT_ONCE", 7)
    for one, other in zip(whole.tokens, anchoring(model, start, tuned).tokens, strict=True):
        assert one.nearest[0].token == other.nearest[0].token
        assert one.probability == pytest.approx(other.probability, rel=1e-12)
        assert (one.rank_inner, one.rank_cosine, one.rank_l2) == (other.rank_inner, other.rank_cosine, other.rank_l2)


def test_an_untuned_prompt_is_its_own_words(model, start):
    for token in anchoring(model, start, start).tokens:
        assert (token.rank_cosine, token.rank_l2, token.drift, token.l2) == (1, 1, 0.0, 0.0)
        assert token.cosine == pytest.approx(1.0)
        assert token.nearest[0].token == token.token
        assert token.probability[0] == pytest.approx(token.probability[1], rel=1e-9)


def test_equal_rows_of_the_table_do_not_push_a_token_back(tiny_folder):
    from embedgrad.model.load import load_model

    model = load_model(tiny_folder("qwen2"), "float32")
    start = eg.start(model, TEXT)
    weight = model.lm.get_input_embeddings().weight
    with torch.no_grad():
        weight[3] = weight[start.initial_ids[0]]  # a token nobody uses, with a lower id
    first = anchoring(model, start, start).tokens[0]
    assert (first.rank_inner, first.rank_cosine, first.rank_l2) == (
        1 + int((weight @ start.embeddings[0] > weight[3] @ start.embeddings[0] + 1e-6).sum()),
        1,
        1,
    )


def test_along_the_run(model, start, tuned):
    found = anchoring(model, start, tuned, [(0, start.embeddings), (40, tuned.embeddings)])
    first, last = found.along
    assert (first.step, first.drift, first.kept_cosine, first.kept_l2) == (0, 0.0, 1.0, 1.0)
    assert last.step == 40
    count = len(found.tokens)
    assert last.probability == pytest.approx(sum(t.probability[1] for t in found.tokens) / count)
    assert last.cosine == pytest.approx(sum(t.cosine for t in found.tokens) / count)
    assert last.kept_inner == sum(t.rank_inner == 1 for t in found.tokens) / count
    assert last.drift == pytest.approx(torch.tensor([t.drift for t in found.tokens]).median().item())


def test_means_along_the_run_leave_frozen_positions_out(model, start):
    frozen = replace(start, trainable=(False,) * (len(start) - 1) + (True,))
    tuned = moved(frozen, by=3.0, positions=(len(start) - 1,))
    (at,) = anchoring(model, frozen, tuned, [(1, tuned.embeddings)]).along
    (last,) = [token for token in anchoring(model, frozen, tuned).tokens if token.trainable]
    assert at.drift == pytest.approx(last.drift)
    assert at.cosine == pytest.approx(last.cosine)


def test_no_original_tokens(model):
    prompt = eg.start(model, TEXT, kind="random")
    with pytest.raises(PromptError) as error:
        anchoring(model, prompt, prompt)
    assert str(error.value) == "This prompt started from random rows: it has no original tokens to compare it with."


def test_another_prompts_start(model, start):
    with pytest.raises(PromptError) as error:
        anchoring(model, eg.start(model, "Good?"), start)
    assert str(error.value) == (
        f"The start has {len(eg.start(model, 'Good?'))} tokens of width 32, the tuned prompt {len(start)} of width 32. "
        "Give the prompt that this one was tuned from."
    )


def test_another_runs_trajectory(model, start):
    with pytest.raises(PromptError) as error:
        anchoring(model, start, start, [(20, torch.zeros(2, 32))])
    assert str(error.value) == (
        f"The prompt at step 20 is [2, 32], the start [{len(start)}, 32]: they are not of one run."
    )
