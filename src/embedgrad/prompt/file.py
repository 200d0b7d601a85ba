"""The prompt file: one .safetensors file that replaces a prompt's text.

    tensor prompt_embeddings  [P, D] float32
    tensor initial_ids        [P] int64, where a text was the start
    metadata embedgrad        one JSON object: content_sha256 first, then the fields of PromptRecord

`content_sha256` covers the whole file with its own 64 digits as zeros, so no byte can change unnoticed. It
tells damage, not who made the file. Reading imports, downloads and executes nothing and needs no torch.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, JsonValue

from embedgrad.durable import write_file
from embedgrad.errors import BadPromptFile, FileMissing, PromptError, TemplateError, UnknownVersion
from embedgrad.json_shape import FirstError, Shape
from embedgrad.model.identity import BaseIdentity
from embedgrad.named_file import read_named
from embedgrad.prompt.container import MAX_FILE_BYTES, PROMPT_TENSOR, Tensor, find_tensors, float_rows, parse_header
from embedgrad.prompt.sealed import DIGEST, record_of, record_text, sealed, without_digest
from embedgrad.strict_json import MalformedError, legible, shown
from embedgrad.template import template as slots
from embedgrad.template.layout import RenderedTemplate
from embedgrad.template.template import FixedText, Slot, Template

IDS = "initial_ids"
_DTYPES = {PROMPT_TENSOR: ("F32",), IDS: ("I64",)}
_WHERE = {
    errno.EISDIR: "Name the file itself.",
    errno.EINVAL: "Name the file itself.",
    errno.EFBIG: "Check what it is.",
    errno.ENAMETOOLONG: "Check the path.",
}
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
    trainable: FirstError[tuple[bool, ...]] | None
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
    return data[DIGEST].decode()


def encode(content: PromptFile) -> bytes:
    """The whole file; equal content gives equal bytes. Raises PromptError for what `decode` would refuse."""
    if content.embeddings.dtype != np.float32:
        raise PromptError(f"A prompt is saved as float32; these embeddings are {content.embeddings.dtype}.")
    tensors: dict[str, npt.NDArray[Any]] = {}
    try:
        if content.initial_ids is not None:  # in front, where they are aligned
            tensors[IDS] = np.array(content.initial_ids, dtype=np.int64)
        tensors[PROMPT_TENSOR] = content.embeddings
        fields = content.record.model_dump(mode="json")
        whole = sealed(fields, tensors)
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


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """A file of at most `limit` bytes, in memory: a mapped file that shrinks kills its reader. Raises FileMissing,
    BadPromptFile."""
    try:
        return read_named(path, limit)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise FileMissing(f"{path} is not there. Check the path.") from None
    except OSError as error:
        advice = _WHERE.get(error.errno or 0, "Check its permissions.")
        raise BadPromptFile(f"{path} cannot be read: {error.strerror or error}. {advice}") from error


def _decoded(data: bytes) -> PromptFile:
    header, start = parse_header(data)
    text, version = record_text(header)
    if version != 1:
        raise UnknownVersion(
            f"has the format version {shown(version)}; this embedgrad reads version 1. "
            "Update it: pip install --upgrade embedgrad"
        )
    tensors = find_tensors(header, start, len(data), _DTYPES)
    record = record_of(PromptRecord, without_digest(data, header, text))
    embeddings = float_rows(data, tensors[PROMPT_TENSOR])
    ids = _initial_ids(data, tensors[IDS], len(embeddings)) if IDS in tensors else None
    if record.trainable is not None and len(record.trainable) != len(embeddings):
        raise MalformedError(
            f"trainable has {len(record.trainable)} entries; expected {len(embeddings)}, one for each row"
        )
    if record.template is not None:
        check_template(record.template)
    return PromptFile(embeddings, ids, record)


def _initial_ids(data: bytes, tensor: Tensor, rows: int) -> tuple[int, ...]:
    if tensor.shape != (rows,):
        raise MalformedError(f"{IDS} has the shape {tensor.shape}; expected ({rows},), one for each row")
    ids = tuple(tensor.array(data).tolist())
    if min(ids) < 0:
        raise MalformedError(f"{IDS} holds {min(ids)}; token ids start at 0")
    return ids


def check_template(template: RenderedTemplate) -> None:
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
    for name in (slots.PROMPT_SLOT, slots.INPUT_SLOT):
        if names.count(name) != 1:
            raise MalformedError(f"template.segments has {names.count(name)} slots {name!r}; expected one")
    if strange := set(names) - {slots.PROMPT_SLOT, *source.columns}:
        raise MalformedError(f"template.segments has the slots {shown(sorted(strange))}, unknown to its source")
    fixed = [segment.ids for segment in template.segments if isinstance(segment, FixedText)]
    if any(token < 0 for ids in (*fixed, template.target_end_ids) for token in ids):
        raise MalformedError("template holds a negative token id; token ids start at 0")
