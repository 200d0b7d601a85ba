"""What tuning starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import embedgrad as eg
from embedgrad.prompt.start import vocabulary_ids

PROMPT = "Determine the main emotion. Answer with one word."


SPECIAL = {0, 1, 2, 3, 4}  # of tiny.py's tokenizer: <unk>, <s>, </s>, <|im_start|>, <|im_end|>


def ordinary(model: eg.FrozenModel) -> int:
    """Rows of the table without special tokens."""
    added = {i for i, token in model.tokenizer.added_tokens_decoder.items() if token.special and i < model.vocabulary}
    assert added >= SPECIAL
    return model.vocabulary - len(added)


@pytest.fixture(scope="module")
def model(tiny_model) -> eg.FrozenModel:
    return tiny_model("qwen2")


@pytest.mark.parametrize("family", ["qwen2", "gemma2"])
def test_text_is_exact(family: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = eg.start(model, PROMPT)
    rows = model.lm.get_input_embeddings()(torch.tensor(prompt.initial_ids))
    assert torch.equal(prompt.embeddings, rows)
    assert prompt.embeddings.dtype == torch.float32
    assert not prompt.embeddings.requires_grad
    assert (prompt.text, prompt.base, prompt.trainable) == (PROMPT, model.identity, None)


@pytest.mark.parametrize("family", ["qwen2", "gemma2"])
def test_random_rows_have_the_norms_of_real_rows(family: str, tiny_model) -> None:
    model = tiny_model(family)
    prompt = eg.start(model, PROMPT, kind="random", tokens=400)
    norms, real = prompt.embeddings.norm(dim=1), model.table.norm(dim=1)
    assert norms.mean().item() == pytest.approx(real.mean().item(), rel=0.05)
    assert norms.std().item() == pytest.approx(real.std().item(), rel=0.3)
    assert (prompt.text, prompt.initial_ids, len(prompt)) == (None, None, 400)


def test_vocabulary_rows_are_real_ordinary_rows(model: eg.FrozenModel) -> None:
    prompt = eg.start(model, PROMPT, kind="vocabulary", tokens=50)
    assert torch.equal(prompt.embeddings, model.embed(prompt.initial_ids))
    assert len(set(prompt.initial_ids)) == 50
    assert not set(eg.start(model, PROMPT, kind="vocabulary", tokens=min(ordinary(model), 500)).initial_ids) & SPECIAL
    assert prompt.text is None


@pytest.mark.parametrize("kind", ["random", "vocabulary"])
def test_seeds(model: eg.FrozenModel, kind: str) -> None:
    one, same, other = (eg.start(model, PROMPT, kind=kind, seed=seed).embeddings for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert len(one) == len(eg.start(model, PROMPT))  # the text's length


def test_a_prompt_file_continues(model: eg.FrozenModel, tmp_path: Path) -> None:
    first = eg.start(model, PROMPT, eg.Template.chat("{input}\n\n{prompt}"), frozen=[0, -1])
    moved = first.moved(first.embeddings + 1, {"step": 3}, {})
    moved.save(tmp_path / "p.safetensors")
    for given in (tmp_path / "p.safetensors", str(tmp_path / "p.safetensors")):
        found = eg.start(model, given)
        assert torch.equal(found.embeddings, moved.embeddings)
        assert (found.text, found.initial_ids, found.template) == (PROMPT, first.initial_ids, first.template)
        assert found.trainable == first.trainable
    with pytest.raises(eg.EmbedgradError) as told:
        eg.start(model, moved, kind="random")
    assert str(told.value) == 'A prompt file is its own start; kind="random" needs a text prompt.'


def test_frozen_tokens(model: eg.FrozenModel) -> None:
    prompt = eg.start(model, PROMPT, frozen=[0, 2, -1])
    assert [i for i, moves in enumerate(prompt.trainable) if not moves] == [0, 2, len(prompt) - 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frozen": [99]}, "There is no token 99 to freeze: the prompt has 20, counted from 0."),
        ({"frozen": [-99]}, "There is no token -99 to freeze: the prompt has 20, counted from 0."),
        ({"frozen": range(20)}, "The mask freezes every token of the prompt; leave at least one to tune."),
        (
            {"tokens": 5},
            'A text start has the text\'s own length; tokens goes with kind="random" or kind="vocabulary".',
        ),
        (
            {"kind": "vocabulary", "tokens": 10_000},
            "tokens 10,000: a prompt must leave room for a row in the 512 tokens that {name} takes.",
        ),
        ({"kind": "random", "tokens": 0}, "tokens is 0; expected a whole number from 1 to 1000000000."),
        ({"kind": "vocabulary", "tokens": -1}, "tokens is -1; expected a whole number from 1 to 1000000000."),
    ],
)
def test_errors(model: eg.FrozenModel, options: dict, message: str) -> None:
    length = len(eg.start(model, PROMPT))
    with pytest.raises(eg.EmbedgradError) as told:
        eg.start(model, PROMPT, **{k: range(length) if isinstance(v, range) else v for k, v in options.items()})
    assert str(told.value) == message.replace("{name}", model.identity.name).replace("has 20", f"has {length}")


def test_no_words(model: eg.FrozenModel) -> None:
    with pytest.raises(eg.EmbedgradError) as told:
        eg.start(model, " \n")
    assert str(told.value) == "The prompt text is empty. Write the instruction that the model should follow."


def test_a_mask_of_another_length() -> None:
    with pytest.raises(eg.EmbedgradError) as told:
        eg.SoftPrompt(torch.zeros(3, 4), trainable=(True, False))
    assert str(told.value) == "The mask names 2 tokens, the prompt has 3."


def test_vocabulary_ids_take_every_ordinary_token_at_most_once() -> None:
    ids = vocabulary_ids(4, 6, frozenset({1, 3}), torch.Generator().manual_seed(0))
    assert sorted(ids) == [0, 2, 4, 5]


def test_freezing_adds_to_what_a_prompt_already_keeps(tiny_model) -> None:
    model = tiny_model("qwen2")
    first = eg.start(model, "Answer with one word.", frozen=[0])
    again = eg.start(model, first, frozen=[-1])
    assert again.trainable is not None
    assert [i for i, moves in enumerate(again.trainable) if not moves] == [0, len(first) - 1]
