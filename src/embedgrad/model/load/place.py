"""Where a model is put, in which dtype, and whether it fits there."""

from __future__ import annotations

from typing import Literal

import torch

from embedgrad.errors import NotEnoughMemory, UsageError, did_you_mean
from embedgrad.faces import setting
from embedgrad.model import hooks
from embedgrad.model.memory import free_bytes

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


def device_of(device: str) -> torch.device:
    """The device of that name; `auto` is the first GPU, else the CPU. Raises UsageError."""
    if device == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"{device!r} is no device; write cpu, cuda or cuda:1.") from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"{device!r} is not here: torch {torch.__version__} sees {torch.cuda.device_count()} GPUs.")
    if place.type not in ("cpu", "cuda") and not _is_here(place):
        raise UsageError(
            f"{device!r} is not here: torch {torch.__version__} sees no such device. Write auto, cpu, cuda or cuda:1."
        )
    return place


def _is_here(place: torch.device) -> bool:
    """Whether `place` is one of this machine's accelerators, such as mps on a Mac."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return found is not None and found.type == place.type and (place.index or 0) < torch.accelerator.device_count()


def dtype_of(dtype: str, place: torch.device) -> torch.dtype:
    """The dtype of that name; `auto` is `fastest_dtype`. Raises UsageError."""
    if dtype == "auto":
        dtype = fastest_dtype(place)
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype not in known:
        raise UsageError(f"{dtype!r} is no dtype; write auto, {', '.join(known)}.{did_you_mean(dtype, [*known])}")
    return known[dtype]


def fastest_dtype(place: torch.device) -> Dtype:
    """bfloat16 where `place` multiplies it natively (a GPU from Ampere on, x86 with AVX512-BF16 or AMX), else float32.

    Trap: elsewhere PyTorch emulates it, slower than float32.
    """
    if place.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if hooks.cpu_multiplies_bfloat16() else "float32"


def check_memory(label: str, need_bytes: int, dtype: torch.dtype, place: torch.device) -> None:
    """Raises NotEnoughMemory where `place` has less free than the weights need."""
    free = free_bytes(place)
    if need_bytes > free:
        raise too_large(label, need_bytes, free, dtype, place)


def too_large(
    label: str, need_bytes: int, there_bytes: int, dtype: torch.dtype, place: torch.device
) -> NotEnoughMemory:
    """The error for weights that do not fit, `there_bytes` being free."""
    advice = "Use a smaller model or another device."
    if dtype == torch.float32:
        advice = f"Try {setting('dtype', 'bfloat16', of='load_model')}, which needs half, or a smaller model."
    return NotEnoughMemory(
        f"The weights of {label} need {need_bytes / 1e9:.1f} GB in {str(dtype).removeprefix('torch.')}; "
        f"{place} has {there_bytes / 1e9:.1f} GB free. {advice}"
    )
