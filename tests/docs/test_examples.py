"""Every example runs as it stands, offline, and says something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
SAYS = {
    "01": "difference    +",
    "02": "third against first: +",
    "03": "'positive'",
    "04": "own loop",
    "05": "vocabulary, 4 tokens",
    "06": "PEFT:      'negative'",
}


def _run(*arguments: object, folder: Path) -> str:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TMPDIR": str(folder)}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example: Path, tmp_path: Path) -> None:
    assert SAYS[example.name[:2]] in _run(example, folder=tmp_path)


def test_examples_are_short() -> None:
    assert [path.name[:2] for path in EXAMPLES] == sorted(SAYS)
    assert all(len(path.read_text(encoding="utf-8").splitlines()) < 50 for path in EXAMPLES)
