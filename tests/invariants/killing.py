"""Run by test_resume.py: tune in child processes that are killed at random moments, until one of them finishes.

torch is imported once, before any thread of it runs; each child is forked from there, so that a kill costs
milliseconds. Arguments: seed, least number of kills, run folder, then the arguments of the first `embedgrad tune`.
Prints the number of kills.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import scipy.stats
import torch
import transformers.models.auto.modeling_auto
import transformers.models.qwen2.modeling_qwen2

import embedgrad.report.page
import embedgrad.tuning.tune
from embedgrad.cli.main import main

IMPORTED = (torch, transformers, scipy.stats, embedgrad)


def run_once(arguments: list[str], live_seconds: float | None) -> bool:
    """Whether the child finished before its time was up."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(main(arguments))
    if live_seconds is None:
        _, status = os.waitpid(child, 0)
        if status != 0:
            sys.exit(f"the run failed with status {status}")
        return True
    until = time.monotonic() + live_seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status != 0:
                sys.exit(f"the run failed with status {status}")
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def kill_until_done(seed: int, least_kills: int, folder: Path, first: list[str]) -> int:
    moments = random.Random(seed)
    kills = 0
    while True:
        if not (folder / "settings.toml").is_file():
            shutil.rmtree(folder, ignore_errors=True)  # killed before there was anything to continue
            arguments = first
        else:
            arguments = ["tune", "--resume", str(folder), "--quiet"]
        live = moments.uniform(0.05, 1.2) if kills < least_kills else None
        if run_once(arguments, live):
            if kills >= least_kills:
                return kills
            shutil.rmtree(folder)  # done too soon: again, with other moments
        else:
            kills += 1


if __name__ == "__main__":
    print(kill_until_done(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
