"""The prompt along the run: a file for every validation, `trajectory/step-000040.safetensors` of a run folder.

Each holds one tensor, `prompt_embeddings` [P, D] float32, sealed (prompt/sealed.py). A resumed run ends with the files
of one never stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from embedgrad.durable import make_folder, write_file
from embedgrad.errors import EmbedgradError
from embedgrad.json_shape import Shape
from embedgrad.named_file import read_named
from embedgrad.prompt.container import MAX_FILE_BYTES, METADATA, PROMPT_TENSOR, find_tensors, float_rows, parse_header
from embedgrad.prompt.sealed import record_of, record_text, sealed, without_digest
from embedgrad.strict_json import MalformedError, shown


class SnapshotRecord(Shape):
    """What a snapshot says besides its tensor."""

    format_version: Literal[1] = 1
    step: Annotated[int, Field(ge=0)]


def write_snapshot(folder: Path, step: int, embeddings: Tensor) -> None:
    """Write the prompt [P, D] after `step` steps into `folder`, atomically. Raises OutputError."""
    make_folder(folder)
    rows = embeddings.detach().float().cpu().numpy()
    record = SnapshotRecord(step=step).model_dump(mode="json")
    write_file(folder / f"step-{step:06d}.safetensors", sealed(record, {PROMPT_TENSOR: rows}))


def read_trajectory(folder: Path) -> list[tuple[int, Tensor]]:
    """(step, [P, D] float32) of every snapshot in `folder`, in order; empty where there are none. Raises EmbedgradError
    for a damaged, altered or renamed file, and where their shapes differ."""
    found: list[tuple[int, Tensor]] = []
    for path in sorted(folder.glob("step-*.safetensors")):
        try:
            step, rows = _decoded(read_named(path, MAX_FILE_BYTES), path.stem.removeprefix("step-"))
            if found and rows.shape != found[0][1].shape:
                raise MalformedError(f"it has the shape {tuple(rows.shape)}, others have {tuple(found[0][1].shape)}")
            found.append((step, rows))
        except (OSError, MalformedError, RecursionError) as error:
            problem = getattr(error, "strerror", None) or error
            raise EmbedgradError(
                f"{path} is not what embedgrad writes: {problem}. It was damaged or changed: restore it or take it out."
            ) from error
    return sorted(found, key=lambda pair: pair[0])


def _decoded(data: bytes, named: str) -> tuple[int, Tensor]:
    header, start = parse_header(data)
    tensors = find_tensors(header, start, len(data), {PROMPT_TENSOR: ("F32",)})
    if not (named.isascii() and named.isdecimal()):
        raise MalformedError(f"its name has no number of a step, but {shown(named)}")
    step = int(named)
    if METADATA in header:  # those of an earlier embedgrad had no record
        text, _ = record_text(header)
        record = record_of(SnapshotRecord, without_digest(data, header, text))
        if record.step != step:
            raise MalformedError(f"it is the prompt after step {record.step}")
    return step, torch.from_numpy(float_rows(data, tensors[PROMPT_TENSOR]))
