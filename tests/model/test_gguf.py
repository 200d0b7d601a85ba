"""A GGUF file is converted once, to what it holds, and loads from there."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import gguf
import pytest
import torch
from gguf import GGMLQuantizationType as Kind

import embedgrad as eg
from embedgrad.errors import ModelError
from embedgrad.model import converted
from embedgrad.model.special_tokens import stored_special_tokens
from tiny_gguf import HOSTILE, merges_of, plain_ids, write_gguf


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBEDGRAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tiny_folder, tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    return write_gguf(tmp_path / "there" / "tiny.gguf", tiny_folder("llama"))


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_whole_weights_stay_as_they_are(family: str, tiny_folder, tiny_model, tmp_path: Path) -> None:
    model = eg.load_model(write_gguf(tmp_path / "tiny.gguf", tiny_folder(family)), "float32")
    wanted = tiny_model(family).lm.state_dict()
    found = model.lm.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    embeds = model.embed([5, 9, 300])[None]
    with torch.no_grad():
        assert torch.equal(model.lm(inputs_embeds=embeds).logits, tiny_model(family).lm(inputs_embeds=embeds).logits)


@pytest.mark.parametrize("kind", [Kind.Q4_1, Kind.Q8_0, Kind.BF16])
def test_other_weights_become_bfloat16(kind: Kind, tiny_folder, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", tiny_folder("qwen2"), kind=kind)
    found = eg.load_model(file, "float32").lm.state_dict()
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    for name, own in {"blk.1.attn_q": "layers.1.self_attn.q_proj", "token_embd": "embed_tokens"}.items():
        tensor = stored[f"{name}.weight"]
        wanted = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type))
        assert torch.equal(found[f"model.{own}.weight"], wanted.bfloat16().float())


def test_half_precision_is_not_rounded(tiny_folder, tmp_path: Path) -> None:
    found = eg.load_model(write_gguf(tmp_path / "tiny.gguf", tiny_folder("qwen2"), kind=Kind.F16), "float32")
    wanted = eg.load_model(tiny_folder("qwen2"), "float32").lm.model.embed_tokens.weight.half().float()
    assert torch.equal(found.lm.model.embed_tokens.weight, wanted)


def test_it_is_converted_once(file: Path, cache: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        eg.load_model(file, say=said.append)
    assert said == ["converting tiny.gguf to plain weights, once: half a minute or more, depending on its size"]
    (kept,) = (cache / "models").iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["files.json", "tiny"]
    modes = {path.stat().st_mode for path in (kept / "tiny").iterdir()}
    assert len(modes) == 1


def test_file_folder_and_conversion_are_one_base(file: Path, cache: Path) -> None:
    by_file = eg.load_model(file)
    by_folder = eg.load_model(file.parent)
    (kept,) = (cache / "models").glob("*/tiny")
    assert by_file.identity == by_folder.identity == eg.load_model(kept).identity
    assert by_file.identity.name == "tiny"
    assert by_file.source == str(file)


def test_a_file_is_found_again_from_elsewhere(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert eg.load_model("tiny.gguf").source == str(file)


def test_neither_its_place_nor_its_neighbours_matter(file: Path, tmp_path: Path, monkeypatch, tiny_folder) -> None:
    wanted = eg.load_model(file).identity
    other = tmp_path / "other"
    shutil.copytree(tiny_folder("qwen2", chat=False), other)
    (other / "model.safetensors").unlink()
    (other / "chat_template.jinja").write_text("{{ 'of another model' }}")
    shutil.copy(file, other / "tiny.gguf")
    monkeypatch.setenv("EMBEDGRAD_CACHE", str(tmp_path / "another"))
    assert eg.load_model(other / "tiny.gguf").identity == wanted
    assert eg.load_model(other).identity == wanted


def test_a_folder_with_plain_weights_is_read_as_before(file: Path, tiny_folder, tmp_path: Path) -> None:
    both = Path(shutil.copytree(tiny_folder("qwen2"), tmp_path / "both"))
    shutil.copy(file, both)
    assert eg.load_model(both).identity.weights == eg.load_model(tiny_folder("qwen2")).identity.weights


def test_no_network(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*given: object) -> None:
        raise AssertionError("connects")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert eg.load_model(file).width == 32


def test_the_tokenizer_splits_digits_as_the_file_says(file: Path) -> None:
    tokenizer = eg.load_model(file).tokenizer
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    specials = [token.content for token in tokenizer.added_tokens_decoder.values()]
    merges = [" ".join(pair) for pair in merges_of(tokenizer.backend_tokenizer)]
    for text in HOSTILE:
        assert tokenizer(text)["input_ids"] == plain_ids(text, tokens, merges, specials), repr(text)


def test_what_transformers_and_gpt2_split_is_left_to_them(tiny_folder, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    for family, split in (("qwen2", "qwen2"), ("llama", "gpt-2"), ("llama", "llama-bpe")):
        file = write_gguf(tmp_path / f"{split}.gguf", tiny_folder(family), split=split)
        wanted = AutoTokenizer.from_pretrained(tmp_path, gguf_file=file.name)
        found = eg.load_model(file).tokenizer
        assert [found(text)["input_ids"] for text in HOSTILE] == [wanted(text)["input_ids"] for text in HOSTILE]


def test_the_chat_template_is_kept(file: Path) -> None:
    model = eg.load_model(file)
    assert model.has_chat_template
    assert model.identity.chat_template == eg.load_model(file).identity.chat_template
    assert {"</s>", "<|im_end|>"} <= model.tokenizer.get_vocab().keys()


def test_a_damaged_conversion_is_made_anew(file: Path, cache: Path) -> None:
    wanted = eg.load_model(file).identity
    (weights,) = (cache / "models").glob("*/tiny/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    said: list[str] = []
    assert eg.load_model(file, say=said.append).identity == wanted
    assert len(said) == 1


def test_another_file_or_conversion_never_meets_an_old_folder(file: Path, cache: Path, monkeypatch) -> None:
    eg.load_model(file)
    monkeypatch.setattr(converted, "VERSION", converted.VERSION + 1)
    eg.load_model(file)
    file.write_bytes(file.read_bytes() + b"\0")
    eg.load_model(file)
    assert len([*(cache / "models").iterdir()]) == 3


def test_special_tokens_are_known_once_it_is_converted(file: Path, cache: Path) -> None:
    eg.load_model(file)
    (kept,) = (cache / "models").glob("*/tiny")
    assert {"</s>", "<|im_end|>"} <= stored_special_tokens(kept)
    assert stored_special_tokens(file) == frozenset()


@pytest.mark.parametrize("name", ["TINY.GGUF", "files.json.gguf"])
def test_odd_names(name: str, tiny_folder, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file = write_gguf(tmp_path / "there" / name, tiny_folder("qwen2"))
    digest = eg.load_model(file).identity.weights
    assert eg.load_model(file.parent).identity.weights == eg.load_model(file).identity.weights == digest


def test_a_file_without_a_tokenizer(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    assert content.count(b"tokenizer.ggml.tokens") == 1
    other = tmp_path / "other.gguf"
    other.write_bytes(content.replace(b"tokenizer.ggml.tokens", b"tokenizer.ggml.tokenz"))
    with pytest.raises(ModelError) as error:
        eg.load_model(other)
    assert str(error.value) == f"{other} holds no tokenizer. Give the model that it was made from, as safetensors."


def test_a_damaged_number_of_layers_is_told_at_once(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    at = content.index(b"llama.block_count") + len(b"llama.block_count") + 4  # behind its type
    other = tmp_path / "other.gguf"
    other.write_bytes(content[:at] + (2**24 - 1).to_bytes(4, "little") + content[at + 4 :])
    tensors = len(gguf.GGUFReader(file).tensors)
    with pytest.raises(ModelError) as error:
        eg.load_model(other)
    assert str(error.value) == (
        f"{other} is damaged: it speaks of 16,777,215 layers, and holds {tensors} tensors. Copy or download it again."
    )


def test_nonsense_in_the_list_of_a_conversion(file: Path, cache: Path) -> None:
    eg.load_model(file)
    (listed,) = cache.rglob("files.json")
    listed.write_text("[" * 200_000)
    assert eg.load_model(file).context_tokens
    assert listed.read_text().startswith("{")
