"""Reading by LAT, against a few lines over a plain Hugging Face forward; and a planted concept is found."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.analysis.reading import measure as reading_module
from embedgrad.analysis.reading.contrast import Concept, Pair, shipped_concepts
from embedgrad.analysis.reading.measure import Chance, direction, random_moves, read_concepts
from embedgrad.analysis.reading.states import row_states, text_rows
from embedgrad.errors import DataError
from embedgrad.evaluation.judging import Judging
from embedgrad.model.load import load_model
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.watch import Watch

STIMULI = (
    "It worked!",
    "a little dog",
    "The film was slow and far too long.",
    "no",
    "The end.",
    "I run",
    "yes",
    "calm",
)
FEELING = Concept("feeling", tuple(Pair(f"What does he feel?\n{s}", f"Who is he, then?\n{s}") for s in STIMULI))
ROWS = [eg.Example(text) for text in ("I loved it", "It was dull.", "We cried a lot and left early.", "great fun")]


def hidden_states(model, text: str) -> np.ndarray:
    """[L, D] at the last token of a text and a line break."""
    ids = [i for piece in (text, "\n") for i in model.tokenizer(piece)["input_ids"]]
    with torch.no_grad():
        states = model.lm(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
    return np.stack([layer[0, -1].double().numpy() for layer in states[1:]])


def test_equals_a_plain_forward_and_numpy(tiny_model) -> None:
    model = tiny_model("qwen2", chat=False)
    before, after = eg.start(model, "Question?"), eg.start(model, "What does he feel?")
    too_long = eg.Example("far too long " * 300)
    skip = Judging(overlong="skip")
    [reading] = read_concepts(model, before, after, [too_long, *ROWS], skip, concepts=[FEELING]).concepts
    positive = np.stack([hidden_states(model, pair.positive) for pair in FEELING.pairs])
    negative = np.stack([hidden_states(model, pair.negative) for pair in FEELING.pairs])
    rows = [np.stack([plain_row_states(model, prompt, example) for example in ROWS]) for prompt in (before, after)]
    order = Random("contrast:0").sample(range(8), 8)
    fitted, held_out = order[:4], order[4:]
    assert [layer.layer for layer in reading.layers] == [1, 2, 3]
    assert (reading.concept, reading.pairs, reading.rows) == ("feeling", 8, 4)
    for number, layer in enumerate(reading.layers):
        differences = positive[:, number] - negative[:, number]
        vector = differences[fitted].mean(axis=0) / np.linalg.norm(differences[fitted].mean(axis=0))
        along = np.concatenate([positive[:, number] @ vector, negative[:, number] @ vector])
        first, second = ((states[:, number] @ vector - along.mean()) / along.std() for states in rows)
        assert layer.held_out.correct == (differences[held_out] @ vector > 0).sum()
        assert layer.held_out.total == 4
        assert layer.before == pytest.approx(first.mean(), abs=1e-3)
        assert layer.after == pytest.approx(second.mean(), abs=1e-3)
        assert layer.difference == pytest.approx((second - first).mean(), abs=1e-3)
        assert (second - first).min() - 1e-3 <= layer.interval[0] <= layer.difference <= layer.interval[1]
        assert layer.interval[1] <= (second - first).max() + 1e-3
        assert layer.random is None  # the two prompts differ in length


def test_random_moves_equal_a_plain_forward_and_numpy(tiny_model, monkeypatch) -> None:
    """Each vector moved at random, as far as from the one prompt to the other, on three of the rows."""
    monkeypatch.setattr(reading_module, "MOVED_ROWS", 3)
    model = tiny_model("qwen2", chat=False)
    before = eg.start(model, "What does he feel?")
    after = before.moved(before.embeddings + torch.linspace(0, 0.5, len(before))[:, None])  # the first one is frozen
    heard = []
    watch, chance = Watch(progress=lambda *done: heard.append(done)), Chance(moves=5, seed=7)
    [reading] = read_concepts(model, before, after, ROWS, watch=watch, concepts=[FEELING], chance=chance).concepts
    assert heard[-1] == (2 * (4 + 8) + 5 * 3,) * 2
    texts = np.stack([hidden_states(model, text) for pair in FEELING.pairs for text in (pair.positive, pair.negative)])
    rows = [ROWS[number] for number in Random("moves:7").sample(range(4), 3)]
    noise = torch.randn(5, *before.embeddings.shape, generator=torch.Generator().manual_seed(7))
    noise *= ((after.embeddings - before.embeddings).norm(dim=-1) / noise.norm(dim=-1))[..., None]
    assert noise[:, 0].eq(0).all()
    moved = [before.moved(before.embeddings + move) for move in noise]
    start, *ends = (np.mean([plain_row_states(model, p, row) for row in rows], axis=0) for p in (before, *moved))
    fitted = Random("contrast:7").sample(range(8), 8)[:4]
    assert reading.moves == 5
    for number, layer in enumerate(reading.layers):
        vector = (texts[::2, number] - texts[1::2, number])[fitted].mean(axis=0)
        vector /= np.linalg.norm(vector)
        changes = [(end[number] - start[number]) @ vector / (texts[:, number] @ vector).std() for end in ends]
        assert layer.random == pytest.approx((min(changes), max(changes)), abs=1e-3)
        assert layer.random[1] - layer.random[0] > 0.01


def test_random_moves_are_as_long_as_the_tuned_one() -> None:
    before = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    after = before + torch.tensor([0.0, 0.5, -2.0])[:, None]
    moves = random_moves(before, after, 4)
    for moved in moves:
        torch.testing.assert_close((moved - before).norm(dim=1), (after - before).norm(dim=1))
        assert moved[0].equal(before[0])  # frozen
    assert len({moved[1, 0].item() for moved in moves}) == 4
    assert all(one.equal(two) for one, two in zip(moves, random_moves(before, after, 4), strict=True))
    assert not random_moves(before, after, 4, seed=1)[0].equal(moves[0])
    assert random_moves(before, after, 0) == []
    assert random_moves(before, before, 4) == []
    assert random_moves(before, after[:2], 4) == []


def plain_row_states(model, prompt, example) -> np.ndarray:
    """[L, D] of one row alone, with the prompt's vectors between the ids' vectors."""
    [row] = lay_out_rows(model, prompt, [example], with_target=False)
    table = model.lm.get_input_embeddings().weight
    ends = (table[list(row.ids[: row.prompt.start])], table[list(row.ids[row.prompt.stop :])])
    with torch.no_grad():
        embeds = torch.cat([ends[0], prompt.embeddings, ends[1]])[None]
        states = model.lm(inputs_embeds=embeds, output_hidden_states=True).hidden_states
    return np.stack([layer[0, -1].double().numpy() for layer in states[1:]])


@pytest.mark.parametrize(
    ("family", "changed"),
    [
        ("qwen2", {}),
        ("gpt2", {}),
        ("mistral", tiny.NARROW),
        ("gemma3", tiny.NARROW),
        ("phi3", {"long_rope": 40}),
        ("bloom", {}),
        ("mamba", {}),
    ],
)
def test_padding_changes_nothing(tiny_model, family: str, changed: dict[str, object]) -> None:
    model = tiny_model(family, **changed)
    prompt = eg.start(model, "Determine the main emotion of the message.")
    moved = prompt.embeddings + 0.1
    rows = [row for row in lay_out_rows(model, prompt, [*ROWS, eg.Example("long " * 30)], with_target=False) if row]
    heard: list[int] = []
    together = row_states(model, moved, rows, count=heard.append)
    alone = torch.cat([row_states(model, moved, [row]) for row in rows])
    assert sum(heard) == len(rows)
    assert together.shape == (len(rows), model.lm.config.num_hidden_layers, model.width)
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(row_states(model, moved, rows, batch_tokens=16), alone, rtol=1e-3, atol=1e-3)


def test_texts_stand_where_rows_stand(tiny_model) -> None:
    """A text is one user message or one line, up to where an answer begins."""
    for chat, end in ((True, "<|im_end|>\n<|im_start|>assistant\n"), (False, "\n")):
        model = tiny_model("llama", chat=chat)
        [row] = text_rows(model, ["How does he feel?\nIt worked!"], is_chat=chat)
        text = model.tokenizer.decode(row.ids)
        begin = "<|im_start|>user\n" if chat else "<s>"
        assert text == f"{begin}How does he feel?\nIt worked!{end}"


@pytest.fixture
def planted(tmp_path: Path):
    """A model that adds the mean of all tokens' embeddings to the last one, and whose tokens ~ and ^ differ along one
    direction only."""
    model = load_model(tiny.make_model_folder(tmp_path / "planted", "llama", chat=False, num_key_value_heads=4))
    vector = torch.nn.functional.normalize(torch.randn(model.width, generator=torch.Generator().manual_seed(1)), dim=0)
    with torch.no_grad():
        for layer in model.lm.model.layers:
            for name, weight in layer.named_parameters():
                if name in ("self_attn.v_proj.weight", "self_attn.o_proj.weight"):
                    weight.copy_(torch.eye(model.width))
                elif weight.ndim == 2:
                    weight.zero_()
        table = model.lm.get_input_embeddings().weight
        table -= (table @ vector)[:, None] * vector  # no other token has a share in it
        with_it, without = (model.tokenizer(sign, add_special_tokens=False)["input_ids"] for sign in "~^")
        table[with_it], table[without] = 3 * vector, -3 * vector
    return model, vector.double().numpy()


SIGN = Concept("sign", tuple(Pair(f"~ {n} times {2 * n}", f"^ {n} times {2 * n}") for n in range(40)))


def test_a_planted_concept_is_found(planted) -> None:
    model, vector = planted
    texts = [text for pair in SIGN.pairs for text in (pair.positive, pair.negative)]
    states = row_states(model, None, text_rows(model, texts, is_chat=False)).double().numpy()
    for layer in range(2):  # the last one's states are scaled anew by the final norm
        assert direction(states[::2, layer] - states[1::2, layer]) @ vector == pytest.approx(1.0, abs=1e-3)
    before, after = eg.start(model, "^ ^"), eg.start(model, "~ ~")
    [reading] = read_concepts(model, before, after, ROWS, concepts=[SIGN]).concepts
    for found in reading.layers:
        assert found.held_out.correct == found.held_out.total == 20
        assert found.before < 0 < found.after
        assert 0 < found.interval[0] <= found.difference <= found.interval[1]


def test_random_moves_tell_a_planted_move_from_a_random_one(planted) -> None:
    """Both move every vector by 2, and both have a narrow interval over rows; only the one goes beyond."""
    model, vector = planted
    before = eg.start(model, "How good is it? Answer with one word.")
    random = random_moves(before.embeddings, before.embeddings + 2 / model.width**0.5, 10, seed=5)
    along = before.embeddings + 2 * torch.from_numpy(vector).float()
    for seed in (0, 1):
        chance = Chance(seed=seed)
        [reading] = read_concepts(model, before, before.moved(along), ROWS, concepts=[SIGN], chance=chance).concepts
        assert all(layer.is_beyond_random and layer.difference > 0 for layer in reading.layers)
    beyond = 0
    for moved in random:
        [reading] = read_concepts(model, before, before.moved(moved), ROWS, concepts=[SIGN]).concepts
        layer = reading.layers[0]
        assert layer.interval[0] > 0 or layer.interval[1] < 0
        beyond += layer.is_beyond_random
    assert beyond <= 5  # by chance 2 in 11 of each: over 5 of 10 in 1 % of cases


def test_without_random_moves(planted) -> None:
    model, _ = planted
    before = eg.start(model, "^ ^")
    after = before.moved(before.embeddings + 1)
    [reading] = read_concepts(model, before, after, ROWS, concepts=[SIGN], chance=Chance(moves=0)).concepts
    assert reading.moves == 0
    assert {layer.random for layer in reading.layers} == {layer.is_beyond_random for layer in reading.layers} == {None}


def test_shuffled_labels_are_chance(tiny_model) -> None:
    model = tiny_model("qwen2")
    prompt = eg.start(model, "Positive or negative?")
    for reading in read_concepts(model, prompt, prompt, ROWS[:2]).concepts:
        for layer in reading.layers:
            low, high = layer.shuffled
            assert 0.15 < low < 0.45 < 0.55 < high < 0.85  # 24 pairs: 0.29 to 0.71 by the binomial
            assert (layer.difference, layer.interval, layer.random) == (0.0, (0.0, 0.0), None)


def test_shipped_concepts_fit_the_pocket_model() -> None:
    model = eg.load_model("pocket", dtype="float32")
    longest = max(
        len(row)
        for concept in shipped_concepts()
        for row in text_rows(model, [pair.positive for pair in concept.pairs], is_chat=False)
    )
    assert longest < 64


def test_no_rows(tiny_model) -> None:
    model = tiny_model("qwen2")
    prompt = eg.start(model, "Positive or negative?")
    with pytest.raises(DataError) as caught:
        read_concepts(model, prompt, prompt, [])
    assert str(caught.value) == "There is no row to read the concepts on. Give at least one that fits."
