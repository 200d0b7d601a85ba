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
    "03": "'praise'",
    "04": "own loop",
    "05": "vocabulary, 4 tokens",
    "06": "PEFT:      'complaint'",
}


def _run(*arguments: object, folder: Path) -> str:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TMPDIR": str(folder)}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    _run(ROOT / "examples" / "tiny_model.py", folder / "tiny", folder=folder)
    return folder / "tiny"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example: Path, model: Path, tmp_path: Path) -> None:
    # The first one makes its model itself, as all do when they are run without --model.
    own = [] if example.name.startswith("01") else ["--model", model]
    assert SAYS[example.name[:2]] in _run(example, *own, folder=tmp_path)


def test_examples_are_short() -> None:
    assert [path.name[:2] for path in EXAMPLES] == sorted(SAYS)
    assert all(len(path.read_text(encoding="utf-8").splitlines()) < 50 for path in EXAMPLES)
