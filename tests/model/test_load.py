"""What `load_model` refuses, each with its whole message, and what it gives."""

from __future__ import annotations

import json
import logging
import shutil
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers
from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

import embedgrad as eg
import tiny
from embedgrad import errors
from embedgrad.model.load import place, safetensors
from embedgrad.model.load.place import fastest_dtype
from embedgrad.model.load.stored_tensors import stored_elements


@pytest.fixture
def folder(tiny_folder, tmp_path: Path) -> Path:
    """A checkpoint of one's own, to be spoiled."""
    return Path(shutil.copytree(tiny_folder("llama"), tmp_path / "small-llama"))


def told(error: type[errors.EmbedgradError], *arguments: object, **options: object) -> str:
    with pytest.raises(error) as raised:
        eg.load_model(*arguments, **options)
    assert type(raised.value) is error
    return str(raised.value)


def change_config(folder: Path, **changed: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_frozen_and_whole(folder: Path) -> None:
    model = eg.load_model(folder)
    assert model.dtype == torch.float32
    assert model.device == torch.device("cpu")
    assert not any(parameter.requires_grad for parameter in model.lm.parameters())
    assert not model.lm.training
    assert (model.width, model.context_tokens, model.identity.name) == (32, 512, "small-llama")
    assert model.table.shape == (model.vocabulary, 32)
    assert eg.load_model(str(folder), "bfloat16").dtype == torch.bfloat16
    assert model.stop_ids == {2}


@pytest.mark.parametrize("family", [*tiny.FAMILIES, *tiny.OTHERS])
def test_embed_is_what_inputs_embeds_expects(family: str, tiny_model) -> None:
    model = tiny_model(family)
    ids = torch.tensor([[5, 9, 300]])
    with torch.no_grad():
        assert torch.equal(model.lm(inputs_embeds=model.embed(ids)).logits, model.lm(input_ids=ids).logits)
    assert not model.embed(ids).requires_grad


def test_transformers_does_not_warn_of_a_long_text(folder: Path) -> None:
    tokenizer = eg.load_model(folder).tokenizer
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("transformers")
    log.addHandler(handler)
    try:
        tokenizer.model_max_length = 8
        tokenizer("the dog " * 20)
        assert said == []
        tokenizer.deprecation_warnings = {}  # as transformers leaves it
        tokenizer("the dog " * 20)
        assert "Token indices sequence length is longer" in said[0]
    finally:
        log.removeHandler(handler)


def test_a_folder_that_is_not_there(folder: Path) -> None:
    wrong = folder.with_name("smal-llama")
    assert told(errors.ModelNotFound, wrong) == f'There is no model folder {wrong}. Did you mean "{folder}"?'
    far = "/nowhere/at/all"
    assert told(errors.ModelNotFound, far) == f"There is no model folder {far}."


def test_a_name_offline() -> None:
    message = told(errors.ModelNotFound, "nobody/no-such-model")
    assert message == (
        "There is no folder 'nobody/no-such-model' here, and the Hub did not give a model of that name "
        "(LocalEntryNotFoundError). Check the spelling (organisation/name), the network, and HF_HUB_OFFLINE; a "
        "downloaded model can be given by its folder."
    )
    assert "(HFValidationError)" in told(errors.ModelNotFound, "no such model!")


def test_a_download_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    class ReadTimeout(Exception):
        """As that of the Hub's HTTP client: neither OSError nor ValueError."""

    def stalls(*_: object, **__: object) -> str:
        raise ReadTimeout("The read operation timed out")

    monkeypatch.setattr("huggingface_hub.snapshot_download", stalls)
    assert told(errors.ModelNotFound, "somebody/some-model") == (
        "There is no folder 'somebody/some-model' here, and the Hub did not give a model of that name (ReadTimeout). "
        "Check the spelling (organisation/name), the network, and HF_HUB_OFFLINE; a downloaded model can be given by "
        "its folder."
    )


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (
            GatedRepoError,
            "somebody/some-model is gated on the Hub: accept its terms there, then run `hf auth login`.",
        ),
        (RevisionNotFoundError, "somebody/some-model has no revision 'v9' on the Hub."),
    ],
)
def test_what_the_hub_refuses(monkeypatch: pytest.MonkeyPatch, refusal: type[Exception], message: str) -> None:
    def refuses(*_: object, **__: object) -> str:
        raise refusal("401 Client Error", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuses)
    assert told(errors.ModelNotFound, "somebody/some-model", revision="v9") == message


def test_no_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    assert told(errors.ModelError, folder) == (
        "The model folder of small-llama holds no config.json. Copy or download it again."
    )


def test_a_config_that_is_no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert told(errors.ModelError, folder) == (
        "The model folder of small-llama holds JSON that cannot be read: Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1)."
    )


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert told(errors.NoSafetensors, folder) == (
        "The model folder of small-llama holds no weights. Put model.safetensors beside its config.json."
    )


def test_pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert told(errors.NoSafetensors, folder) == (
        "The model folder of small-llama holds its weights as pickle (pytorch_model.bin), which can run code and is "
        "never read. Convert them once with transformers' save_pretrained."
    )


def test_a_missing_shard(folder: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="100KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    eg.load_model(folder)
    shards[1].unlink()
    assert told(errors.NoSafetensors, folder) == (
        f"The model folder of small-llama lacks the shards {shards[1].name} that its index names. Copy or download "
        "them again."
    )
    index = folder / "model.safetensors.index.json"
    for spoiled in ("{", "[]", '{"weight_map": 3}'):
        index.write_text(spoiled)
        message = f"{index} is not the index of a checkpoint. Copy or download it again."
        assert told(errors.ModelError, folder) == message


def test_an_incomplete_checkpoint(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    for name in ("model.norm.weight", "lm_head.weight"):
        del tensors[name]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert told(errors.ModelError, folder) == (
        "The checkpoint of small-llama lacks 2 weights of its architecture (lm_head.weight, model.norm.weight): they "
        "would be random. Use a complete causal language model."
    )


def test_damaged_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1044992\n"
    for spoiled in (b"", b"1234", pointer, struct.pack("<Q", 2**63) + whole[8:], b"\0" * len(whole)):
        path.write_bytes(spoiled)
        assert told(errors.ModelError, folder) == f"{path} is not a safetensors file. Copy or download it again."
    for spoiled in (whole[:-1], whole + b"x"):
        path.write_bytes(spoiled)
        assert told(errors.ModelError, folder) == (
            f"{path} should have {len(whole)} bytes and has {len(spoiled)}. Copy or download it again."
        )


def test_encoder_only(tmp_path: Path) -> None:
    folder = tiny.make_bert_folder(tmp_path / "small-bert")
    assert told(errors.NotCausal, folder) == (
        "small-bert (bert) is an encoder-only model: it cannot continue a prompt. Use a decoder such as Qwen, Llama "
        "or GPT-2."
    )


def test_encoder_decoder(tmp_path: Path) -> None:
    transformers.T5Config(d_model=8, num_layers=1).save_pretrained(tmp_path / "small-t5")
    assert told(errors.NotCausal, tmp_path / "small-t5") == (
        "small-t5 (t5) is an encoder-decoder model: it cannot continue a prompt. Use a decoder such as Qwen, Llama or "
        "GPT-2."
    )


def test_not_a_language_model(tmp_path: Path) -> None:
    transformers.ViTConfig(hidden_size=8).save_pretrained(tmp_path / "small-vit")
    assert told(errors.NotCausal, tmp_path / "small-vit") == (
        "small-vit (vit) is not a causal language model: it cannot continue a prompt. Use a decoder such as Qwen, "
        "Llama or GPT-2."
    )


@pytest.mark.parametrize(
    ("family", "what"), [("gemma3n", "it gives other logits"), ("gemma4", "it fails (RuntimeError)")]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_needs_token_ids(family: str, what: str, dtype: str, tiny_folder) -> None:
    folder = tiny_folder(family)
    assert told(errors.ModelError, folder, dtype) == (
        f"{folder.name} ({family}_text) needs token ids, which a tuned prompt does not have: from embeddings alone "
        f"{what}. Models that look a token up again in later layers (Gemma 3n, Gemma 4 E2B and E4B, DeepSeek V4) do "
        "so. Use one that does not, such as Gemma 3, Qwen or Llama."
    )


def test_a_gemma_4_without_per_layer_embeddings_is_taken(tiny_model) -> None:
    assert tiny_model("gemma4", hidden_size_per_layer_input=0).width == 32


def test_remote_code_is_refused(folder: Path) -> None:
    (folder / "evil.py").write_text("raise SystemExit('this ran')\n")
    change_config(
        folder, model_type="evil", auto_map={"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.Evil"}
    )
    assert told(errors.ModelError, folder) == (
        "small-llama needs code of its own (auto_map in its config.json), which is never run. Use a model that "
        f"transformers {transformers.__version__} knows."
    )


def test_an_unknown_architecture(folder: Path) -> None:
    change_config(folder, model_type="llama99", architectures=["Llama99"])
    message = told(errors.ModelError, folder)
    assert message.startswith(f"small-llama cannot be loaded by transformers {transformers.__version__}: ")
    assert "llama99" in message


def test_not_enough_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elements = sum(parameter.numel() for parameter in eg.load_model(folder).lm.parameters())
    monkeypatch.setattr(place, "free_bytes", lambda place: 100_000)
    monkeypatch.setattr(safetensors, "stored_elements", lambda folder: elements * 100_000)
    need = elements * 100_000 / 1e9
    assert told(errors.NotEnoughMemory, folder) == (
        f"The weights of small-llama need {need * 4:.1f} GB in float32; cpu has 0.0 GB free. Try "
        'eg.load_model(..., dtype="bfloat16"), which needs half, or a smaller model.'
    )
    assert told(errors.NotEnoughMemory, folder, "bfloat16") == (
        f"The weights of small-llama need {need * 2:.1f} GB in bfloat16; cpu has 0.0 GB free. Use a smaller model or "
        "another device."
    )


def test_stored_elements_are_the_models(folder: Path) -> None:
    model = eg.load_model(folder)
    assert stored_elements(folder) == sum(parameter.numel() for parameter in model.lm.parameters())


def test_bad_dtype_and_device(folder: Path) -> None:
    assert told(errors.UsageError, folder, "bfloat") == (
        "'bfloat' is no dtype; write auto, float32, bfloat16, float16. Did you mean \"bfloat16\"?"
    )
    assert told(errors.UsageError, folder, device="gpu") == "'gpu' is no device; write cpu, cuda or cuda:1."
    assert told(errors.UsageError, folder, device="cuda:99") == (
        f"'cuda:99' is not here: torch {torch.__version__} sees {torch.cuda.device_count()} GPUs."
    )


def test_no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    message = told(errors.ModelError, folder)
    assert message.startswith("small-llama ")


def test_no_fast_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    transformers.ByT5Tokenizer().save_pretrained(folder)
    assert told(errors.ModelError, folder) == (
        "small-llama has no fast tokenizer (tokenizer.json), which placing a prompt needs."
    )


def test_loading_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    eg.load_model(folder)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("on_gpu", "cuda", "avx512", "amx", "dtype"),
    [
        (False, True, False, False, "float32"),
        (False, True, True, False, "bfloat16"),
        (False, False, False, True, "bfloat16"),
        (True, True, False, False, "bfloat16"),
        (True, False, True, True, "float32"),
    ],
)
def test_the_fastest_dtype(monkeypatch, on_gpu: bool, cuda: bool, avx512: bool, amx: bool, dtype: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: cuda)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert fastest_dtype(torch.device("cuda" if on_gpu else "cpu")) == dtype


def test_the_fastest_dtype_where_torch_cannot_tell(monkeypatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert fastest_dtype(torch.device("cpu")) == "float32"
