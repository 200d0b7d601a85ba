"""Logits that choose no token stop the answer with an error, wherever answers are generated."""

from __future__ import annotations

import json

import pytest
import torch

import embedgrad as eg
import tiny
from embedgrad.cli.main import main
from embedgrad.errors import NonFiniteLoss

MESSAGE = (
    "The model's logits are NaN or infinite at token 1 of the answer, at line {}. Look at the prompt's learning rate, "
    "or use {}."
)
FLOAT32 = 'eg.load_model(..., dtype="float32")'


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> eg.FrozenModel:
    return eg.load_model(tiny.make_model_folder(tmp_path_factory.mktemp("model") / "tiny", "qwen2"))


def broken(model: eg.FrozenModel, value: float) -> eg.SoftPrompt:
    prompt = eg.start(model, "Is it good?")
    return prompt.moved(torch.full_like(prompt.embeddings, value))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_generate_and_stream(model, value):
    with pytest.raises(NonFiniteLoss) as error:
        eg.generate(model, [eg.start(model, "Fine."), broken(model, value)], ["x", "y"], max_new_tokens=2)
    assert str(error.value) == MESSAGE.format(2, FLOAT32)
    with pytest.raises(NonFiniteLoss) as error:
        list(eg.stream(model, broken(model, value), "x", max_new_tokens=2))
    assert str(error.value) == MESSAGE.format(1, FLOAT32)


@pytest.mark.parametrize("logit", [float("nan"), float("inf"), float("-inf")])
def test_any_row_of_logits_without_a_choice(model, logit, monkeypatch):
    head = model.lm.get_output_embeddings()
    handle = head.register_forward_hook(lambda module, inputs, found: torch.full_like(found, logit))
    try:
        with pytest.raises(NonFiniteLoss, match="at token 1 of the answer, at lines 1, 2"):
            eg.generate(model, "Is it good?", ["x", "y"], max_new_tokens=2)
    finally:
        handle.remove()


def test_masked_logits_are_no_error(model):
    def masked(module, inputs, found):
        found = found.clone()
        found[..., :100] = float("-inf")
        return found

    handle = model.lm.get_output_embeddings().register_forward_hook(masked)
    try:
        (answer,) = eg.generate(model, "Is it good?", ["x"], max_new_tokens=2)
        assert all(bits >= 0 for bits in answer.entropies_bits)
    finally:
        handle.remove()


@pytest.mark.parametrize("flags", [[], ["--json"], ["--stream"]])
def test_the_verb_fails_and_prints_no_answer(tmp_path, capsys, flags):
    folder = tiny.make_model_folder(tmp_path / "tiny", "gpt2")
    model = eg.load_model(folder)
    huge = broken(model, 3e38)
    huge.save(tmp_path / "p.safetensors")
    code = main(["generate", "--model", str(folder), "--prompt", str(tmp_path / "p.safetensors"), *flags, "hello"])
    found = capsys.readouterr()
    assert code == 1
    assert found.out.strip() == ""
    assert found.err.strip() == "embedgrad: " + MESSAGE.format(1, "--dtype float32")


def test_inspect_prints_json_of_a_prompt_with_huge_numbers(tmp_path, capsys):
    folder = tiny.make_model_folder(tmp_path / "tiny", "gpt2")
    broken(eg.load_model(folder), 3e38).save(tmp_path / "p.safetensors")
    assert main(["inspect", str(tmp_path / "p.safetensors"), "--json"]) == 0

    def refuse(word):
        raise AssertionError(word)

    assert json.loads(capsys.readouterr().out, parse_constant=refuse)["row_norm_mean"] > 1e38
