"""Safetensors files with a record that starts with the SHA-256 of the whole file, its own 64 digits taken as zeros.

    metadata embedgrad   one JSON object: content_sha256 first, then format_version and the fields of what is kept

No byte can change unnoticed. It tells damage, not who made the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy.typing as npt
from pydantic import ValidationError

from embedgrad.json_shape import Shape
from embedgrad.prompt.container import LIMITS, METADATA, Limits, pack
from embedgrad.strict_json import MalformedError, legible, shown, strict_json

KEY = "embedgrad"
_NO_DIGEST = "0" * 64
_RECORD_START = '{"content_sha256":"'
_FILE_START = f'{{"{METADATA}":{{"{KEY}":{json.dumps(_RECORD_START)[:-1]}'.encode()
DIGEST = slice(8 + len(_FILE_START), 8 + len(_FILE_START) + 64)

Record = TypeVar("Record", bound=Shape)


def sealed(fields: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The whole file; equal content gives equal bytes. Raises ValueError for what JSON cannot say."""
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    data = pack({KEY: f'{_RECORD_START}{_NO_DIGEST}",{text[1:]}'}, tensors)
    data[DIGEST] = content_sha256(data).encode()
    return bytes(data)


def content_sha256(data: bytes | bytearray) -> str:
    """SHA-256 of a sealed file's bytes with its own 64 digits as zeros, in lower-case hex."""
    view = memoryview(data)
    digest = hashlib.sha256(view[: DIGEST.start])
    digest.update(_NO_DIGEST.encode())
    digest.update(view[DIGEST.stop :])
    return digest.hexdigest()


def record_text(header: Mapping[str, Any], limits: Limits = LIMITS) -> tuple[str, int]:
    """The record's JSON text, and its format version. Raises MalformedError."""
    metadata = header.get(METADATA)
    if not isinstance(metadata, dict) or not isinstance(metadata.get(KEY), str):
        raise MalformedError(f"it has no {KEY} record in its metadata {shown(metadata)}: it is another kind of file")
    record = strict_json(metadata[KEY], f"its {KEY} record", limits.json)
    version = record.get("format_version") if isinstance(record, dict) else None
    if type(version) is not int:
        raise MalformedError(f"its {KEY} record has the format_version {shown(version)}; expected 1")
    return metadata[KEY], version


def without_digest(data: bytes, header: Mapping[str, Any], text: str) -> str:
    """The record's JSON `text` without its content_sha256, which agrees with the file's bytes."""
    if len(header[METADATA]) > 1:
        raise MalformedError(f"its metadata has the keys {shown(list(header[METADATA]))}; expected {KEY} only")
    if not data.startswith(_FILE_START, 8):
        raise MalformedError("its header does not start with content_sha256: another program rewrote it")
    digest, stored = content_sha256(data), data[DIGEST]
    if stored != digest.encode():
        raise MalformedError(
            f"its content_sha256 is {shown(stored.decode('latin-1'))}, but its bytes give {shown(digest)}: "
            "it is damaged or altered"
        )
    rest = text.removeprefix(f'{_RECORD_START}{digest}",')
    if rest == text:
        raise MalformedError("its content_sha256 is longer than 64 digits")
    return "{" + rest


def record_of(kind: type[Record], text: str) -> Record:
    """The record in JSON `text`. Raises MalformedError that names the first wrong field."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = legible(".".join(map(str, first["loc"])) or "its record")
        if first["type"] == "missing":
            raise MalformedError(f"{place} is missing from its record") from None
        raise MalformedError(f"{place} is {shown(first['input'])}: {legible(first['msg'])}") from None
