"""The prompt file: one .safetensors file that replaces a prompt's text.

    tensor prompt_embeddings  [P, D] float32
    tensor initial_ids        [P] int64, where a text was the start
    metadata embedgrad        one JSON object: content_sha256 first, then the fields of PromptRecord

`content_sha256` covers the whole file with its own 64 digits as zeros, so no byte can change unnoticed. It
tells damage, not who made the file. Reading imports, downloads and executes nothing and needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, JsonValue, ValidationError

from embedgrad.durable import write_file
from embedgrad.errors import BadPromptFile, FileMissing, PromptError, TemplateError, UnknownVersion
from embedgrad.prompt.container import (
    MAX_FILE_BYTES,
    METADATA,
    PROMPT,
    MalformedError,
    Tensor,
    find_tensors,
    float_rows,
    legible,
    pack,
    parse_header,
    shown,
    strict_json,
)
from embedgrad.shapes import BaseIdentity, Shape
from embedgrad.template import template as slots
from embedgrad.template.layout import RenderedTemplate
from embedgrad.template.template import FixedText, Slot, Template

KEY, IDS = "embedgrad", "initial_ids"
_NO_DIGEST = "0" * 64
_RECORD_START = '{"content_sha256":"'
_FILE_START = f'{{"{METADATA}":{{"{KEY}":{json.dumps(_RECORD_START)[:-1]}'.encode()
_DIGEST = slice(8 + len(_FILE_START), 8 + len(_FILE_START) + 64)
_DTYPES = {PROMPT: ("F32",), IDS: ("I64",)}
_ADVICE = "Get the file again from where it came, or save the prompt again."


def _utc(value: str) -> str:
    if datetime.fromisoformat(value).utcoffset() != timedelta(0):
        raise ValueError("expected an ISO 8601 time in UTC")
    return value


class PromptRecord(Shape):
    """What a prompt file knows besides its numbers.

    text       the words it started from
    template   where it stands, as the model reads it
    base       the base model it was tuned on; None where nobody said
    trainable  which of the P rows tuning may move (True = may); None = all
    created    ISO 8601, UTC
    metrics    what was measured when it was saved
    settings   what it was made with
    """

    format_version: Literal[1] = 1
    text: str | None
    template: RenderedTemplate | None
    base: BaseIdentity | None
    trainable: tuple[bool, ...] | None
    created: Annotated[str, AfterValidator(_utc)]
    metrics: dict[str, JsonValue]
    settings: dict[str, JsonValue]


@dataclass(frozen=True, eq=False)
class PromptFile:
    """A prompt as it is stored: `embeddings` [P, D] float32, `initial_ids` of the text it started from."""

    embeddings: npt.NDArray[np.float32]
    initial_ids: tuple[int, ...] | None
    record: PromptRecord


def read(path: Path) -> PromptFile:
    """The prompt file at `path`. Raises FileMissing, BadPromptFile or UnknownVersion."""
    return decode(read_bytes(path), str(path))


def write(path: Path, content: PromptFile) -> str:
    """Save `content` whole or not at all; returns its content SHA-256. Raises PromptError or OutputError."""
    data = encode(content)
    write_file(path, data)
    return data[_DIGEST].decode()


def encode(content: PromptFile) -> bytes:
    """The whole file; equal content gives equal bytes. Raises PromptError for what `decode` would refuse."""
    if content.embeddings.dtype != np.float32:
        raise PromptError(f"A prompt is saved as float32; these embeddings are {content.embeddings.dtype}.")
    tensors: dict[str, npt.NDArray[Any]] = {}
    try:
        if content.initial_ids is not None:  # in front, where they are aligned
            tensors[IDS] = np.array(content.initial_ids, dtype=np.int64)
        tensors[PROMPT] = content.embeddings
        fields = content.record.model_dump(mode="json")
        text = json.dumps(fields, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        data = pack({KEY: f'{_RECORD_START}{_NO_DIGEST}",{text[1:]}'}, tensors)
        data[_DIGEST] = content_sha256(data).encode()
        whole = bytes(data)
        _decoded(whole)
    except (MalformedError, ValueError, OverflowError, RecursionError) as error:
        raise PromptError(f"This prompt cannot be saved: {error}.") from error
    return whole


def decode(data: bytes, where: str) -> PromptFile:
    """The prompt in `data`; `where` names it in messages. Raises BadPromptFile or UnknownVersion only."""
    try:
        return _decoded(data)
    except UnknownVersion as error:
        raise UnknownVersion(f"{where} {error}") from None
    except (MalformedError, RecursionError) as error:
        raise BadPromptFile(f"{where} is not a usable prompt file: {error}. {_ADVICE}") from None


def content_sha256(data: bytes | bytearray) -> str:
    """SHA-256 of a prompt file's bytes with its own 64 digits as zeros, in lower-case hex."""
    view = memoryview(data)
    digest = hashlib.sha256(view[: _DIGEST.start])
    digest.update(_NO_DIGEST.encode())
    digest.update(view[_DIGEST.stop :])
    return digest.hexdigest()


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """A regular file of at most `limit` bytes, in memory: a mapped file that shrinks kills its reader."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BadPromptFile(f"{path} is not a file. Name the file itself.")
        if found.st_size > limit:
            raise BadPromptFile(
                f"{path} has {found.st_size:,} bytes; at most {limit:,} are expected. Check what it is."
            )
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise FileMissing(f"{path} is not there. Check the path.") from None
    except OSError as error:
        raise BadPromptFile(f"{path} cannot be read: {error.strerror or error}. Check its permissions.") from error


def _decoded(data: bytes) -> PromptFile:
    header, start = parse_header(data)
    text = _record_text(header)
    tensors = find_tensors(header, start, len(data), _DTYPES)
    record = _record(_without_digest(data, text))
    embeddings = float_rows(data, tensors[PROMPT])
    ids = _initial_ids(data, tensors[IDS], len(embeddings)) if IDS in tensors else None
    if record.trainable is not None and len(record.trainable) != len(embeddings):
        raise MalformedError(
            f"trainable has {len(record.trainable)} entries; expected {len(embeddings)}, one for each row"
        )
    if record.template is not None:
        _check_template(record.template)
    return PromptFile(embeddings, ids, record)


def _record_text(header: dict[str, Any]) -> str:
    """The record's JSON text, its version known to be 1."""
    metadata = header.get(METADATA)
    if not isinstance(metadata, dict) or not isinstance(metadata.get(KEY), str):
        raise MalformedError(f"it has no {KEY} record in its metadata {shown(metadata)}: it is another kind of file")
    record = strict_json(metadata[KEY], f"its {KEY} record")
    version = record.get("format_version") if isinstance(record, dict) else None
    if type(version) is not int:
        raise MalformedError(f"its {KEY} record has the format_version {shown(version)}; expected 1")
    if version != 1:
        raise UnknownVersion(
            f"has the format version {shown(version)}; this embedgrad reads version 1. "
            "Update it: pip install --upgrade embedgrad"
        )
    if len(metadata) > 1:
        raise MalformedError(f"its metadata has the keys {shown(list(metadata))}; expected {KEY} only")
    return str(metadata[KEY])


def _without_digest(data: bytes, text: str) -> str:
    """The record's JSON without its content_sha256, which agrees with the file's bytes."""
    if not data.startswith(_FILE_START, 8):
        raise MalformedError("its header does not start with content_sha256: another program rewrote it")
    digest, stored = content_sha256(data), data[_DIGEST]
    if stored != digest.encode():
        raise MalformedError(
            f"its content_sha256 is {shown(stored.decode('latin-1'))}, but its bytes give {shown(digest)}: "
            "it is damaged or altered"
        )
    rest = text.removeprefix(f'{_RECORD_START}{digest}",')
    if rest == text:
        raise MalformedError("its content_sha256 is longer than 64 digits")
    return "{" + rest


def _record(text: str) -> PromptRecord:
    try:
        return PromptRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = legible(".".join(map(str, first["loc"])) or "its record")
        if first["type"] == "missing":
            raise MalformedError(f"{place} is missing from its record") from None
        raise MalformedError(f"{place} is {shown(first['input'])}: {legible(first['msg'])}") from None


def _initial_ids(data: bytes, tensor: Tensor, rows: int) -> tuple[int, ...]:
    if tensor.shape != (rows,):
        raise MalformedError(f"{IDS} has the shape {tensor.shape}; expected ({rows},), one for each row")
    ids = tuple(tensor.array(data).tolist())
    if min(ids) < 0:
        raise MalformedError(f"{IDS} holds {min(ids)}; token ids start at 0")
    return ids


def _check_template(template: RenderedTemplate) -> None:
    """The rendered segments fill the slots of their source, the prompt and the input once each."""
    source = template.source
    try:
        if source.plain is not None:
            again = Template.text(source.plain)
        else:
            again = Template.messages([turn.model_dump() for turn in source.turns])
        again = again.spoken_by(source.chat_template, source.template_arguments)
    except TemplateError as error:
        raise MalformedError(f"template.source is no template: {legible(str(error))}") from None
    if again != source:
        raise MalformedError("template.source has both turns and a plain text; expected one of them")
    if source.plain is not None and (source.chat_template or source.template_arguments):
        raise MalformedError("template.source is plain text and names a chat template; expected none")
    names = [segment.name for segment in template.segments if isinstance(segment, Slot)]
    for name in (slots.PROMPT, slots.INPUT):
        if names.count(name) != 1:
            raise MalformedError(f"template.segments has {names.count(name)} slots {name!r}; expected one")
    if strange := set(names) - {slots.PROMPT, *source.columns}:
        raise MalformedError(f"template.segments has the slots {shown(sorted(strange))}, unknown to its source")
    fixed = [segment.ids for segment in template.segments if isinstance(segment, FixedText)]
    if any(token < 0 for ids in (*fixed, template.target_end_ids) for token in ids):
        raise MalformedError("template holds a negative token id; token ids start at 0")
