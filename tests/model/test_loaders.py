"""One more way of storing a base model: a file with a checkpoint of its own, and one line."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import embedgrad as eg
from embedgrad import errors
from embedgrad.model.load import loaders, safetensors
from embedgrad.model.load.loaders import LOADERS, hub_files, recognised
from embedgrad.model.load.safetensors import SafetensorsFolder
from embedgrad.model.load.stored import Loader, Say, Source, StoredModel


@dataclass(frozen=True)
class Halved:
    """A toy of a quantised base: each weight is stored as half of what it is, in a .halved beside config.json."""

    source: Source

    def prepare(self, say: Say) -> None:
        say("prepared")

    def config(self) -> Any:
        return self._beside.config()

    def tokenizer(self) -> Any:
        return self._beside.tokenizer()

    def check(self) -> None:
        if not self._file.stat().st_size:
            raise errors.ModelError(f"{self._file} is empty.")

    def bytes_in(self, dtype: torch.dtype) -> int:
        return self._file.stat().st_size

    def digest(self) -> str:
        return hashlib.sha256(self._file.read_bytes()).hexdigest()

    def weights(self, dtype: torch.dtype, place: torch.device, say: Say) -> Any:
        from safetensors.torch import load_file
        from transformers import AutoModelForCausalLM

        lm = AutoModelForCausalLM.from_config(self.config(), dtype=dtype)
        lm.load_state_dict({name: 2 * tensor for name, tensor in load_file(self._file).items()}, strict=False)
        say("weights were stored halved")
        return lm.to(place)

    @property
    def _beside(self) -> SafetensorsFolder:
        return SafetensorsFolder(self.source)

    @property
    def _file(self) -> Path:
        return next(self.source.path.glob("*.halved"))


def recognise(source: Source) -> StoredModel | None:
    return Halved(source) if any(source.path.glob("*.halved")) else None


@pytest.fixture
def folder(tiny_folder, tmp_path: Path) -> Path:
    """Its weights halved, in another format."""
    from safetensors.torch import load_file, save_file

    found = Path(shutil.copytree(tiny_folder("llama"), tmp_path / "halved"))
    tensors = load_file(found / "model.safetensors")
    (found / "model.safetensors").unlink()
    save_file({name: tensor / 2 for name, tensor in tensors.items()}, found / "model.halved")
    return found


def test_a_loader_takes_over_from_a_refusal(folder: Path, tiny_model, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.ModelError, match="The model folder of halved holds no weights"):
        eg.load_model(folder)
    monkeypatch.setattr(loaders, "LOADERS", (*LOADERS[:2], Loader(recognise, ("*.halved",)), *LOADERS[3:]))
    said: list[str] = []
    model, wanted = eg.load_model(folder, say=said.append), tiny_model("llama")
    embeds = wanted.embed([5, 9, 300])[None]
    with torch.no_grad():
        assert torch.equal(model.lm(inputs_embeds=embeds).logits, wanted.lm(inputs_embeds=embeds).logits)
    assert model.identity.weights == hashlib.sha256((folder / "model.halved").read_bytes()).hexdigest()
    assert model.identity.tokenizer == wanted.identity.tokenizer
    assert said == ["prepared", "weights were stored halved"]
    assert "*.halved" in hub_files()
    assert not any(weight.requires_grad for weight in model.lm.parameters())


def test_what_is_not_whole_is_refused_before_it_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "LOADERS", (Loader(recognise),))
    (folder / "model.halved").write_bytes(b"")
    with pytest.raises(errors.ModelError, match=r"model\.halved is empty\."):
        eg.load_model(folder)


def test_a_plain_folder_is_the_last_loaders(tiny_folder) -> None:
    source = Source(tiny_folder("llama"), "llama")
    assert [loader.recognise(source) for loader in LOADERS] == [None, None, None, SafetensorsFolder(source)]
    assert recognised(source) == SafetensorsFolder(source)


def test_a_source_that_nobody_takes(tiny_folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "LOADERS", LOADERS[:3])
    with pytest.raises(errors.ModelError) as raised:
        eg.load_model(tiny_folder("llama"))
    label = tiny_folder("llama").name
    assert str(raised.value) == f"{label} is stored in no way that is known here."


def test_recognising_reads_no_weights(tiny_folder, tmp_path: Path) -> None:
    """Only names of files and small JSON: a checkpoint of other bytes is recognised, and refused when it is read."""
    spoiled = Path(shutil.copytree(tiny_folder("llama"), tmp_path / "spoiled"))
    (spoiled / "model.safetensors").write_bytes(b"nothing of the kind")
    checkpoint = safetensors.recognise(Source(spoiled, "spoiled"))
    checkpoint.check()
    with pytest.raises(errors.ModelError, match="is not a safetensors file"):
        checkpoint.bytes_in(torch.float32)
