"""The tests of `make fast` need no torch, and `make check` is what a commit waits for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _listed() -> list[str]:
    """The files and folders of FAST in the Makefile."""
    found = re.search(r"^FAST := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert found is not None
    return [str(path.relative_to(ROOT)) for word in found[1].replace("\\", " ").split() for path in ROOT.glob(word)]


def test_they_are_collected_without_torch() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--numprocesses", "0", "--without-torch", *_listed()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def test_without_torch_means_that() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--numprocesses", "0", "--without-torch"]
    done = subprocess.run([*command, "tests/tuning/test_loop.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "import of torch halted" in done.stdout


def test_a_commit_waits_for_make_check_and_nothing_else() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^ +entry: (.*)$", hooks, re.M) == ["make check"]
    assert re.findall(r"^ *- repo: (.*)$", hooks, re.M) == ["local"]
