"""Safetensors bytes around one prompt, ours or PEFT's, checked before anything in them is used.

The safetensors library (0.8) accepts duplicate keys, NaN, any tensor name and a million empty tensors. A
prompt is one or two named tensors: all else is refused here, by numpy and the standard library alone.

**Source**: the format, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from embedgrad.strict_json import MalformedError, MostOf, shown, strict_json

PROMPT_TENSOR, METADATA = "prompt_embeddings", "__metadata__"
MAX_ROWS = 20_000


@dataclass(frozen=True)
class Limits:
    """What a file may have at most: bytes in all, bytes of its header, and what one JSON text holds."""

    file_bytes: int
    header_bytes: int
    json: MostOf


LIMITS = Limits(64_000_000, 1_000_000, MostOf(values=30_000, keys=2_000))
MAX_FILE_BYTES, MAX_HEADER_BYTES = LIMITS.file_bytes, LIMITS.header_bytes
_NUMPY_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}


@dataclass(frozen=True)
class Tensor:
    """One tensor of the file: `start` counts bytes from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        return self.start + math.prod(self.shape) * np.dtype(_NUMPY_TYPES[self.dtype]).itemsize

    def array(self, data: bytes) -> npt.NDArray[Any]:
        """A read-only view of `data`; BF16 comes as its uint16 bits."""
        count = math.prod(self.shape)
        return np.frombuffer(data, _NUMPY_TYPES[self.dtype], count, self.start).reshape(self.shape)


def parse_header(data: bytes, limits: Limits = LIMITS) -> tuple[dict[str, Any], int]:
    """The header's JSON object, and the byte where the tensors start. Raises MalformedError."""
    if len(data) > limits.file_bytes:
        raise MalformedError(f"it has {len(data):,} bytes; at most {limits.file_bytes:,} are expected")
    if len(data) < 8:
        raise MalformedError(f"it has {len(data)} bytes; 8 are expected just for its header's length")
    length, rest = int.from_bytes(data[:8], "little"), len(data) - 8
    if length > limits.file_bytes:
        raise MalformedError("its first 8 bytes do not give a header's length: it is no safetensors file")
    if length > limits.header_bytes:
        raise MalformedError(
            f"its first 8 bytes announce a header of {length:,} bytes; at most {limits.header_bytes:,} expected"
        )
    if length > rest:
        raise MalformedError(f"its header should have {length:,} bytes, but only {rest:,} are there")
    header = strict_json(data[8 : 8 + length], "its header", limits.json)
    if not isinstance(header, dict):
        raise MalformedError(f"its header is {shown(header)}; a JSON object is expected")
    return header, 8 + length


def find_tensors(
    header: Mapping[str, Any],
    start: int,
    size: int,
    dtypes: Mapping[str, tuple[str, ...]],
    needed: Sequence[str] = (PROMPT_TENSOR,),
    most_dimensions: int = 2,
) -> dict[str, Tensor]:
    """The tensors in a file of `size` bytes: only names in `dtypes`, those `needed`, each [P, D], among them; no other
    has more than `most_dimensions`.

    They must fill the bytes from `start` to the end without a gap or an overlap. Raises MalformedError.
    """
    names = [name for name in header if name != METADATA]
    strange = [name for name in names if name not in dtypes]
    if strange or not set(needed) <= set(names):
        raise MalformedError(f"it holds the tensors {shown(names)}; expected {' and perhaps '.join(dtypes)}")
    tensors = {name: _tensor(name, header[name], start, dtypes[name], most_dimensions) for name in names}
    end = start
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].start):
        if tensor.start != end:
            raise MalformedError(f"{name} starts at byte {shown(tensor.start)}; expected {end:,}")
        end = tensor.stop
    if end != size:
        raise MalformedError(f"its tensors end at byte {shown(end)}, the file at byte {size:,}")
    for name in needed:
        shape = tensors[name].shape
        if len(shape) != 2 or shape[0] > MAX_ROWS:
            raise MalformedError(f"{name} has the shape {shown(shape)}; expected [P, D], P <= {MAX_ROWS:,}")
    return tensors


def float_rows(data: bytes, tensor: Tensor, name: str = PROMPT_TENSOR) -> npt.NDArray[np.float32]:
    """The tensor's rows as float32, a copy. Raises MalformedError unless all values are finite."""
    rows = tensor.array(data)
    if tensor.dtype == "BF16":
        rows = (rows.astype(np.uint32) << 16).view(np.float32)
    finite = np.isfinite(rows).all(axis=-1)
    if not finite.all():
        raise MalformedError(f"row {int(finite.argmin())} of {name} holds NaN or infinity; expected finite numbers")
    return rows.astype(np.float32)


def pack(metadata: Mapping[str, str], tensors: Mapping[str, npt.NDArray[Any]]) -> bytearray:
    """A safetensors file with float32 and int64 `tensors` one after the other, in their order."""
    header: dict[str, Any] = {METADATA: dict(metadata)}
    end = 0
    for name, array in tensors.items():
        dtype = {"f": "F32", "i": "I64"}[array.dtype.kind]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors start on a multiple of 8, as the library writes it
    data = bytearray(len(text).to_bytes(8, "little") + text)
    for name, array in tensors.items():
        data += array.astype(_NUMPY_TYPES[header[name]["dtype"]]).tobytes()
    return data


def _tensor(name: str, entry: Any, start: int, dtypes: tuple[str, ...], most_dimensions: int) -> Tensor:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise MalformedError(f"{name} is described by {shown(entry)}; expected dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in dtypes:
        raise MalformedError(f"{name} has the dtype {shown(dtype)}; expected {' or '.join(dtypes)}")
    if not _whole(shape) or not 1 <= len(shape) <= most_dimensions or 0 in shape:
        between = "or" if most_dimensions == 2 else "to"
        raise MalformedError(
            f"{name} has the shape {shown(shape)}; expected 1 {between} {most_dimensions} positive integers"
        )
    if not _whole(offsets) or len(offsets) != 2:
        raise MalformedError(f"{name} has the data_offsets {shown(offsets)}; expected 2 integers from 0 up")
    tensor = Tensor(dtype, tuple(shape), start + offsets[0])
    if tensor.stop != start + offsets[1]:
        raise MalformedError(
            f"{name} has the shape {shown(shape)} in {shown(offsets[1] - offsets[0])} bytes; "
            f"expected {shown(tensor.stop - tensor.start)} bytes"
        )
    return tensor


def _whole(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 2**63 for n in numbers)
