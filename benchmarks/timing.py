"""Seconds and bytes: interleaved timing in one process, the machine's GEMM rate, peak memory of a child process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch

from arms import Arm
from embedgrad.model.memory import peak_bytes

EPOCHS = 5  # over how many passes the filling of a cache is spread
GEMM_SIZES = (1024, 2048, 4096)


def clock() -> float:
    """Seconds: of this process, where one thread does all, so that other work on the machine does not count; else of
    the wall."""
    is_alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.process_time() if is_alone else time.perf_counter()


@dataclass
class Times:
    """Seconds of single steps: `first` on batches that the arm meets for the first time, `later` on known ones."""

    first: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Median of all steps, for an arm that keeps nothing."""
        return median(self.first + self.later)

    @property
    def amortised(self) -> float:
        """Seconds per step where the first of EPOCHS passes is a first one; from medians."""
        return (median(self.first) + (EPOCHS - 1) * median(self.later)) / EPOCHS

    @property
    def mean(self) -> float:
        """As `seconds`, where the batches differ in size: a mean."""
        return fmean(self.first + self.later)

    @property
    def amortised_mean(self) -> float:
        """As `amortised`, from means."""
        return (fmean(self.first) + (EPOCHS - 1) * fmean(self.later)) / EPOCHS


def synchronized(device: torch.device) -> None:
    """Wait for what was given to a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Wall-clock time of `work`, a GPU's own work included."""
    synchronized(device)
    started = time.perf_counter()
    work()
    synchronized(device)
    return time.perf_counter() - started


def interleaved(
    arms: Mapping[str, Arm], batches: int, repeats: int, device: torch.device, warm_up: int
) -> dict[str, Times]:
    """Steps of all arms in turn, batch by batch, so that what slows the machine down hits every arm alike.

    Each repeat is a first and a later pass over the batches. Before them, `warm_up` batches run uncounted: each new
    shape costs time once per process.
    """
    times = {name: Times() for name in arms}
    for repeat in range(-1, repeats):
        for arm in arms.values():
            arm.forget()
        for kind in ("first", "later"):
            for batch in range(batches if repeat >= 0 else warm_up):
                for name, arm in arms.items():
                    seconds = seconds_of(lambda arm=arm, batch=batch: arm.step(batch), device)
                    if repeat >= 0:
                        getattr(times[name], kind).append(seconds)
    return times


def gemm_rate(dtype: torch.dtype, device: torch.device, sizes: Sequence[int]) -> float:
    """FLOP/s of the best of several square matrix products, with this process's threads."""
    best = 0.0
    for size in sizes:
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        out = left @ right
        runs = [seconds_of(lambda: torch.mm(left, right, out=out), device) for _ in range(9)]  # noqa: B023
        best = max(best, 2 * size**3 / min(runs))
    return best


def matrix_units() -> str:
    """What the processor has for products in bfloat16, by the names in /proc/cpuinfo."""
    path = Path("/proc/cpuinfo")
    flags = set(path.read_text().split()) if path.is_file() else set()
    names = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}
    found = [name for flag, name in names.items() if flag in flags]
    return ", ".join(found) or "none for bfloat16"


def peak(device: torch.device) -> int:
    """Most memory this process held: torch's allocations on a GPU, else all of the process, libraries included.

    Trap: on Linux ru_maxrss of a fresh process begins at its parent's size; VmHWM does not.
    """
    status = Path("/proc/self/status")
    if device.type == "cuda" or not status.is_file():
        return peak_bytes(device)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def in_child(script: str, arguments: Sequence[str]) -> Any:
    """What `script` prints as its last line of JSON, run in a process of its own."""
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The child process of {Path(script).name} failed:\n{done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
