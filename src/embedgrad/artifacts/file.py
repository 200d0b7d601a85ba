"""The file of an artifact that is no soft prompt: one .safetensors file, sealed as a prompt file is (prompt/sealed.py).

    metadata embedgrad   one JSON object: content_sha256, format_version, kind, and the fields of the kind's record
    tensors              those of the kind, if it has any

Everything in it is checked before it is used, and nothing is imported, downloaded or executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from embedgrad.durable import write_file
from embedgrad.errors import BadPromptFile, UnknownVersion
from embedgrad.json_shape import Shape
from embedgrad.model.identity import BaseIdentity
from embedgrad.prompt.container import find_tensors, float_rows, parse_header
from embedgrad.prompt.file import check_template, read_bytes
from embedgrad.prompt.sealed import DIGEST, record_of, record_text, sealed, without_digest
from embedgrad.strict_json import MalformedError, shown
from embedgrad.template.layout import RenderedTemplate

Arrays = Mapping[str, npt.NDArray[np.float32]]
_UPDATE = "Update it: pip install --upgrade embedgrad"


class ArtifactRecord(Shape):
    """What every such file says besides its tensors; a kind's own record names its `kind` and adds what it needs."""

    format_version: Literal[1] = 1
    kind: Annotated[str, Field(min_length=1)]
    template: RenderedTemplate | None
    base: BaseIdentity | None


Record = TypeVar("Record", bound=ArtifactRecord)


def write(path: Path, record: ArtifactRecord, tensors: Arrays | None = None) -> str:
    """Save both whole or not at all; returns the content SHA-256. Raises OutputError."""
    data = sealed(record.model_dump(mode="json"), tensors or {})
    write_file(path, data)
    return data[DIGEST].decode()


def read(path: Path, kind: type[Record], names: tuple[str, ...] = ()) -> tuple[Record, Arrays]:
    """What `write` wrote, with just the tensors `names`. Raises FileMissing, BadPromptFile, UnknownVersion."""
    data = read_bytes(path)
    try:
        header, start = parse_header(data)
        text, version = record_text(header)
        if version != 1:
            raise UnknownVersion(
                f"{path} has the format version {shown(version)}; this embedgrad reads version 1. {_UPDATE}"
            )
        tensors = find_tensors(header, start, len(data), dict.fromkeys(names, ("F32",)), ())
        record = record_of(kind, without_digest(data, header, text))
        if record.template is not None:
            check_template(record.template)
        if missing := set(names) - set(tensors):
            raise MalformedError(f"it lacks the tensors {shown(sorted(missing))}")
        return record, {name: float_rows(data, tensor, name) for name, tensor in tensors.items()}
    except (MalformedError, RecursionError) as error:
        raise BadPromptFile(f"{path} cannot be used: {error}. Get it again from where it came.") from None
