"""SmolLM2-135M-Instruct, the real one, where the package that holds it is installed."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest
import torch
from transformers import AutoModelForCausalLM

import embedgrad as eg
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.model.shipped import SMOLLM2, sha256_of
from tiny_gguf import HOSTILE, plain_ids

TEXTS = ("The capital of France is", "<|im_start|>user\nIs fire hot?<|im_end|>\n<|im_start|>assistant\n", "1, 2, 3, 4,")


@pytest.fixture(scope="module")
def file() -> Path:
    found = SMOLLM2.installed()
    if found is None or sha256_of(found) != SMOLLM2.sha256:
        pytest.skip(f"{SMOLLM2.requirement} is not installed")
    return found


@pytest.fixture(scope="module")
def model(file: Path) -> FrozenModel:
    """Converted once, which takes half a minute."""
    return eg.load_model("smollm2", "float32")


@pytest.fixture(scope="module")
def dequantised(file: Path):
    """As transformers itself loads the file."""
    return AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)


def logits(lm, model: FrozenModel, text: str) -> torch.Tensor:
    ids = torch.tensor([model.tokenizer(text)["input_ids"]])
    with torch.no_grad():
        return lm(input_ids=ids).logits[0]


def test_its_weights_are_the_files_in_bfloat16(model: FrozenModel, dequantised) -> None:
    wanted, found = dequantised.state_dict(), model.lm.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name].bfloat16().float()) for name in wanted)


def test_rounding_to_bfloat16_changes_little(model: FrozenModel, dequantised) -> None:
    """By how much, docs/models.md says."""
    for text in TEXTS:
        exact, ours = logits(dequantised, model, text), logits(model.lm, model, text)
        assert (exact - ours).abs().max() < 0.5
        assert torch.equal(exact[-1].argmax(), ours[-1].argmax())


def test_its_token_ids_are_those_of_the_file(file: Path, model: FrozenModel) -> None:
    fields = gguf.GGUFReader(file).fields
    tokens, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
    types = fields["tokenizer.ggml.token_type"].contents()
    specials = [token for token, kind in zip(tokens, types, strict=True) if kind == 3]
    for text in (*HOSTILE, "<|endoftext|>3<|im_start|>", "Numbers:\n\n1. 10 apples\n2.  7 pears"):
        assert model.tokenizer(text)["input_ids"] == plain_ids(text, tokens, merges, specials), repr(text)
    assert model.token_rows == len(tokens) == len(model.tokenizer)


def test_its_answers_end(model: FrozenModel) -> None:
    asked = ["What is the capital of France?", "Name one colour.", "What is 2 + 2?"]
    answers = eg.generate(model, "Answer in one short sentence.", asked, max_new_tokens=60)
    assert [answer.truncated for answer in answers] == [False, False, False]
    assert "Paris" in answers[0].text
    assert not any("<|" in answer.text for answer in answers)
    assert model.has_chat_template


@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16"])
def test_name_file_and_folder_are_one_base(dtype: str, file: Path, model: FrozenModel) -> None:
    kept = SMOLLM2.converted()
    assert kept is not None
    for given in ("smollm2", file, kept):
        said: list[str] = []
        loaded = eg.load_model(given, dtype, say=said.append)
        assert loaded.identity == model.identity
        assert said == []
    assert model.identity.name == "SmolLM2-135M-Instruct.Q4_1"
