"""The prompt along the run: a file for every validation, `trajectory/step-000040.safetensors` of a run folder.

Each holds one tensor, `prompt_embeddings` [P, D] float32. A resumed run ends with the files of one never stopped.
"""

from __future__ import annotations

from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from embedgrad.durable import make_folder, write_file
from embedgrad.errors import EmbedgradError

_TENSOR = "prompt_embeddings"


def write_snapshot(folder: Path, step: int, embeddings: Tensor) -> None:
    """Write the prompt [P, D] after `step` steps into `folder`, atomically. Raises OutputError."""
    make_folder(folder)
    rows = embeddings.detach().float().cpu().contiguous()
    write_file(folder / f"step-{step:06d}.safetensors", safetensors.torch.save({_TENSOR: rows}))


def read_trajectory(folder: Path) -> list[tuple[int, Tensor]]:
    """(step, [P, D] float32) of every snapshot in `folder`, in order; empty where there are none.
    Raises EmbedgradError for a damaged file."""
    found = []
    for path in folder.glob("step-*.safetensors"):
        try:
            step = int(path.stem.removeprefix("step-"))
            found.append((step, safetensors.torch.load_file(path)[_TENSOR]))
        except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
            raise EmbedgradError(
                f"{path} is not what embedgrad writes: {error}. It was damaged or changed: restore it or take it out."
            ) from error
    return sorted(found, key=lambda pair: pair[0])
