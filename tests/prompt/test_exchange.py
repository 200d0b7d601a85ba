"""PEFT folders: real PEFT reads what we write, and we read what it writes."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from mutants import sample
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from embedgrad.errors import BadPromptFile, FileMissing, FolderExists, PromptError
from embedgrad.prompt.exchange import read_peft, write_peft
from embedgrad.prompt.file import PromptFile, decode, encode
from embedgrad.template.template import Slot

WIDTH, VOCABULARY, LAYERS, HEADS = 16, 50, 2, 4
QUERY = torch.tensor([[9, 21, 22, 23, 10, 11]])


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=2,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def content() -> PromptFile:
    embeddings = np.random.default_rng(0).normal(size=(3, WIDTH)).astype(np.float32)
    return replace(sample(), embeddings=embeddings)


def rows(model: LlamaForCausalLM, ids: list[int]) -> np.ndarray:
    return model.get_input_embeddings().weight.detach()[ids].numpy()


def without_template(content: PromptFile) -> PromptFile:
    return replace(content, record=content.record.model_copy(update={"template": None, "base": None}))


@pytest.mark.parametrize("header_ids", [[7, 8], []])
def test_real_peft_gives_the_logits_of_inputs_embeds(header_ids, model, content, tmp_path):
    content = content if header_ids else without_template(content)
    head = rows(model, header_ids)
    write_peft(tmp_path / "peft", content, head, LAYERS, HEADS)
    loaded = peft.PeftModel.from_pretrained(copy.deepcopy(model), tmp_path / "peft").eval()
    front = torch.from_numpy(np.concatenate([head, content.embeddings]))[None]
    embeds = torch.cat([front, model.get_input_embeddings()(QUERY)], dim=1)
    with torch.no_grad():
        ours = model(inputs_embeds=embeds).logits
        theirs = loaded(input_ids=QUERY, attention_mask=torch.ones_like(QUERY)).logits
    torch.testing.assert_close(theirs[:, -QUERY.shape[1] :], ours[:, -QUERY.shape[1] :], rtol=0, atol=1e-6)


def _configs() -> list[peft.PeftConfig]:
    return [
        peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
        peft.PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, encoder_hidden_size=8),
        peft.CPTConfig(task_type="CAUSAL_LM", cpt_token_ids=[4, 5, 6]),
    ]


@pytest.mark.parametrize("config", _configs(), ids=lambda config: str(config.peft_type))
def test_folder_saved_by_real_peft_is_read(config, model, tmp_path):
    peft.get_peft_model(copy.deepcopy(model), config).save_pretrained(tmp_path)
    expected = load_file(tmp_path / "adapter_model.safetensors")["prompt_embeddings"]
    found = read_peft(tmp_path)
    assert found.embeddings.tolist() == expected.tolist()
    assert (found.initial_ids, found.record.text, found.record.template, found.record.base) == (None,) * 4
    assert found.record.settings == {"peft_type": config.peft_type.value, "base_model_name_or_path": None}
    assert decode(encode(found), "saved").embeddings.tolist() == expected.tolist()


def test_what_we_write_we_read(model, content, tmp_path):
    write_peft(tmp_path / "peft", content, rows(model, [7, 8]), LAYERS, HEADS)
    found = read_peft(tmp_path / "peft")
    assert found.embeddings.tolist() == [*rows(model, [7, 8]).tolist(), *content.embeddings.tolist()]
    assert found.record.settings["base_model_name_or_path"] == "tiny/llama"
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert config["inference_mode"] is True
    assert "tokenizer_kwargs" not in config


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_becomes_float32_exactly(dtype, tmp_path):
    values = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(0)).to(dtype)
    _folder(tmp_path, values)
    found = read_peft(tmp_path).embeddings
    assert found.dtype == np.float32
    assert found.tolist() == values.float().tolist()


def _folder(folder: Path, values: torch.Tensor, name: str = "prompt_embeddings", **config: object) -> None:
    save_file({name: values}, folder / "adapter_model.safetensors")
    known = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 3, "token_dim": WIDTH}
    (folder / "adapter_config.json").write_text(json.dumps(known | config))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"peft_type": "LORA"}, "the peft_type 'LORA'; expected PROMPT_TUNING, P_TUNING, CPT"),
        ({"peft_type": ["CPT"]}, "the peft_type ['CPT']"),
        ({"num_virtual_tokens": 4}, "num_virtual_tokens 4, but adapter_model.safetensors holds 3"),
        ({"token_dim": None}, "token_dim None, but"),
        ({"token_dim": 16.0}, "token_dim 16.0, but"),
        ({"base_model_name_or_path": 5}, "expected a name or null"),
        ({"base_model_name_or_path": "\ud800"}, "expected a name or null"),
        ({"x": float("nan")}, "NaN is no number"),
    ],
)
def test_wrong_config_is_refused(config, says, tmp_path):
    _folder(tmp_path, torch.ones(3, WIDTH), **config)
    with pytest.raises(BadPromptFile) as raised:
        read_peft(tmp_path)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("values", "name", "says"),
    [
        (torch.ones(3, WIDTH), "base_model.prompt_embeddings", "it holds the tensors"),
        (torch.ones(3, WIDTH, dtype=torch.float64), "prompt_embeddings", "the dtype 'F64'"),
        (torch.full((3, WIDTH), float("nan")), "prompt_embeddings", "row 0 of prompt_embeddings"),
        (torch.full((3, WIDTH), float("inf"), dtype=torch.bfloat16), "prompt_embeddings", "row 0 of"),
        (torch.ones(48), "prompt_embeddings", "expected [P, D]"),
    ],
)
def test_wrong_weights_are_refused(values, name, says, tmp_path):
    _folder(tmp_path, values, name)
    with pytest.raises(BadPromptFile) as raised:
        read_peft(tmp_path)
    assert says in str(raised.value)


def test_folder_that_lacks_something(tmp_path):
    with pytest.raises(FileMissing):
        read_peft(tmp_path / "no")
    with pytest.raises(FileMissing, match=r"adapter_config\.json"):
        read_peft(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(FileMissing, match=r"adapter_model\.safetensors"):
        read_peft(tmp_path)
    (tmp_path / "adapter_config.json").write_text("[" * 100_000)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(BadPromptFile, match="nested too deep"):
        read_peft(tmp_path)


def test_what_peft_cannot_express_is_refused(content, tmp_path):
    template = content.record.template
    turned = template.model_copy(update={"segments": (Slot(name="input"), *template.segments[:2])})
    record = content.record.model_copy(update={"template": turned})
    with pytest.raises(PromptError, match=r"\{input\} stands before \{prompt\}"):
        write_peft(tmp_path / "peft", replace(content, record=record), np.ones((2, WIDTH), np.float32), 1, 1)
    assert not (tmp_path / "peft").exists()


@pytest.mark.parametrize("shape", [(1, WIDTH), (2, WIDTH + 1), (2 * WIDTH,)])
def test_head_rows_must_fit(shape, content, tmp_path):
    with pytest.raises(PromptError, match="header_rows has the shape"):
        write_peft(tmp_path / "peft", content, np.ones(shape, np.float32), LAYERS, HEADS)
    with pytest.raises(PromptError, match="NaN"):
        write_peft(tmp_path / "peft", content, np.full((2, WIDTH), np.nan, np.float32), LAYERS, HEADS)
    broken = replace(content, embeddings=np.full((3, WIDTH), np.inf, np.float32))
    with pytest.raises(PromptError, match="infinity"):
        write_peft(tmp_path / "peft", broken, np.ones((2, WIDTH), np.float32), LAYERS, HEADS)


def test_a_folder_with_something_in_it_is_left_alone(content, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderExists):
        write_peft(tmp_path, content, np.ones((2, WIDTH), np.float32), LAYERS, HEADS)
    assert [found.name for found in tmp_path.iterdir()] == ["mine.txt"]


def test_readme_says_what_is_left_to_do(content, tmp_path):
    write_peft(tmp_path / "peft", content, np.ones((2, WIDTH), np.float32), LAYERS, HEADS)
    text = (tmp_path / "peft" / "README.md").read_text()
    assert '    text "<|user|>\\n"  ids [7, 8]\n' in text
    tail = '    text "\\n\\n"  ids [9]\n    {input}\n    text "<|assistant|>\\n"  ids [10, 11]\n'
    assert tail in text
    assert "ends its answer with the ids [2]" in text
    assert "add_special_tokens=False" in text
    write_peft(tmp_path / "bare", without_template(content), np.ones((0, WIDTH), np.float32), LAYERS, HEADS)
    bare = (tmp_path / "bare" / "README.md").read_text()
    assert "It came without a template" in bare
    assert "    nothing\n" in bare
