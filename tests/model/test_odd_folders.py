"""What was loaded is what is named: odd model folders, each loaded and its digest compared with the weights in memory,
or refused with a message that says what it holds and what to do."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file

import embedgrad as eg
import tiny
from embedgrad import errors
from embedgrad.model.load.stored_tensors import stored_elements
from embedgrad.model.load.weight_files import weight_files

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16"}


@pytest.fixture
def folder(tiny_folder, tmp_path: Path) -> Path:
    """A checkpoint of one's own, to be made odd."""
    return Path(shutil.copytree(tiny_folder("llama"), tmp_path / "odd"))


def told(error: type[errors.EmbedgradError], folder: Path | str) -> str:
    with pytest.raises(error) as raised:
        eg.load_model(folder)
    assert type(raised.value) is error
    return str(raised.value)


def change_config(folder: Path, **changed: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def digest_in_memory(lm: Any) -> str:
    """The fingerprint's definition, over the loaded weights: a tied head is no tensor of its own."""
    digest = hashlib.sha256()
    tied = lm.get_output_embeddings().weight is lm.get_input_embeddings().weight
    for name, tensor in sorted(lm.state_dict().items()):
        if name == "lm_head.weight" and tied:
            continue
        digest.update(json.dumps([name, list(tensor.shape), _DTYPES[tensor.dtype]]).encode())
        data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
        size = min(4096, len(data))
        for start in (0, (len(data) - size) // 2, len(data) - size):
            digest.update(data[start : start + size])
    return digest.hexdigest()


def others(folder: Path) -> dict[str, torch.Tensor]:
    """The folder's weights, every number doubled: what must not be named in their place, nor they in its."""
    return {name: 2 * tensor for name, tensor in load_file(folder / WHOLE).items()}


def write_index(folder: Path, shards: dict[str, str], name: str = INDEX) -> None:
    (folder / name).write_text(json.dumps({"metadata": {}, "weight_map": shards}))


def plain(folder: Path) -> None: ...


def sharded(folder: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (folder / WHOLE).unlink()
    model.save_pretrained(folder, max_shard_size="60KB")


def stale_index_without_shards(folder: Path) -> None:
    write_index(folder, {"model.norm.weight": "model-00001-of-00002.safetensors"})


def stale_index_with_shards(folder: Path) -> None:
    save_file(others(folder), folder / "model-00001-of-00001.safetensors", {"format": "pt"})
    write_index(folder, dict.fromkeys(others(folder), "model-00001-of-00001.safetensors"))


def spoiled_index_beside(folder: Path) -> None:
    (folder / INDEX).write_text("{")


def shards_of_another_beside(folder: Path) -> None:
    doubled = others(folder)
    sharded(folder)
    save_file(doubled, folder / "model-00009-of-00009.safetensors", {"format": "pt"})


def shards_in_a_folder_below(folder: Path) -> None:
    (folder / "parts").mkdir()
    names = list(load_file(folder / WHOLE))
    (folder / WHOLE).rename(folder / "parts" / "all.safetensors")
    write_index(folder, dict.fromkeys(names, "parts/all.safetensors"))


def variant_beside(folder: Path) -> None:
    save_file(others(folder), folder / "model.fp16.safetensors", {"format": "pt"})


def mistrals_own_beside(folder: Path) -> None:
    save_file(others(folder), folder / "consolidated.safetensors", {"format": "pt"})


def pickle_beside(folder: Path) -> None:
    torch.save(others(folder), folder / "pytorch_model.bin")


def another_model_below(folder: Path) -> None:
    below = Path(shutil.copytree(folder, folder.parent / "below"))
    save_file(others(folder), below / WHOLE, {"format": "pt"})
    shutil.move(below, folder / "checkpoint-500")


def gguf_beside(folder: Path) -> None:
    (folder / "odd.Q4_K_M.gguf").write_bytes(b"GGUF")


def weights_are_a_link(folder: Path) -> None:
    (folder / WHOLE).rename(folder.parent / "blob")
    (folder / WHOLE).symlink_to(folder.parent / "blob")


def dead_link_beside_shards(folder: Path) -> None:
    sharded(folder)
    (folder / WHOLE).symlink_to(folder.parent / "gone")


def named_by_the_config(folder: Path) -> None:
    save_file(others(folder), folder / "own.safetensors", {"format": "pt"})
    change_config(folder, transformers_weights="own.safetensors")


def index_named_by_the_config(folder: Path) -> None:
    save_file(others(folder), folder / "own-1.safetensors", {"format": "pt"})
    write_index(folder, dict.fromkeys(others(folder), "own-1.safetensors"), "own.safetensors.index.json")
    change_config(folder, transformers_weights="own.safetensors.index.json")


def stored_as_bfloat16(folder: Path) -> None:
    transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)


def untied_where_the_config_ties(folder: Path) -> None:
    change_config(folder, tie_word_embeddings=True)


def tied(folder: Path) -> None:
    tensors = load_file(folder / WHOLE)
    del tensors["lm_head.weight"]
    save_file(tensors, folder / WHOLE, {"format": "pt"})
    change_config(folder, tie_word_embeddings=True)


LOADED = (
    plain, sharded, stale_index_without_shards, stale_index_with_shards, spoiled_index_beside,
    shards_of_another_beside, shards_in_a_folder_below, variant_beside, mistrals_own_beside, pickle_beside,
    another_model_below, gguf_beside, weights_are_a_link, dead_link_beside_shards, named_by_the_config,
    index_named_by_the_config, stored_as_bfloat16, untied_where_the_config_ties, tied,
)  # fmt: skip


@pytest.mark.parametrize("make_odd", LOADED, ids=lambda make_odd: make_odd.__name__)
def test_the_identity_is_of_what_was_loaded(make_odd: Callable[[Path], None], folder: Path) -> None:
    make_odd(folder)
    model = eg.load_model(folder, "bfloat16" if make_odd is stored_as_bfloat16 else "float32")
    assert model.identity.weights == digest_in_memory(model.lm)
    assert stored_elements(folder) == sum(parameter.numel() for parameter in model.lm.parameters())


def test_a_linked_folder_is_the_same_base(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert eg.load_model(folder.parent / "link").identity == eg.load_model(folder).identity


@pytest.mark.parametrize("make_odd", LOADED, ids=lambda make_odd: make_odd.__name__)
def test_the_files_are_those_that_transformers_finds(make_odd: Callable[[Path], None], folder: Path) -> None:
    from transformers.modeling_utils import _get_resolved_checkpoint_files

    make_odd(folder)
    config = transformers.AutoConfig.from_pretrained(folder)
    found, _ = _get_resolved_checkpoint_files(
        folder, None, None, True, None, False, getattr(config, "transformers_weights", None)
    )
    assert weight_files(folder) == [Path(name) for name in found]


def test_weights_without_a_place_are_told(folder: Path) -> None:
    """A config of fewer layers than the checkpoint has."""
    change_config(folder, num_hidden_layers=2)
    said: list[str] = []
    eg.load_model(folder, say=said.append)
    assert said == [
        "9 tensors of the checkpoint of odd have no place in the architecture of its config.json and are left out "
        "(model.layers.2.input_layernorm.weight, model.layers.2.mlp.down_proj.weight, "
        "model.layers.2.mlp.gate_proj.weight ...)."
    ]


def test_a_plain_folder_says_nothing(folder: Path) -> None:
    said: list[str] = []
    eg.load_model(folder, say=said.append)
    assert said == []


@pytest.fixture(scope="module")
def adapters(tiny_folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lora` and `prompt`, each saved by PEFT."""
    made = tmp_path_factory.mktemp("adapters")
    kinds = {
        "lora": LoraConfig(r=4, task_type="CAUSAL_LM", init_lora_weights=False),
        "prompt": PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    }
    for name, config in kinds.items():
        base = transformers.AutoModelForCausalLM.from_pretrained(tiny_folder("llama"))
        base.config._name_or_path = base.name_or_path = "somebody/base"
        model = get_peft_model(base, config)
        model.peft_config["default"].base_model_name_or_path = "somebody/base"
        model.save_pretrained(made / name)
    return made


class TestAdapters:
    @pytest.mark.parametrize(("adapter", "kind"), [("lora", "LORA"), ("prompt", "PROMPT_TUNING")])
    def test_beside_the_weights(self, adapter: str, kind: str, adapters: Path, folder: Path) -> None:
        shutil.copytree(adapters / adapter, folder, dirs_exist_ok=True)
        assert told(errors.ModelError, folder) == (
            f"The model folder of odd holds a PEFT adapter (adapter_config.json, {kind}) beside its weights, which "
            "transformers applies in silence. Merge it once (PEFT's merge_and_unload, then save_pretrained into a new "
            "folder), or move adapter_config.json away to use the bare weights."
        )

    def test_its_config_alone(self, folder: Path) -> None:
        (folder / "adapter_config.json").write_text("{")
        assert told(errors.ModelError, folder).startswith(
            "The model folder of odd holds a PEFT adapter (adapter_config.json) beside its weights, which "
        )

    def test_what_the_message_advises_works(self, adapters: Path, tiny_folder, tmp_path: Path) -> None:
        from peft import PeftModel

        base = transformers.AutoModelForCausalLM.from_pretrained(tiny_folder("llama"))
        merged = PeftModel.from_pretrained(base, adapters / "lora").merge_and_unload()
        merged.save_pretrained(tmp_path / "merged")
        tiny.make_tokenizer(bos=True).save_pretrained(tmp_path / "merged")
        model = eg.load_model(tmp_path / "merged")
        assert model.identity.weights == digest_in_memory(merged)
        assert model.identity.weights != eg.load_model(tiny_folder("llama")).identity.weights

    def test_only_an_adapter(self, adapters: Path) -> None:
        assert told(errors.ModelError, adapters / "lora") == (
            "The model folder of lora holds a PEFT adapter (adapter_config.json, LORA) and no base model. Merge it "
            "into its base 'somebody/base' (PEFT's merge_and_unload, then save_pretrained) and give the new folder."
        )

    def test_only_a_soft_prompt(self, adapters: Path) -> None:
        assert told(errors.ModelError, adapters / "prompt") == (
            "The model folder of prompt holds a PEFT adapter (adapter_config.json, PROMPT_TUNING) and no base model. "
            "Give its base 'somebody/base' as the model, and this folder as the prompt."
        )


class TestQuantised:
    @pytest.mark.parametrize(
        ("changed", "what"),
        [
            ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "GPTQ, 4 bits: quantization_config"),
            ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "AWQ, 4 bits: quantization_config"),
            (
                {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
                "bitsandbytes: quantization_config",
            ),
            ({"quantization_config": {"quant_method": "fp8"}}, "FP8: quantization_config"),
            ({"quantization_config": {"load_in_8bit": True}}, "unknown method: quantization_config"),
            ({"text_config": {"quantization_config": {"quant_method": "mxfp4"}}}, "MXFP4: quantization_config"),
            ({"quantization": {"group_size": 64, "bits": 4}}, "MLX, 4 bits: quantization"),
        ],
    )
    def test_by_its_config(self, changed: dict[str, object], what: str, folder: Path) -> None:
        change_config(folder, **changed)
        assert told(errors.ModelError, folder) == (
            f"The weights of odd are quantised ({what} in its config.json), which is not read yet. Give the model that "
            "they were made from, in float32, bfloat16 or float16."
        )

    @pytest.mark.parametrize(
        ("name", "what"),
        [("quantize_config.json", "GPTQ"), ("quant_config.json", "AWQ"), ("hf_quant_config.json", "ModelOpt")],
    )
    def test_by_a_file_beside(self, name: str, what: str, folder: Path) -> None:
        (folder / name).write_text("{}")
        assert told(errors.ModelError, folder) == (
            f"The weights of odd are quantised ({what}: {name}), which is not read yet. Give the model that they were "
            "made from, in float32, bfloat16 or float16."
        )

    def test_a_config_that_only_names_the_key(self, folder: Path) -> None:
        change_config(folder, quantization_config=None)
        assert eg.load_model(folder).width == 32


class TestOtherFormats:
    @pytest.mark.parametrize("with_config", [True, False])
    def test_gguf(self, with_config: bool, folder: Path) -> None:
        (folder / WHOLE).rename(folder / "odd.Q4_K_M.gguf")
        if not with_config:
            (folder / "config.json").unlink()
        assert told(errors.ModelError, folder) == (
            f"{folder / 'odd.Q4_K_M.gguf'} is no GGUF file: it does not begin with GGUF. Download it again."
        )

    def test_several_gguf_files(self, folder: Path) -> None:
        (folder / WHOLE).rename(folder / "odd.Q8_0.gguf")
        (folder / "odd.Q4_K_M.gguf").write_bytes(b"GGUF")
        assert told(errors.ModelError, folder) == (
            "odd holds 2 GGUF files: odd.Q4_K_M.gguf, odd.Q8_0.gguf. Give the path of one of them."
        )

    def test_gguf_on_the_hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path))
        assert told(errors.ModelError, "somebody/small-GGUF") == (
            "somebody/small-GGUF holds its weights as GGUF, of which the Hub has several for each model. Download the "
            "one that you want and give its path, or give the model that they were made from."
        )

    def test_a_single_file(self, folder: Path) -> None:
        gguf = folder / "odd.gguf"
        gguf.write_bytes(b"GGUF")
        assert told(errors.ModelError, gguf) == f"{gguf} is no whole GGUF file. Copy or download it again."
        assert told(errors.ModelNotFound, str(folder / WHOLE)) == (
            f"The model {folder / WHOLE} is a file. Give the folder that holds it with its config.json and tokenizer."
        )

    @pytest.mark.parametrize("name", ["model.fp16.safetensors", "consolidated.safetensors"])
    def test_safetensors_under_another_name(self, name: str, folder: Path) -> None:
        (folder / WHOLE).rename(folder / name)
        assert told(errors.NoSafetensors, folder) == (
            f"The model folder of odd holds {name}, and transformers reads model.safetensors, or the shards that "
            "model.safetensors.index.json names. Rename a whole variant (model.fp16.safetensors) to that, or convert "
            "another format (consolidated.safetensors)."
        )

    @pytest.mark.parametrize(("name", "whose"), [("tf_model.h5", "TensorFlow's"), ("flax_model.msgpack", "Flax's")])
    def test_another_librarys(self, name: str, whose: str, folder: Path) -> None:
        (folder / WHOLE).rename(folder / name)
        assert told(errors.NoSafetensors, folder) == (
            f"The model folder of odd holds its weights in {whose} format ({name}). Get them as safetensors."
        )

    def test_a_trainers_output_folder(self, folder: Path) -> None:
        outputs = folder.parent / "outputs"
        shutil.copytree(folder, outputs / "checkpoint-500")
        assert told(errors.ModelError, outputs) == (
            f"The model folder of outputs holds no config.json; {outputs / 'checkpoint-500'} does. Give that folder."
        )

    def test_a_distributed_checkpoint(self, folder: Path) -> None:
        name = "shard-00000-model-00001-of-00001.safetensors"
        save_file(others(folder), folder / name, {"format": "pt"})
        assert told(errors.ModelError, folder) == (
            f"The model folder of odd holds shards of a distributed checkpoint ({name}), which transformers puts "
            "before all other weights. Move them away, or save the model with save_pretrained into a new folder."
        )


class TestNamesOfFiles:
    @pytest.mark.parametrize(
        "name",
        ["../other.safetensors", "/etc/other.safetensors", "pytorch_model.bin", "a/../../b.safetensors", "\0", ""],
    )
    def test_an_index_that_leads_elsewhere(self, name: str, folder: Path) -> None:
        names = list(load_file(folder / WHOLE))
        (folder / WHOLE).rename(folder.parent / "other.safetensors")
        write_index(folder, dict.fromkeys(names, name))
        assert told(errors.ModelError, folder) == (
            f"{folder / INDEX} names {name!r} for the weights; only safetensors files of the same folder are read. "
            "Copy or download the model again."
        )

    @pytest.mark.parametrize("name", ["../other.safetensors", "adapter_model.bin", 7, "own.index.json"])
    def test_a_config_that_leads_elsewhere(self, name: object, folder: Path) -> None:
        """Trap: transformers reads an adapter_model.bin that the config names, a pickle, as the whole model."""
        torch.save(others(folder), folder / "adapter_model.bin")
        change_config(folder, transformers_weights=name)
        assert told(errors.ModelError, folder) == (
            f"{folder / 'config.json'} names {name!r} for the weights; only safetensors files of the same folder are "
            "read. Copy or download the model again."
        )

    def test_a_config_that_names_a_missing_file(self, folder: Path) -> None:
        change_config(folder, transformers_weights="own.safetensors")
        assert told(errors.NoSafetensors, folder) == (
            "The model folder of odd lacks own.safetensors, which its config.json names. Copy or download it again."
        )

    @pytest.mark.parametrize(
        "content",
        [{"weight_map": {"a": "b.safetensors"}}, {"metadata": {}, "weight_map": {}}, {"weight_map": {"a": []}}],
    )
    def test_an_index_that_is_none(self, content: object, folder: Path) -> None:
        (folder / WHOLE).unlink()
        (folder / INDEX).write_text(json.dumps(content))
        assert told(errors.ModelError, folder) == (
            f"{folder / INDEX} is not the index of a checkpoint. Copy or download it again."
        )


class TestRandomWeights:
    """What transformers would fill with random numbers, or leave out, and only log."""

    def test_a_weight_of_another_size(self, folder: Path) -> None:
        tensors = load_file(folder / WHOLE)
        for name in ("model.norm.weight", "model.layers.0.input_layernorm.weight"):
            tensors[name] = torch.ones(16)
        save_file(tensors, folder / WHOLE, {"format": "pt"})
        assert told(errors.ModelError, folder) == (
            "The checkpoint of odd does not fit its config.json: model.layers.0.input_layernorm.weight is stored as "
            "[16], the architecture has [32], and 1 more weights. Copy or download both again."
        )

    def test_a_table_that_was_resized_without_its_config(self, folder: Path) -> None:
        tensors = load_file(folder / WHOLE)
        rows = len(tensors["model.embed_tokens.weight"])
        tensors["model.embed_tokens.weight"] = torch.zeros(rows + 8, 32)
        save_file(tensors, folder / WHOLE, {"format": "pt"})
        assert told(errors.ModelError, folder) == (
            f"The checkpoint of odd does not fit its config.json: model.embed_tokens.weight is stored as [{rows + 8}, "
            f"32], the architecture has [{rows}, 32]. Copy or download both again."
        )

    def test_names_of_another_program(self, folder: Path) -> None:
        tensors = load_file(folder / WHOLE)
        moved = {name: tensors.pop(name) for name in list(tensors) if "self_attn.q_proj" in name}
        tensors |= {name.replace("weight", "qweight"): tensor for name, tensor in moved.items()}
        save_file(tensors, folder / WHOLE, {"format": "pt"})
        q = [f"model.layers.{layer}.self_attn.q_proj." for layer in range(3)]
        assert told(errors.ModelError, folder) == (
            f"The checkpoint of odd lacks 3 weights of its architecture ({q[0]}weight, {q[1]}weight, {q[2]}weight): "
            f"they would be random. It holds 3 tensors under other names ({q[0]}qweight, {q[1]}qweight, {q[2]}qweight)."
            " Use a complete causal language model."
        )
