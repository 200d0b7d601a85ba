"""The whole messages of prompt files and PEFT folders that cannot be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from embedgrad.errors import BadPromptFile, FileMissing, FolderExists, PromptError, UnknownVersion
from embedgrad.prompt.exchange import read_peft, write_peft
from embedgrad.prompt.file import PromptFile, PromptRecord, decode, encode, read
from embedgrad.template.layout import RenderedTemplate
from embedgrad.template.template import Slot, Template

AGAIN = "Get the file again from where it came, or save the prompt again."
RECORD = PromptRecord(
    text=None,
    template=None,
    base=None,
    trainable=None,
    created="2026-01-02T03:04:05+00:00",
    metrics={},
    settings={},
)
CONTENT = PromptFile(np.ones((2, 2), np.float32), None, RECORD)
GOOD = encode(CONTENT)


def message(data: bytes, error: type[PromptError] = BadPromptFile) -> str:
    with pytest.raises(error) as raised:
        decode(data, "emotion.safetensors")
    return str(raised.value)


def test_missing(tmp_path):
    with pytest.raises(FileMissing) as raised:
        read(tmp_path / "emotion.safetensors")
    assert str(raised.value) == f"{tmp_path}/emotion.safetensors is not there. Check the path."


def test_folder(tmp_path):
    with pytest.raises(BadPromptFile) as raised:
        read(tmp_path)
    assert str(raised.value) == f"{tmp_path} cannot be read: it is a folder, not a file. Name the file itself."


def test_unreadable(tmp_path, monkeypatch):
    path = tmp_path / "p.safetensors"
    path.write_bytes(GOOD)

    def denied(*_args):  # as root, who may read everything, chmod is no help
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(BadPromptFile) as raised:
        read(path)
    assert str(raised.value) == f"{path} cannot be read: Permission denied. Check its permissions."


def test_too_large(tmp_path):
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(5_000_000_000)
    with pytest.raises(BadPromptFile) as raised:
        read(path)
    assert str(raised.value) == (
        f"{path} cannot be read: it has 5,000,000,000 bytes; at most 64,000,000 are read. Check what it is."
    )


def test_text_file():
    assert message(b"Determine the main emotion of the message.") == (
        "emotion.safetensors is not a usable prompt file: its first 8 bytes do not give a header's "
        f"length: it is no safetensors file. {AGAIN}"
    )


def test_cut():
    assert message(GOOD[:-4]) == (
        f"emotion.safetensors is not a usable prompt file: its tensors end at byte {len(GOOD)}, "
        f"the file at byte {len(GOOD) - 4}. {AGAIN}"
    )


def test_altered():
    digest = GOOD[GOOD.index(b"content_sha256") + 19 :][:64].decode()
    altered = GOOD.replace(b"2026", b"2027")
    found = message(altered)
    assert found.startswith(
        "emotion.safetensors is not a usable prompt file: its content_sha256 is "
        f"'{digest[:27]}...{digest[-28:]}', but its bytes give '"
    )
    assert found.endswith(f"': it is damaged or altered. {AGAIN}")


def test_other_kind_of_file():
    header = b'{"__metadata__":{"format":"pt"}}'
    assert message(len(header).to_bytes(8, "little") + header) == (
        "emotion.safetensors is not a usable prompt file: it has no embedgrad record in its metadata "
        f"{{'format': 'pt'}}: it is another kind of file. {AGAIN}"
    )


def test_later_version():
    assert message(GOOD.replace(b'format_version\\":1', b'format_version\\":7'), UnknownVersion) == (
        "emotion.safetensors has the format version 7; this embedgrad reads version 1. "
        "Update it: pip install --upgrade embedgrad"
    )


def test_not_saved():
    with pytest.raises(PromptError) as raised:
        encode(PromptFile(np.array([[1.0], [np.inf]], np.float32), None, RECORD))
    assert str(raised.value) == (
        "This prompt cannot be saved: row 1 of prompt_embeddings holds NaN or infinity; expected finite numbers."
    )


def test_peft_pickle(tmp_path):
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(BadPromptFile) as raised:
        read_peft(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}/adapter_model.bin is a pickle, which can run code when it is read; embedgrad reads only "
        "adapter_model.safetensors. Save it again with PEFT's save_pretrained(..., safe_serialization=True)."
    )


def test_peft_lora(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(BadPromptFile) as raised:
        read_peft(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path} is not a usable PEFT prompt: adapter_config.json has the peft_type 'LORA'; expected "
        "PROMPT_TUNING, P_TUNING, CPT. Save it again with PEFT's save_pretrained."
    )


def test_peft_slot_in_front(tmp_path):
    segments = (Slot(name="input"), Slot(name="prompt"))
    template = RenderedTemplate(source=Template.text("{input}{prompt}"), segments=segments, target_end_ids=())
    content = PromptFile(CONTENT.embeddings, None, RECORD.model_copy(update={"template": template}))
    with pytest.raises(PromptError) as raised:
        write_peft(tmp_path / "peft", content, np.ones((0, 2), np.float32), 1, 1)
    assert str(raised.value) == (
        "This prompt cannot be a PEFT folder: {input} stands before {prompt} in its template, "
        "and PEFT puts its prompt first. Tune with a template that starts with the prompt."
    )


def test_peft_folder_in_use(tmp_path: Path):
    (tmp_path / "mine").touch()
    with pytest.raises(FolderExists) as raised:
        write_peft(tmp_path, CONTENT, np.ones((0, 2), np.float32), 1, 1)
    assert str(raised.value) == f"{tmp_path} is there already and not empty. Name a new folder."
