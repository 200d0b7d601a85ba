"""How much memory there is, and how much this process has used at its highest."""

from __future__ import annotations

import sys

import psutil
import torch


def free_bytes(place: torch.device) -> int:
    """Memory that could be taken on `place` now."""
    if place.type == "cuda":
        return int(torch.cuda.mem_get_info(place)[0])
    return int(psutil.virtual_memory().available)


def peak_bytes(place: torch.device) -> int:
    """Most memory this process has held so far: on a GPU torch's allocations there, on a CPU the whole process."""
    if place.type == "cuda":
        return int(torch.cuda.max_memory_allocated(place))
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux, bytes on macOS
