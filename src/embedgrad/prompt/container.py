"""Safetensors bytes around one prompt, ours or PEFT's, checked before anything in them is used.

The safetensors library (0.8) accepts duplicate keys, NaN, any tensor name and a million empty tensors. A
prompt is one or two named tensors: all else is refused here, by numpy and the standard library alone.

**Source**: the format, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

PROMPT, METADATA = "prompt_embeddings", "__metadata__"
MAX_FILE_BYTES, MAX_HEADER_BYTES, MAX_ROWS = 64_000_000, 1_000_000, 20_000
MAX_VALUES = 30_000  # in one JSON text: pydantic keeps an object for each wrong one
_NUMPY_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}
_shorten = reprlib.Repr()
_shorten.maxstring = _shorten.maxother = _shorten.maxlong = 60


class MalformedError(Exception):
    """What was found and what was expected; the reader adds the file's name and what to do."""


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


def shown(value: object) -> str:
    """`value` as it is quoted in a message: short, on one line, whatever it is."""
    return _shorten.repr(value)


def legible(text: str) -> str:
    """A message made elsewhere, which may quote the file: quoted and cut unless short and printable."""
    return text if len(text) <= 200 and text.isprintable() else f"{text[:200]!r}..."


def strict_json(data: bytes | str, what: str) -> Any:
    """JSON without duplicate keys, NaN or infinities. Raises MalformedError naming `what`."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise MalformedError(f"{what} is nested too deep") from None
    except ValueError as error:
        raise MalformedError(f"{what} is not valid JSON: {error}") from None
    if _has_more_values(value, MAX_VALUES):
        raise MalformedError(f"{what} holds more than {MAX_VALUES:,} values")
    return value


def parse_header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header's JSON object, and the byte where the tensors start. Raises MalformedError."""
    if len(data) > MAX_FILE_BYTES:
        raise MalformedError(f"it has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are expected")
    if len(data) < 8:
        raise MalformedError(f"it has {len(data)} bytes; 8 are expected just for its header's length")
    length, rest = int.from_bytes(data[:8], "little"), len(data) - 8
    if length > MAX_FILE_BYTES:
        raise MalformedError("its first 8 bytes do not give a header's length: it is no safetensors file")
    if length > MAX_HEADER_BYTES:
        raise MalformedError(
            f"its first 8 bytes announce a header of {length:,} bytes; at most {MAX_HEADER_BYTES:,} expected"
        )
    if length > rest:
        raise MalformedError(f"its header should have {length:,} bytes, but only {rest:,} are there")
    header = strict_json(data[8 : 8 + length], "its header")
    if not isinstance(header, dict):
        raise MalformedError(f"its header is {shown(header)}; a JSON object is expected")
    return header, 8 + length


def find_tensors(
    header: Mapping[str, Any], start: int, size: int, dtypes: Mapping[str, tuple[str, ...]]
) -> dict[str, Tensor]:
    """The tensors in a file of `size` bytes: only names in `dtypes`, `prompt_embeddings` [P, D] among them.

    They must fill the bytes from `start` to the end without a gap or an overlap. Raises MalformedError.
    """
    names = [name for name in header if name != METADATA]
    strange = [name for name in names if name not in dtypes]
    if strange or PROMPT not in names:
        raise MalformedError(f"it holds the tensors {shown(names)}; expected {' and perhaps '.join(dtypes)}")
    tensors = {name: _tensor(name, header[name], start, dtypes[name]) for name in names}
    end = start
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].start):
        if tensor.start != end:
            raise MalformedError(f"{name} starts at byte {shown(tensor.start)}; expected {end:,}")
        end = tensor.stop
    if end != size:
        raise MalformedError(f"its tensors end at byte {shown(end)}, the file at byte {size:,}")
    shape = tensors[PROMPT].shape
    if len(shape) != 2 or shape[0] > MAX_ROWS:
        raise MalformedError(f"{PROMPT} has the shape {shown(shape)}; expected [P, D], P <= {MAX_ROWS:,}")
    return tensors


def float_rows(data: bytes, tensor: Tensor) -> npt.NDArray[np.float32]:
    """The tensor's rows as float32, a copy. Raises MalformedError unless all values are finite."""
    rows = tensor.array(data)
    if tensor.dtype == "BF16":
        rows = (rows.astype(np.uint32) << 16).view(np.float32)
    finite = np.isfinite(rows).all(axis=-1)
    if not finite.all():
        raise MalformedError(f"row {int(finite.argmin())} of {PROMPT} holds NaN or infinity; expected finite numbers")
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


def _tensor(name: str, entry: Any, start: int, dtypes: tuple[str, ...]) -> Tensor:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise MalformedError(f"{name} is described by {shown(entry)}; expected dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in dtypes:
        raise MalformedError(f"{name} has the dtype {shown(dtype)}; expected {' or '.join(dtypes)}")
    if not _whole(shape) or not 1 <= len(shape) <= 2 or 0 in shape:
        raise MalformedError(f"{name} has the shape {shown(shape)}; expected 1 or 2 positive integers")
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


def _has_more_values(value: Any, limit: int) -> bool:
    stack, seen = [value], 0
    while stack and seen + len(stack) <= limit:
        seen += 1
        top = stack.pop()
        stack.extend(top.values() if isinstance(top, dict) else top if isinstance(top, list) else ())
    return bool(stack)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} occurs twice")
        found[key] = value
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{shown(digits)} is too large")
    return number
