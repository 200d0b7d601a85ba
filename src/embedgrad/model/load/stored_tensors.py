"""What safetensors files say of themselves: their tensors' names and shapes, and a digest of a few bytes of each."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedgrad.errors import ModelError
from embedgrad.model.load.weight_files import weight_files

_CHUNK_BYTES = 4096


def weights_digest(folder: Path) -> str:
    """SHA-256 over the stored tensors in sorted order: name, shape, stored dtype and the first, middle and last
    4 KiB of each one's bytes. Reads a few MB whatever the model's size; the shard layout does not matter."""
    digest = hashlib.sha256()
    for name, shape, dtype, chunks in sorted(_tensors(folder)):
        digest.update(json.dumps([name, shape, dtype]).encode())
        for chunk in chunks:
            digest.update(chunk)
    return digest.hexdigest()


def stored_elements(folder: Path) -> int:
    """Number of parameters in the checkpoint, read from the headers alone."""
    headers = (_header(path)[0] for path in weight_files(folder))
    shapes = (entry["shape"] for header in headers for entry in header.values())
    return sum(map(math.prod, shapes))


def _tensors(folder: Path) -> Iterator[tuple[str, list[int], str, list[bytes]]]:
    for path in weight_files(folder):
        header, data_start = _header(path)
        with path.open("rb") as file:
            for name, entry in header.items():
                begin, end = entry["data_offsets"]
                size = min(_CHUNK_BYTES, end - begin)
                chunks = []
                for start in (begin, begin + (end - begin - size) // 2, end - size):
                    file.seek(data_start + start)
                    chunks.append(file.read(size))
                yield name, entry["shape"], entry["dtype"], chunks


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Header of a safetensors file without its metadata, and where the data start. Raises ModelError."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, size)))
        header.pop("__metadata__", None)
        end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (struct.error, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ModelError(f"{path} is not a safetensors file. Copy or download it again.") from error
    if end != size:
        raise ModelError(f"{path} should have {end} bytes and has {size}. Copy or download it again.")
    return header, 8 + length
