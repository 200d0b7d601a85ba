"""From a GGUF file to a folder of plain weights, as transformers reads the file: what it would read wrong is refused.

Weights that the file holds in 16 or 32 bits stay as they are. Quantised ones become bfloat16, which rounds them by one
part in 256 at most, less than quantising did: a float32 model of the folder is not the very function of the file.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from embedgrad.errors import ModelError, NotEnoughMemory, OutputError
from embedgrad.events import Say
from embedgrad.model import hooks
from embedgrad.model.converted import CACHE, cache_folder, keep
from embedgrad.model.families import check_causal
from embedgrad.model.load.by_transformers import Loaded, quiet, told
from embedgrad.model.load.folder import CONFIG
from embedgrad.model.load.gguf_header import Header, read_header
from embedgrad.model.load.gguf_tokenizer import save_tokenizer
from embedgrad.model.load.safetensors import check_report
from embedgrad.model.memory import free_bytes

_NEEDED = ("gguf", "accelerate")  # by transformers, to read GGUF


def convert(file: Path, digest: str, say: Say) -> Path:
    """The folder of plain weights and tokenizer that `file`, of this SHA-256, becomes: in the cache, for all later
    loads. Raises ModelError, NotEnoughMemory, OutputError."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ModelError(
            f"{file} is a GGUF file, and reading one needs {' and '.join(missing)}. Install: pip install "
            f"{' '.join(missing)}"
        )
    header = read_header(file)
    _check_room(header)
    say(f"converting {file.name} to plain weights, once: half a minute or more, depending on its size")

    def write(folder: Path) -> None:
        # Trap: transformers would read what else lies in the file's folder, such as another tokenizer.
        with quiet(), hooks.no_gguf_bar(), TemporaryDirectory() as alone:
            (Path(alone) / file.name).symlink_to(file.absolute())
            _write(Path(alone), file.name, header, folder, say)

    try:
        return keep(digest, header.label, write)
    except OutputError as error:
        raise OutputError(f"{error} Another place for converted models: the environment variable {CACHE}.") from error


def _write(alone: Path, name: str, header: Header, folder: Path, say: Say) -> None:
    config = _read(header, lambda: AutoConfig.from_pretrained(alone, gguf_file=name))
    check_causal(config, header.label)
    tokenizer = _read(header, lambda: AutoTokenizer.from_pretrained(alone, gguf_file=name, config=config))
    lm, report = _read(
        header,
        lambda: AutoModelForCausalLM.from_pretrained(
            alone,
            gguf_file=name,
            config=config,
            dtype=header.dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
        ),
    )
    check_report(report, header.label, say)
    _check_all_read(lm, header)
    plain = _read(header, lambda: _unquantised(lm))
    try:
        plain.save_pretrained(folder)
    except SafetensorError as error:  # the disk's own words and number are in its text alone
        code = next((code for code in (errno.ENOSPC, errno.EDQUOT) if f"code: {code}," in str(error)), errno.EIO)
        raise OSError(code, os.strerror(code)) from error
    for weights in folder.glob("*.safetensors"):  # made for their owner alone, unlike the other files
        shutil.copymode(folder / CONFIG, weights)
    save_tokenizer(tokenizer, header, folder)


def _unquantised(lm: Any) -> Any:
    """The same model without what transformers remembers of its file, which would be told from the folder, too."""
    config = lm.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = type(lm)(config)
    plain.load_state_dict(lm.state_dict(), assign=True)
    plain.tie_weights()
    return plain


def _check_all_read(lm: Any, header: Header) -> None:
    """Raises ModelError where the file has numbers that have no place in the model: transformers leaves such tensors
    out in silence (`rope_freqs.weight` of Llama 3.1, which scales its positions)."""
    read = sum({tensor.data_ptr(): tensor.numel() for tensor in lm.state_dict().values()}.values())
    if read != header.elements:
        raise ModelError(
            f"{header.label} holds {header.elements:,} numbers, of which transformers' {type(lm).__name__} takes "
            f"{read:,}: it would be another model. {_OTHERWISE}"
        )


def _read(header: Header, load: Callable[[], Loaded]) -> Loaded:
    try:
        return told(header.label, load)
    except ModelError as error:
        raise ModelError(f"{str(error).rstrip('.')}. {_OTHERWISE}") from error.__cause__


_OTHERWISE = "Give the model that it was made from, as safetensors."


def _check_room(header: Header) -> None:
    need = header.elements * header.dtype.itemsize
    if need > (free := free_bytes(torch.device("cpu"))):
        raise NotEnoughMemory(
            f"Converting {header.label} takes {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free. Do it "
            f"once where there is more, and copy {cache_folder() / 'models'}."
        )
    there = next(path for path in (cache_folder(), *cache_folder().parents) if path.is_dir())
    if need > (free := shutil.disk_usage(there).free):
        raise OutputError(
            f"Converting {header.label} takes {need / 1e9:.1f} GB in {cache_folder()}, and {free / 1e9:.1f} GB are "
            f"free there. Make room, or name another place in the environment variable {CACHE}."
        )
